/** A receipt in a sentence, for people. */
import type { Receipt, ReceiptCandidate } from "../../engine/facts/receipt.ts";

/** Why these agents were chosen, or why nobody was. */
export function whyOf(receipt: Receipt): string {
  const named = (verdict: string): readonly ReceiptCandidate[] => receipt.candidates.filter((candidate) => candidate.verdict === verdict);
  const chosen = named("chosen");
  const eligible = named("eligible");
  const out = receipt.candidates.filter(({ verdict }) => verdict !== "chosen" && verdict !== "eligible");
  const total = receipt.candidates.length + (receipt.more ?? 0);
  const ruledOut = out.length === 0 ? "" : `; ruled out: ${out.map(({ agent, reason }) => `${agent} (${reason})`).join(", ")}`;
  if (chosen.length === 0) {
    if (total === 0) return "nobody offers this";
    const enough = eligible.length === 0 ? "nobody can take it now" : `only ${eligible.length} can take it now`;
    return `${enough} of the ${total} that offer this${ruledOut}`;
  }
  const names = chosen.map(({ agent }) => agent).join(", ");
  const best = chosen[0] as ReceiptCandidate;
  const note = receipt.note === undefined ? "" : ` (${receipt.note})`;
  if (total === 1) return `${names}: the only one that offers this${note}`;
  const parts = best.parts === undefined ? "" : ` with ${inWords(best)}`;
  const next =
    eligible[0] === undefined ? "" : `; next best: ${eligible[0].agent}${eligible[0].parts ? ` with ${inWords(eligible[0])}` : ""}`;
  return `${names}: ${receipt.policy}${note}, best of ${total}${parts}${next}${ruledOut}`;
}

function inWords({ score, parts }: ReceiptCandidate): string {
  const named = Object.entries(parts ?? {}).map(([part, value]) => `${part} ${value}`);
  return `${score} (${named.join(", ")})`;
}
