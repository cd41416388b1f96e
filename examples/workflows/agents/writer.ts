/** Writes, revises, and publishes. */
import { defineAgent, type AttemptContext } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

interface Draft {
  readonly title: string;
  readonly text: string;
}

serve(
  defineAgent({
    id: "writer",
    capabilities: ["write", "revise", "publish"],
    secret: signingSecret(),
    execute: {
      write: ({ topic }: { readonly topic: string }): Draft => ({
        title: `All about ${topic}`,
        text: `Everybody should know about ${topic}. This is why.`,
      }),
      revise: ({ draft, comment }: { readonly draft: Draft; readonly comment: string | null }): Draft => ({
        ...draft,
        text: `${draft.text} (Once more, because of this: ${comment ?? "nobody came"})`,
      }),
      publish: ({ title, text }: Draft, { taskId }: AttemptContext) => ({ title, text, url: `https://magazine.example/${taskId}` }),
    },
  }),
);
