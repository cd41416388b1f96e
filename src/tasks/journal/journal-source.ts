/** Where a task's facts and values are read: its object's storage, an archive, a file. */
import type { TaskEvent } from "../../engine/facts/event.ts";
import { carriedBy } from "../../engine/facts/carried-value.ts";
import type { RecordedValue, StoredValue } from "../../engine/facts/value.ts";
import type { Json } from "../../shared/json.ts";
import { assert } from "../../shared/result.ts";

/** PERSISTED. `events` is a JSON array of `TaskEvent`; the last of them has the number `seq`. */
export interface JournalRow {
  readonly seq: number;
  readonly at: number;
  readonly events: readonly TaskEvent[];
}

/** Where recorded facts and values can be read: the object's storage, or an archive. */
export interface JournalSource {
  /** Rows that hold events after `seq`, in order. */
  readonly rowsAfter: (seq: number) => Iterable<JournalRow>;
  /** The row that holds event `seq`. */
  readonly rowWith: (seq: number) => JournalRow | undefined;
  /** `undefined` where the value is no longer kept. */
  readonly value: (recorded: RecordedValue) => Json | undefined;
  /** Where a value is that can be read in chunks; `null` where it stands in an event. Archives have whole ones only. */
  readonly payloadOf?: (recorded: RecordedValue) => Payload | null;
}

/** A value in payload chunks: `bytes` of JSON in UTF-8. */
export type Payload = Extract<StoredValue, { readonly payload: number }>;

/** Rows and values at hand, to be read as a journal. */
export function journalSource(rows: readonly JournalRow[], payloads: ReadonlyMap<number, Json>): JournalSource {
  const source: JournalSource = {
    rowsAfter: (seq) => rows.filter((row) => row.seq > seq),
    rowWith: (seq) => rows.find((row) => row.seq >= seq),
    value: (recorded: RecordedValue) => {
      if ("payload" in recorded) return payloads.get(recorded.payload);
      const row = source.rowWith(recorded.seq);
      return row && valueOfEvent(row, recorded.seq, source);
    },
  };
  return source;
}

/** The value that event `seq` of a row carries. */
export function valueOfEvent<T extends Json | undefined>(
  row: JournalRow,
  seq: number,
  source: { readonly value: (recorded: RecordedValue) => T },
): Json | T {
  const stored = storedInEvent(row, seq);
  return "value" in stored ? stored.value : source.value(stored);
}

/** What event `seq` of a row has for the value that it carries. */
export function storedInEvent(row: JournalRow, seq: number): StoredValue {
  const event = row.events[row.events.length - 1 - (row.seq - seq)];
  assert(event !== undefined, `no event ${seq} in row ${row.seq}`);
  const stored = carriedBy(event);
  assert(stored !== undefined, `event ${seq} (${event.type}) carries no value`);
  return stored;
}
