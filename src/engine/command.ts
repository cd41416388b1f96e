/** What a fact asks of the world. Derived from it, so that what was not done can be found again in the journal. */
import type { TaskEvent } from "./event.ts";

export type Command =
  /** Send the attempt to its agent. */
  | { readonly type: "dispatch"; readonly step: string; readonly attempt: number }
  /** Nobody wants the attempt's reply any more: stop awaiting it and tell the agent. */
  | { readonly type: "abandon"; readonly step: string; readonly attempt: number; readonly reason: string }
  /** Look the agents up afresh, then answer with `look`. */
  | { readonly type: "refresh_agents" };

export function commandsFor(event: TaskEvent): readonly Command[] {
  switch (event.type) {
    case "attempt.started":
    case "attempt.lost":
      return [{ type: "dispatch", step: event.step, attempt: event.attempt }];
    case "step.waiting":
      return [{ type: "refresh_agents" }];
    case "step.canceled":
      return (event.attempts ?? []).map((attempt) => ({ type: "abandon", step: event.step, attempt, reason: event.reason }));
    default:
      return [];
  }
}
