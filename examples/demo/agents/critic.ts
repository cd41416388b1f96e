/** Looks at the sentences that are hard to read and says which to cut first. */
import { serve } from "../serve.ts";
import type { Analysis } from "./analyst.ts";

serve(({ sentences }: { readonly sentences: Analysis["long_sentences"] }) => ({
  advice: sentences
    .toSorted((a, b) => b.words - a.words)
    .slice(0, 5)
    .map(({ document, section, words, text }) => `${document}, “${section}”: ${words} words in “${text.slice(0, 90)}…”`),
}));
