/** Brings a task here that ran elsewhere: it is kept as history, and nothing of it happens here. */
import { byOf } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { operation } from "../../shared/operation.ts";
import { err, ok } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import { LIMITS } from "../limits.ts";
import { importedId, importedTask } from "../recorder/imported-task.ts";
import { readJournal, type WrongLine } from "../recorder/journal-import.ts";

/** `file`: NDJSON, as a task is exported. The same file again is the same task. */
export const importTask = operation(
  "tasks:write",
  async (actor, { history, archive }: Pick<TaskServices, "history" | "archive">, file: string) => {
    const { tenant } = actor;
    const journal = readJournal(file);
    if (!journal.ok) return err(refusalOf(journal.error));
    if (!journal.value.hasEnded) {
      const { events } = journal.value;
      return err(refusalOf({ line: events + 1, seq: events, message: "the task has not ended; only what has can be imported" }));
    }
    const before = await history.find(tenant, importedId(tenant, journal.value));
    if (before !== null) return ok({ head: before.head, isNew: false });
    const { row, parts } = importedTask(tenant, journal.value, byOf(actor), Date.now());
    const headBytes = Buffer.byteLength(JSON.stringify(row.head));
    if (headBytes > LIMITS.rowBytes)
      return err(rejection("limit_reached", `The task without its steps has ${headBytes} bytes; a row takes ${LIMITS.rowBytes}`));
    await archive.importTask(row, parts);
    return ok({ head: row.head, isNew: true });
  },
);

function refusalOf({ line, seq, message }: WrongLine): Rejection {
  const place = seq === null ? `Line ${line}` : `Line ${line}, event ${seq}`;
  return rejection("invalid_journal", `${place}: ${message}`, { facts: { line, ...(seq !== null && { seq }) } });
}
