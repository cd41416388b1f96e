/** Takes as long as it is told. With `--call-back` it answers 202 at once, and calls back when it has slept. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

serve(
  defineAgent({
    id: "sleeper",
    capabilities: ["sleep"],
    secret: signingSecret(),
    // Otherwise whoever asked waits, however long it takes.
    replyWithinMs: process.argv.includes("--call-back") ? 0 : 3_600_000,
    execute: async ({ ms }: { readonly ms: number }) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return { slept_ms: ms };
    },
  }),
);
