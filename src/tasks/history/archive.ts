/**
 * A finished task as text: NDJSON, one line per journal row or payload, cut into parts at line ends. The same folds that
 * read a live journal read it back.
 *
 * PERSISTED: lines are `{"v":1}`, `{"seq","at","events"}` and `{"payload","value"}`.
 */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import { journalSource, type JournalRow, type JournalSource } from "../journal/journal-source.ts";
import type { ArchivePart } from "./port.ts";

export interface Archive {
  readonly parts: readonly ArchivePart[];
  readonly bytes: number;
}

/** What is stored of a task, as the texts that it is stored in. */
export interface StoredTexts {
  /** In order; `events` is a JSON array, the last of them has the number `seq`. */
  readonly rowTexts: () => Iterable<{ readonly seq: number; readonly at: number; readonly events: string }>;
  readonly payloadSizes: () => Iterable<{ readonly payload: number; readonly bytes: number }>;
  readonly payloadText: (payload: number) => string;
}

/** The archive of a journal. Values that are too large, singly or together, stay behind; facts never do. */
export function archiveOf(journal: StoredTexts): Archive {
  const writer = new PartWriter();
  writer.add(JSON.stringify({ v: 1 }), 0);
  let before = 0;
  let first: string | null = null;
  for (const { seq, at, events } of journal.rowTexts()) {
    first ??= events;
    const isFull = writer.bytes > LIMITS.archiveBytes;
    const kept = isFull ? JSON.stringify((JSON.parse(events) as TaskEvent[]).map(withoutOutput)) : events;
    writer.add(`{"seq":${seq},"at":${at},"events":${kept}}`, before + 1);
    before = seq;
  }
  for (const { payload, bytes } of journal.payloadSizes()) {
    const isTooMuch = bytes > LIMITS.archiveValueBytes || writer.bytes + bytes > LIMITS.archiveBytes;
    // Without its definition nothing of a task could be read back: it is kept whatever its size.
    if (isTooMuch && payload !== definitionPayload(JSON.parse(first ?? "[]") as TaskEvent[])) continue;
    writer.add(`{"payload":${payload},"value":${journal.payloadText(payload)}}`, 0);
  }
  return { parts: writer.parts, bytes: writer.bytes };
}

/** Marks a value that stays behind. Payloads count from 1. */
export const LEFT_BEHIND = 0;

function withoutOutput(event: TaskEvent): TaskEvent {
  if (!("output" in event) || !("value" in event.output) || event.output.bytes === undefined) return event;
  return { ...event, output: { payload: LEFT_BEHIND, bytes: event.output.bytes } };
}

function definitionPayload([created]: readonly TaskEvent[]): number | null {
  return created?.type === "task.created" && "payload" in created.definition ? created.definition.payload : null;
}

/** Parts are read back joined, so a line may go on in the next. */
class PartWriter {
  readonly parts: { part: number; first_seq: number; body: string }[] = [];
  bytes = 0;
  /** Bytes of the last part: what D1 bounds is UTF-8, not characters. */
  #partBytes = 0;

  add(line: string, seq: number): void {
    for (const text of pieces(`${line}\n`)) {
      const size = Buffer.byteLength(text);
      const current = this.parts.at(-1);
      this.bytes += size;
      if (current === undefined || this.#partBytes + size > LIMITS.archivePartBytes) {
        this.parts.push({ part: this.parts.length, first_seq: seq, body: text });
        this.#partBytes = size;
      } else {
        current.body += text;
        this.#partBytes += size;
      }
    }
  }
}

/** A character takes at most three bytes, in pairs four: pieces of this many fit a part. */
const PIECE = Math.floor(LIMITS.archivePartBytes / 3);

function* pieces(text: string): Iterable<string> {
  for (let from = 0; from < text.length;) {
    let end = Math.min(from + PIECE, text.length);
    // Not between the halves of a pair: each half alone would be stored as a replacement character.
    if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1] as string)) end--;
    yield text.slice(from, end);
    from = end;
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
  return journalSource(rows, payloads);
}
