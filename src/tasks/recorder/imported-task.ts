/** An imported journal as history keeps it: under an id of its own, in the form of an archive. */
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { By } from "../../shared/actor.ts";
import { taskIdFromKey } from "../../shared/ids.ts";
import { assert } from "../../shared/result.ts";
import type { ArchivePart, HistoryRow } from "../history/port.ts";
import { archiveOf } from "../history/archive.ts";
import { rowOf } from "../object/history-projection.ts";
import { sourceOf, type ReadJournal } from "./journal-import.ts";
import { loadTask } from "../journal/load.ts";

export interface ImportedTask {
  readonly row: HistoryRow;
  readonly parts: readonly ArchivePart[];
}

/** The same events again are the same task. */
export function importedId(tenant: string, { hash }: ReadJournal): string {
  return taskIdFromKey(tenant, `\0import/${hash}`);
}

export function importedTask(tenant: string, journal: ReadJournal, by: By, now: number): ImportedTask {
  const task = importedId(tenant, journal);
  const rows = journal.rows.map((row, index) => {
    if (index > 0) return row;
    const { webhook: _, fingerprint: __, ...created } = journal.created;
    const imported = { from: created.imported?.from ?? created.task, by };
    const adopted: TaskCreated = { ...created, tenant, task, origin: "", imported };
    return { ...row, events: [adopted, ...row.events.slice(1)] };
  });
  const loaded = loadTask(sourceOf({ rows }));
  assert(loaded !== null, "a journal that was read has a beginning");
  const { parts } = archiveOf({
    rowTexts: () => rows.map(({ seq, at, events }) => ({ seq, at, events: JSON.stringify(events) })),
    payloadSizes: () => [],
    payloadText: () => "",
  });
  return { row: { ...rowOf(loaded), imported_at: now }, parts };
}
