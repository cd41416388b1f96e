/** What a task came to, as the one that started it needs it. */
import { tasksUsed } from "../engine/aspects/table.ts";
import { readValue, type Values } from "../engine/facts/value.ts";
import { jsonToBytes } from "../shared/json-bytes.ts";
import { assert } from "../shared/result.ts";
import type { JournalSource } from "./journal/journal-source.ts";
import type { Loaded } from "./journal/load.ts";
import type { TaskReading } from "./journal/task-reading.ts";
import type { ChildOutcome } from "./messages.ts";
import { undoingOf } from "./submission/undoing.ts";

export function outcomeOf(loaded: Loaded, journal: JournalSource & Values): ChildOutcome {
  const { end, created } = loaded.state;
  const { state } = loaded;
  assert(end !== null, "only a task that has ended has come to something");
  const items = created.spread === undefined ? null : (state.steps[0]?.branches ?? null);
  const used = tasksUsed(state);
  return {
    status: end.status,
    output: end.output === null ? null : jsonToBytes(readValue(end.output, journal)),
    error: items?.error ?? end.error,
    failedItems: items?.failed ?? 0,
    ...(state.budget !== null && { spent: state.budget.spent }),
    ...(used !== undefined && { used }),
    ...undo(loaded, journal),
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
  const output = jsonToBytes(result.output);
  return { status: result.status, output, error, failedItems: 0, ...reading?.of((loaded, source) => undo(loaded, source)) };
}

function undo(loaded: Loaded, source: JournalSource): Pick<ChildOutcome, "undo"> {
  const undoing = undoingOf(loaded, source);
  return undoing === null ? {} : { undo: jsonToBytes(undoing) };
}
