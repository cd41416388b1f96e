/** What a fact asks of the world. Derived from it, so that what was not done can be found again in the journal. */
import { classOf, type AttemptOutcome } from "../../shared/outcome.ts";
import type { TaskEvent } from "./event.ts";
import type { Usage } from "./call.ts";

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

export type Command =
  /** Send the attempt to its agent. */
  | (OfAttempt & { readonly type: "dispatch" })
  /** Stand in the line of the task's gate. */
  | { readonly type: "enter_gate" }
  /** Ask for one of the agent's slots. */
  | (OfAttempt & { readonly type: "ask_slot"; readonly agent: string })
  /** The task goes on: ask for the slots that it wanted when it was paused. */
  | { readonly type: "ask_slots" }
  /** Nobody wants the attempt's reply any more: stop awaiting it, tell the agent, give its slot back. */
  | (OfAttempt & Holder & { readonly type: "abandon"; readonly reason: string; readonly outcome: AttemptOutcome; readonly inLine: boolean })
  /** The attempt is over: its agent's statistics hear of it, and its slot is free. */
  | (OfAttempt & Holder & { readonly type: "settled"; readonly outcome: AttemptOutcome })
  /** Ask the result cache. */
  | { readonly type: "ask_cache"; readonly step: string }
  /** Give it what the step came to, or say that it gives nothing and waits for nothing. */
  | { readonly type: "fill_cache" | "free_cache"; readonly step: string }
  /** Have it drop what is out of date. */
  | { readonly type: "invalidate_cache"; readonly step: string }
  /** Look the agents up afresh, then answer with `look`. */
  | { readonly type: "refresh_agents" }
  /** Start a task that is a branch of a step. */
  | { readonly type: "start_child"; readonly step: string; readonly branch: number; readonly task: string }
  /** Nobody wants what they would come to. */
  | { readonly type: "cancel_children"; readonly tasks: readonly string[] }
  /** The tasks that this one has started pause and go on with it. */
  | { readonly type: "steer_children" };

export function commandsFor(event: TaskEvent): readonly Command[] {
  switch (event.type) {
    case "task.queued":
      return event.waiting_on.type === "concurrency" ? [{ type: "enter_gate" }] : [];
    case "attempt.started":
      // A pulling agent has it in hand.
      return event.way === "pull" ? [] : [{ type: "dispatch", step: event.step, attempt: event.attempt }];
    case "attempt.lost":
      return [{ type: "dispatch", step: event.step, attempt: event.attempt }];
    case "step.waiting":
      if (event.waiting_on.type === "cache") return [{ type: "ask_cache", step: event.step }];
      if (event.waiting_on.type === "agent") return [{ type: "refresh_agents" }];
      return "attempt" in event ? [{ type: "ask_slot", step: event.step, attempt: event.attempt, agent: event.waiting_on.agent }] : [];
    case "cache.missed":
      return event.reason === "expired" ? [{ type: "free_cache", step: event.step }] : [];
    case "task.paused":
      return [{ type: "steer_children" }];
    case "task.resumed":
      return [{ type: "ask_slots" }, { type: "steer_children" }];
    case "child.started":
      return [{ type: "start_child", step: event.step, branch: event.branch, task: event.task }];
    case "step.canceled":
      return [
        ...(event.attempts ?? []).map((attempt, index): Command => ({
          type: "abandon",
          step: event.step,
          attempt,
          reason: event.reason,
          agent: event.agents?.[index] ?? "",
          capability: null,
          slot: event.slots?.includes(attempt) ?? false,
          outcome: CANCELED,
          inLine: event.in_line?.includes(attempt) ?? false,
        })),
        ...cancelChildren(event.children),
        ...tellCache(event),
      ];
    case "step.skipped":
      return tellCache(event);
    case "step.failed":
      return [...cancelChildren(event.children), ...tellCache(event)];
    case "attempt.canceled": {
      const { step, attempt, reason, agent = "", capability = null, slot = false, hedge = false, in_line = false, ms = null } = event;
      // Who lost a race has taken at least this long.
      const outcome: AttemptOutcome = { ...CANCELED, hedge, ms: reason === "superseded" ? ms : null };
      return [{ type: "abandon", step, attempt, reason, agent, capability, slot, outcome, inLine: in_line }];
    }
    case "step.completed":
    case "attempt.completed":
    case "attempt.failed": {
      const { step, attempt, agent, capability = null, slot = false, hedge = false, ms = null } = event;
      // A step that ends without an agent, or by an ensemble's decision, settles no attempt.
      const more = event.type === "step.completed" ? [...cancelChildren(event.children), ...tellCache(event)] : NO_COMMANDS;
      if (attempt === undefined || agent === undefined) return more;
      const usage = "usage" in event ? event.usage : undefined;
      const outcome: AttemptOutcome = {
        class: event.type === "attempt.failed" ? classOf(event.error) : "success",
        ms,
        costUsd: usage?.cost_usd ?? null,
        tokens: tokensOf(usage),
        ...(usage?.input_tokens !== undefined && { inputTokens: usage.input_tokens }),
        ...(usage?.output_tokens !== undefined && { outputTokens: usage.output_tokens }),
        hedge,
      };
      return [{ type: "settled", step, attempt, agent, capability, slot, outcome }, ...more];
    }
    default:
      return [];
  }
}

const NO_COMMANDS: readonly Command[] = [];

type ForCache = { readonly step: string; readonly cache?: "fill" | "free"; readonly invalidates?: readonly string[] };

/** What is dropped is dropped first: a step that makes its own kind of result out of date does not mean its own result. */
function tellCache({ step, cache, invalidates }: ForCache): readonly Command[] {
  if (cache === undefined && invalidates === undefined) return NO_COMMANDS;
  return [
    ...(invalidates === undefined ? [] : [{ type: "invalidate_cache", step } as const]),
    ...(cache === undefined ? [] : [{ type: `${cache}_cache`, step } as const]),
  ];
}

function cancelChildren(tasks: readonly string[] = []): readonly Command[] {
  return tasks.length === 0 ? [] : [{ type: "cancel_children", tasks }];
}

/** Nobody waits for the reply any more, whatever it would have been. */
const CANCELED: AttemptOutcome = { class: "canceled", ms: null, costUsd: null, tokens: null, hedge: false };

function tokensOf(usage: Usage | undefined): number | null {
  if (usage?.input_tokens === undefined && usage?.output_tokens === undefined) return null;
  return (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
}
