/** What a fact asks of the world. Derived from it, so that what was not done can be found again in the journal. */
import type { AttemptOutcome } from "../../shared/outcome.ts";
import type { AspectCommand } from "../aspects/shapes.ts";

interface OfAttempt {
  readonly step: string;
  readonly attempt: number;
}

/** Whose attempt it was. */
interface Holder {
  readonly agent: string;
  /** `null` where the step names the agent, or where that is not known. */
  readonly capability: string | null;
  readonly slot: boolean;
}

export type Command = CoreCommand | AspectCommand;

type CoreCommand =
  /** Send the attempt to its agent. */
  | (OfAttempt & { readonly type: "dispatch" })
  /** Ask for one of the agent's slots. */
  | (OfAttempt & { readonly type: "ask_slot"; readonly agent: string })
  /** The task goes on: ask for the slots that it wanted when it was paused. */
  | { readonly type: "ask_slots" }
  /** Nobody wants the attempt's reply any more: stop awaiting it, tell the agent, give its slot back. */
  | (OfAttempt & Holder & { readonly type: "abandon"; readonly reason: string; readonly outcome: AttemptOutcome; readonly inLine: boolean })
  /** The attempt is over: its agent's statistics hear of it, and its slot is free. */
  | (OfAttempt & Holder & { readonly type: "settled"; readonly outcome: AttemptOutcome })
  /** Look the agents up afresh, then answer with `look`. */
  | { readonly type: "refresh_agents" }
  /** Start a task that is a branch of a step. */
  | { readonly type: "start_child"; readonly step: string; readonly branch: number; readonly task: string }
  /** Nobody wants what they would come to. */
  | { readonly type: "cancel_children"; readonly tasks: readonly string[] }
  /** The tasks that this one has started pause and go on with it. */
  | { readonly type: "steer_children" };
