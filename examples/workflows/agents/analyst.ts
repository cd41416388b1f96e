/** Counts what findings are about, and writes a report of it. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";
import { frequentWords } from "../words.ts";
import type { Finding } from "./searcher.ts";

interface Analysis {
  readonly findings: number;
  readonly sources: readonly string[];
  readonly words: readonly string[];
}

function analyse(asked: { readonly findings: readonly (readonly Finding[] | null)[] }): Analysis {
  const findings = asked.findings.flatMap((ofSource) => ofSource ?? []);
  return {
    findings: findings.length,
    sources: [...new Set(findings.map(({ source }) => source))],
    words: frequentWords(findings.map(({ text }) => text).join(" ")).slice(0, 5),
  };
}

function report({ query, analysis }: { readonly query: string; readonly analysis: Analysis }): string {
  const { findings, sources, words } = analysis;
  return `On “${query}” there are ${findings} findings (${sources.join(", ")}). They speak of ${words.join(", ")}.`;
}

serve(
  defineAgent({
    id: "analyst",
    capabilities: ["analyse", "report"],
    secret: signingSecret(),
    execute: { analyse, report },
  }),
);
