/** Reads sections: how long, how hard, about what. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";
import type { Section } from "./splitter.ts";

export interface Analysis {
  readonly sections: number;
  readonly words: number;
  readonly sentences: number;
  readonly code_lines: number;
  readonly links: number;
  /** How often each of the most frequent terms occurs. */
  readonly terms: Readonly<Record<string, number>>;
  readonly long_sentences: readonly {
    readonly document: string;
    readonly section: string;
    readonly words: number;
    readonly text: string;
  }[];
}

const LONG_SENTENCE_WORDS = 35;
const TERMS = 40;
const COMMON = new Set(
  `a an and are as at be been but by can each every for from has have in into is it its may more most no not of on once one only or
   other our out over own same so than that the their them then there these they this to two under until was what when where which
   while who whose will with without you your`.split(/\s+/),
);

const wordsOf = (text: string): readonly string[] => text.match(/[\p{L}][\p{L}\p{N}'’-]*/gu) ?? [];

/** Prose without code and markup. */
function proseOf(text: string): string {
  return (
    text
      .replace(/^```[\s\S]*?^```/gm, "")
      .replace(/`[^`\n]*`/g, "")
      // Every row of a table, and every item of a list, is a sentence of its own.
      .replace(/^\s*(?=[|*-])/gm, "\n\n")
      .replace(/^\s*[|>#*-]+/gm, "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
  );
}

function analyze(sections: readonly Section[]): Analysis {
  const counts = new Map<string, number>();
  const longSentences: Analysis["long_sentences"][number][] = [];
  let [words, sentences, codeLines, links] = [0, 0, 0, 0];
  for (const { document, title, text } of sections) {
    for (const block of text.match(/^```[\s\S]*?^```/gm) ?? []) codeLines += block.split("\n").length - 2;
    links += text.match(/\]\(|https?:\/\//g)?.length ?? 0;
    for (const sentence of proseOf(text).split(/(?<=[.!?:])\s+|\n\s*\n/)) {
      const found = wordsOf(sentence);
      if (found.length === 0) continue;
      sentences++;
      words += found.length;
      for (const word of found) {
        const term = word.toLowerCase();
        if (term.length > 2 && !COMMON.has(term)) counts.set(term, (counts.get(term) ?? 0) + 1);
      }
      if (found.length >= LONG_SENTENCE_WORDS) {
        longSentences.push({ document, section: title, words: found.length, text: sentence.replace(/\s+/g, " ").trim().slice(0, 200) });
      }
    }
  }
  return {
    sections: sections.length,
    words,
    sentences,
    code_lines: codeLines,
    links,
    terms: Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a).slice(0, TERMS)),
    long_sentences: longSentences.toSorted((a, b) => b.words - a.words).slice(0, 5),
  };
}

serve(
  defineAgent({
    id: "analyst",
    capabilities: ["text.analyze"],
    secret: signingSecret(),
    execute: ({ sections }: { readonly sections: readonly Section[] }) => analyze(sections),
  }),
);
