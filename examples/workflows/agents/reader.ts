/** Reads texts: splits them between paragraphs, and says of each part which of its sentences says most. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";
import { frequentWords, wordsOf } from "../words.ts";

interface Text {
  readonly text: string;
}

/** Chunks of about as many words; a paragraph is never cut. */
function split({ text, words }: Text & { readonly words: number }): readonly string[] {
  const chunks: string[] = [];
  for (const paragraph of text.split(/\n\s*\n/)) {
    const last = chunks.at(-1);
    if (last === undefined || wordsOf(last).length + wordsOf(paragraph).length > words) chunks.push(paragraph.trim());
    else chunks[chunks.length - 1] = `${last}\n\n${paragraph.trim()}`;
  }
  return chunks;
}

/** The sentence that has most of what the text is about. */
function summarise({ text }: Text): string {
  const about = new Set(frequentWords(text).slice(0, 12));
  const weight = (sentence: string): number => new Set(wordsOf(sentence).filter((word) => about.has(word))).size;
  const sentences = text.split(/(?<=[.!?])\s+|\n\s*\n/).map((sentence) => sentence.replaceAll(/\s+/g, " ").trim());
  return sentences.reduce((best, sentence) => (weight(sentence) > weight(best) ? sentence : best), "");
}

serve(
  defineAgent({
    id: "reader",
    capabilities: ["text.split", "text.summarise", "text.combine"],
    secret: signingSecret(),
    execute: {
      "text.split": split,
      "text.summarise": summarise,
      "text.combine": ({ parts }: { readonly parts: readonly string[] }) => [...new Set(parts)].filter((part) => part !== "").join(" "),
    },
  }),
);
