import { AgentError, defineAgent } from "orchestrator/kit";

export default defineAgent({
  id: "translator",
  capabilities: ["translate"],
  secret: process.env["SIGNING_SECRET"] ?? "", // the agent's signing_secret: who else calls is refused
  execute: async ({ text }: { text: string }, { idempotencyKey, signal, progress, usage }) => {
    if (text === "") throw new AgentError({ code: "no_text", message: "There is no text", retryable: false });
    progress({ done: 0.5 }); // keeps the lease
    const response = await fetch("https://translate.example/", {
      method: "POST",
      headers: { "idempotency-key": idempotencyKey },
      body: text,
      signal, // aborted once nobody wants the outcome
    });
    usage({ cost_usd: 0.002 });
    return response.text();
  },
});
