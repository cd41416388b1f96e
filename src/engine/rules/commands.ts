/** What each fact asks of the world. */
import { classOf, type AttemptOutcome } from "../../shared/outcome.ts";
import { commandsOfAspects } from "../aspects/table.ts";
import type { Usage } from "../facts/call.ts";
import type { Command } from "../facts/command.ts";
import type { TaskEvent } from "../facts/event.ts";

export function commandsFor(event: TaskEvent): readonly Command[] {
  const more = commandsOfAspects(event);
  const commands = commandsOfCore(event);
  return more.length === 0 ? commands : [...commands, ...more];
}

function commandsOfCore(event: TaskEvent): readonly Command[] {
  switch (event.type) {
    case "attempt.started":
      // A pulling agent has it in hand.
      return event.way === "pull" ? [] : [{ type: "dispatch", step: event.step, attempt: event.attempt }];
    case "attempt.lost":
      return [{ type: "dispatch", step: event.step, attempt: event.attempt }];
    case "step.waiting":
      // Who knows when to come back looks then.
      if (event.waiting_on.type === "agent") return event.waiting_on.until === undefined ? [{ type: "refresh_agents" }] : NO_COMMANDS;
      return "attempt" in event ? [{ type: "ask_slot", step: event.step, attempt: event.attempt, agent: event.waiting_on.agent }] : [];
    case "task.paused":
      return [{ type: "steer_children" }];
    case "task.resumed":
      return [{ type: "ask_slots" }, { type: "steer_children" }];
    case "compensation.started":
      return event.task === undefined ? [] : [{ type: "start_child", step: event.step, branch: event.branch ?? 0, task: event.task }];
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
      ];
    case "step.failed":
      return cancelChildren(event.children);
    case "attempt.canceled": {
      const { step, attempt, reason, agent = "", capability = null, slot = false, hedge = false, in_line = false, ms = null } = event;
      // Who lost a race has taken at least this long.
      const outcome: AttemptOutcome = { ...CANCELED, hedge, ms: reason === "superseded" ? ms : null };
      return [{ type: "abandon", step, attempt, reason, agent, capability, slot, outcome, inLine: in_line }];
    }
    case "attempt.declined": {
      const { step, attempt, agent, capability = null, slot = false, hedge = false, ms = null, error, retry_at: heldUntil } = event;
      // Whose line turned it away knows that.
      if (error === undefined && !slot) return NO_COMMANDS;
      const outcome: AttemptOutcome = error === undefined ? CANCELED : { ...CANCELED, class: "throttled", ms, hedge, heldUntil };
      return [{ type: "settled", step, attempt, agent, capability, slot, outcome }];
    }
    case "step.completed":
    case "attempt.completed":
    case "attempt.failed": {
      const { step, attempt, agent, capability = null, slot = false, hedge = false, ms = null } = event;
      // A step that ends without an agent, or by an ensemble's decision, settles no attempt.
      const more = event.type === "step.completed" ? cancelChildren(event.children) : NO_COMMANDS;
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

function cancelChildren(tasks: readonly string[] = []): readonly Command[] {
  return tasks.length === 0 ? [] : [{ type: "cancel_children", tasks }];
}

/** Nobody waits for the reply any more, whatever it would have been. */
const CANCELED: AttemptOutcome = { class: "canceled", ms: null, costUsd: null, tokens: null, hedge: false };

function tokensOf(usage: Usage | undefined): number | null {
  if (usage?.input_tokens === undefined && usage?.output_tokens === undefined) return null;
  return (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
}
