/** What a task came to, as the one that started it needs it. */
import { tasksUsed } from "../engine/aspects/table.ts";
import { readValue, type Values } from "../engine/facts/value.ts";
import { jsonToBytes } from "../shared/json-bytes.ts";
import { assert } from "../shared/result.ts";
import type { Loaded } from "./journal/load.ts";
import type { TaskReading } from "./journal/task-reading.ts";
import type { ChildOutcome } from "./messages.ts";

export function outcomeOf({ state }: Loaded, values: Values): ChildOutcome {
  const { end, created } = state;
  assert(end !== null, "only a task that has ended has come to something");
  const items = created.spread === undefined ? null : (state.steps[0]?.branches ?? null);
  const used = tasksUsed(state);
  return {
    status: end.status,
    output: end.output === null ? null : jsonToBytes(readValue(end.output, values)),
    error: items?.error ?? end.error,
    failedItems: items?.failed ?? 0,
    ...(state.budget !== null && { spent: state.budget.spent }),
    ...(used !== undefined && { used }),
  };
}

/** Of a task that only history has left. */
export function archivedOutcome(reading: TaskReading | null): ChildOutcome {
  const result = reading?.result() ?? null;
  if (result === null || "expired" in result) {
    const error = { code: "result_expired", message: "The task's result is no longer kept", retryable: false };
    return { status: "failed", output: null, error, failedItems: 0 };
  }
  const error = result.error === null ? null : { ...result.error, retryable: false };
  return { status: result.status, output: jsonToBytes(result.output), error, failedItems: 0 };
}
