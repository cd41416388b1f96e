/** A task's attempts, by where they stand. */
import { liveAttempt, type Attempt } from "../../engine/state/step-state.ts";
import type { Loaded } from "../journal/load.ts";
import type { AttemptOf } from "../messages.ts";

interface Standing {
  readonly at: AttemptOf;
  readonly attempt: Attempt;
}

export const keyOf = ({ step, attempt }: AttemptOf): string => `${step}/${attempt}`;

/** The attempt, if it is under way or in line. */
export function attemptAt({ state }: Loaded, { step, attempt }: AttemptOf): Attempt | undefined {
  return liveAttempt(state.stepByPath.get(step), attempt);
}

/** Those that were sent out and have not shown that they arrived. */
export function* unclaimed({ state }: Loaded): Iterable<Standing> {
  if (state.unclaimed > 0) yield* standing(state, ({ claim, way }) => claim === null && way !== null);
}

/** Those that a queue's consumer has, which says now and then that it is there. */
export function* consumed({ state }: Loaded): Iterable<Standing> {
  if (state.consumed > 0) yield* standing(state, ({ claim }) => claim?.via === "queue" && claim.renews);
}

/** Those that wait for a slot. */
export function* inLine({ state }: Loaded): Iterable<Standing> {
  if (state.queued > 0) yield* standing(state, ({ way }) => way === null);
}

function* standing({ steps }: Loaded["state"], isMeant: (attempt: Attempt) => boolean): Iterable<Standing> {
  for (const { phase, path } of steps) {
    if (phase.status !== "running") continue;
    for (const attempt of phase.live) if (isMeant(attempt)) yield { at: { step: path, attempt: attempt.number }, attempt };
  }
}
