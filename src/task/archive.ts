/**
 * A finished task as text: NDJSON, one line per journal row or payload, cut into parts at line ends. The same folds that
 * read a live journal read it back.
 *
 * PERSISTED: lines are `{"v":1}`, `{"seq","at","events"}` and `{"payload","value"}`.
 */
import type { Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import type { TaskEvent } from "../engine/event.ts";
import type { RecordedValue, StoredValue } from "../engine/value.ts";
import { valueOfEvent, type JournalRow, type JournalSource } from "./journal.ts";
import type { ArchivePart } from "../history/port.ts";

export interface Archive {
  readonly parts: readonly ArchivePart[];
  readonly bytes: number;
}

/** The archive of a journal. Values that are too large, singly or together, stay behind; facts never do. */
export function archiveOf(journal: JournalSource): Archive {
  const writer = new PartWriter();
  const payloads = new Map<number, number>();
  writer.add(JSON.stringify({ v: 1 }), 0);
  for (const row of journal.rowsAfter(0)) {
    const isFull = writer.bytes > LIMITS.archiveBytes;
    writer.add(JSON.stringify(isFull ? { ...row, events: row.events.map(withoutOutput) } : row), row.seq - row.events.length + 1);
    for (const event of row.events)
      for (const stored of storedValues(event)) if ("payload" in stored) payloads.set(stored.payload, stored.bytes);
  }
  for (const [payload, bytes] of payloads) {
    if (bytes > LIMITS.archiveValueBytes || writer.bytes + bytes > LIMITS.archiveBytes) continue;
    writer.add(JSON.stringify({ payload, value: journal.value({ payload, bytes }) ?? null }), 0);
  }
  return { parts: writer.parts, bytes: writer.bytes };
}

/** Marks a value that stays behind. Payloads count from 1. */
const LEFT_BEHIND = 0;

function withoutOutput(event: TaskEvent): TaskEvent {
  if (!("output" in event) || !("value" in event.output) || event.output.bytes === undefined) return event;
  return { ...event, output: { payload: LEFT_BEHIND, bytes: event.output.bytes } };
}

function storedValues(event: TaskEvent): readonly StoredValue[] {
  if (event.type === "task.created") return [event.definition, event.input];
  return "output" in event ? [event.output] : [];
}

class PartWriter {
  readonly parts: { part: number; first_seq: number; body: string }[] = [];
  bytes = 0;

  add(line: string, seq: number): void {
    const size = line.length + 1;
    const current = this.parts.at(-1);
    this.bytes += size;
    if (current === undefined || current.body.length + size > LIMITS.archivePartBytes) {
      this.parts.push({ part: this.parts.length, first_seq: seq, body: `${line}\n` });
    } else {
      current.body += `${line}\n`;
    }
  }
}

/** A journal read back from its archive. */
export function archivedJournal(bodies: readonly string[]): JournalSource {
  const rows: JournalRow[] = [];
  const payloads = new Map<number, Json>();
  for (const line of bodies.join("").split("\n")) {
    if (line === "") continue;
    const entry = JSON.parse(line) as JournalRow | { readonly payload: number; readonly value: Json } | { readonly v: 1 };
    if ("seq" in entry) rows.push(entry);
    else if ("payload" in entry) payloads.set(entry.payload, entry.value);
  }
  const source: JournalSource = {
    rowsAfter: (seq) => rows.filter((row) => row.seq > seq),
    value: (recorded: RecordedValue) => {
      if ("payload" in recorded) return payloads.get(recorded.payload);
      const row = rows.find((candidate) => candidate.seq >= recorded.seq);
      return row && valueOfEvent(row, recorded.seq, source);
    },
  };
  return source;
}
