/** What becomes of a run whose predecessor has not ended. Pure. */
import { LIMITS } from "./limits.ts";
import type { Reason } from "./run-entry.ts";
import type { Overlap } from "./schedule.ts";

export type OverlapVerdict =
  | { readonly type: "start" }
  | { readonly type: "skip"; readonly reason: Reason }
  /** `cancels`: what runs is canceled, so that it ends soon; a run that waits already gives its place to this one. */
  | { readonly type: "wait"; readonly cancels: boolean };

/** `busy`: the task that still runs. */
export function overlapVerdict(overlap: Overlap, busy: string, isOneWaiting: boolean): OverlapVerdict {
  switch (overlap) {
    case "allow":
      return { type: "start" };
    case "skip":
      return { type: "skip", reason: { code: "overlap", message: `${busy} was still running` } };
    case "queue":
      if (!isOneWaiting) return { type: "wait", cancels: false };
      return { type: "skip", reason: { code: "queue_full", message: `${busy} was still running, and one run waits already` } };
    case "cancel_previous":
      return { type: "wait", cancels: true };
  }
}

export const SUPERSEDED: Reason = { code: "superseded", message: "A later run took its place before it could start" };
export const WHILE_PAUSED: Reason = { code: "paused", message: "The schedule was paused" };
export const REPLACED: Reason = { code: "replaced", message: "The schedule got other times before it could start" };
export const TOO_LATE: Reason = {
  code: "missed",
  message: `It could not start within ${LIMITS.scheduleGraceMs / 1_000}s of its time, and catch_up made up for no more`,
};
