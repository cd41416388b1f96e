/** When the steps that a step needs let it run. */
import type { RunIf } from "../../language/step-definition.ts";

/** How many of a step's needs have settled, by outcome. */
export interface NeedCounts {
  unsettled: number;
  completed: number;
  /** … or skipped because of a failure. */
  failed: number;
  /** Skipped for another reason, or canceled. */
  absent: number;
}

/** `undecided` until a further need settles. */
export function decide(runIf: RunIf, needs: Readonly<NeedCounts>): "run" | "skip" | "undecided" {
  const allSettled = needs.unsettled === 0;
  switch (runIf) {
    case "all_completed":
      if (needs.failed + needs.absent > 0) return "skip";
      return allSettled ? "run" : "undecided";
    case "all_settled":
      return allSettled ? "run" : "undecided";
    case "none_failed":
      if (needs.failed > 0) return "skip";
      return allSettled ? "run" : "undecided";
    case "any_completed":
      if (needs.completed > 0) return "run";
      return allSettled ? "skip" : "undecided";
    case "any_failed":
      if (needs.failed > 0) return "run";
      return allSettled ? "skip" : "undecided";
  }
}
