/** Brings analyses together: an assessment of the style where it needs one, and the report. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";
import type { Analysis } from "./analyst.ts";

interface Assignment {
  readonly documents: readonly string[];
  readonly analyses: readonly Analysis[];
  /** Of each document, where somebody looked for them. */
  readonly keywords: Readonly<Record<string, readonly string[]>> | null;
  /** What the critic found, or `null` where nobody had to look. */
  readonly critique: { readonly advice: readonly string[] } | null;
}

function mergedTerms(analyses: readonly Analysis[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { terms } of analyses) for (const [term, count] of Object.entries(terms)) counts.set(term, (counts.get(term) ?? 0) + count);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

function report({ documents, analyses, keywords, critique }: Assignment): string {
  const sum = (of: (analysis: Analysis) => number): number => analyses.reduce((total, analysis) => total + of(analysis), 0);
  const [words, sentences] = [sum(({ words: count }) => count), sum(({ sentences: count }) => count)];
  const terms = mergedTerms(analyses).slice(0, 12);
  const most = terms[0]?.[1] ?? 1;
  const lines = [
    `# What ${documents.length} ${documents.length === 1 ? "document says" : "documents say"}`,
    "",
    ...documents.slice(0, 20).map((name) => `- ${[name, ...(keywords?.[name]?.length ? [keywords[name].join(", ")] : [])].join(": ")}`),
    ...(documents.length > 20 ? [`- and ${documents.length - 20} more`] : []),
    "",
    `${sum(({ sections }) => sections)} sections · ${words} words · ${sentences} sentences of ${(words / Math.max(1, sentences)).toFixed(1)} words · ` +
      `${sum(({ code_lines }) => code_lines)} lines of code · ${sum(({ links }) => links)} links`,
    "",
    "## What they are about",
    "",
    ...terms.map(([term, count]) => `${term.padEnd(16)} ${"█".repeat(Math.max(1, Math.round((count / most) * 30)))} ${count}`),
    "",
    "## How they read",
    "",
    ...(critique === null ? ["No sentence is longer than a reader's breath."] : critique.advice.map((advice) => `- ${advice}`)),
  ];
  return lines.join("\n");
}

serve(
  defineAgent({
    id: "editor",
    capabilities: ["text.report"],
    secret: signingSecret(),
    execute: report,
  }),
);
