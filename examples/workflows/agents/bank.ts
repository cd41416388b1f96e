/** Charges cards. Those that end in 0 are declined. */
import { AgentError, defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

function charge({ card, amount }: { readonly card: string; readonly amount: number }) {
  if (card.endsWith("0")) throw new AgentError({ code: "card_declined", message: `the card does not cover ${amount}`, retryable: false });
  return { amount };
}

serve(defineAgent({ id: "bank", capabilities: ["card.charge"], secret: signingSecret(), execute: charge }));
