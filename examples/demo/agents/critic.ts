/** Looks at the sentences that are hard to read and says which to cut first. It fetches its work: nobody needs to reach it. */
import { defineAgent } from "orchestrator/kit";
import { pull } from "../../setup/pull.ts";
import type { Analysis } from "./analyst.ts";

pull(
  defineAgent({
    id: "critic",
    capabilities: ["text.critique"],
    execute: ({ sentences }: { readonly sentences: Analysis["long_sentences"] }) => ({
      advice: sentences
        .toSorted((a, b) => b.words - a.words)
        .slice(0, 5)
        .map(({ document, section, words, text }) => `${document}, “${section}”: ${words} words in “${text.slice(0, 90)}…”`),
    }),
  }),
);
