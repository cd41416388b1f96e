/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as TASKS } from "../tasks/limits.ts";

export const LIMITS = {
  ...TASKS,

  /** Simulated runs of one policy: beyond ten thousand its quantiles do not move any more. */
  estimateRuns: 10_000,
  /** Steps simulated for one answer, over all runs and policies: two to six seconds of processor, in slices. A large workflow gets fewer runs … */
  estimateSteps: 300_000,
  /** … of one run, whose steps are in memory together (about a kilobyte each) … */
  estimateRunSteps: 60_000,
  /** … but at least so many: quantiles of less say nothing. */
  estimateLeastRuns: 3,
  /** Steps simulated in one go, before other requests have their turn: 40 to 120 ms. */
  estimateSliceSteps: 6_000,
  /** Agents looked at for the steps of a plan; one whose schema the input is checked against counts several times. */
  estimateLooks: 200_000,
  /** Agents of a step among whom every simulated choice is made; selection would hardly ever take another. */
  estimateCandidates: 40,
  /** Working out what is known: steps of all comprehensions, and parts of what they make. About half a second. */
  estimateIterations: 3_000_000,
  /** Assumptions and warnings that an answer tells; steps that it names as dominating. */
  estimateNotes: 100,
  estimateDominators: 20,
  /** Steps that a caller assumes something of. */
  estimateAssumptions: 1_000,
  estimatePolicies: 8,
} as const;
