/**
 * The journal: every fact about a task, in order, and the values too large to stand in it. It is the only authority;
 * state, outbox and history are folds of it.
 *
 * J1. The facts of one flush are one row, unless they are too large for one; the row's key is the number of its last
 *     event, so `(task, seq)` names one fact.
 * J2. Nothing here awaits: what is written together commits together, inside the caller's transaction.
 * J3. Asking about a task that does not exist writes nothing: tables are made by the first `create`.
 * J4. What is read or written of values counts in the turn, a step for each byte: nobody else is answered meanwhile.
 */
import { assert } from "../../shared/result.ts";
import type { Json } from "../../shared/json.ts";
import { countInTurn } from "../../language/expressions/budget.ts";
import { LIMITS } from "../limits.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import { PassedOn } from "../../engine/facts/passed-on.ts";
import type { RecordedValue, StoredValue, Values } from "../../engine/facts/value.ts";
import type { StoredTexts } from "../history/archive.ts";
import { storedInEvent, valueOfEvent, type JournalRow, type JournalSource, type Payload } from "../journal/journal-source.ts";
import { ValueCache } from "./value-cache.ts";

/** What an instance of the object has cost so far, in rows as they are billed: an alarm that is set is one, too. */
export interface Cost {
  rowsWritten: number;
  alarmsSet: number;
}

type RowText = { seq: number; at: number; events: string };

export class Journal implements JournalSource, StoredTexts, Values {
  readonly #sql: SqlStorage;
  readonly #cache = new ValueCache();
  /** Values of events that the present transaction has not written yet. */
  readonly #staged = new Map<number, Json>();
  readonly #passedOn = new PassedOn();
  /** The rows of a journal that this instance has written from the first on, while they are small together: its archive is made of them. */
  #texts: RowText[] | null = null;
  #textUnits = 0;
  #exists: boolean | null = null;
  #hasPayloads: boolean | null = null;
  #nextPayload: number | null = null;
  readonly cost: Cost = { rowsWritten: 0, alarmsSet: 0 };

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get exists(): boolean {
    return (this.#exists ??= this.#has("journal"));
  }

  #has(table: string): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table).toArray().length > 0;
  }

  get #isThereAPayload(): boolean {
    return (this.#hasPayloads ??= this.#has("payload"));
  }

  create(): void {
    // An integer primary key costs one row per insert; a text key or an index would double it.
    this.#write("CREATE TABLE journal (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, events TEXT NOT NULL)");
    this.#exists = true;
    this.#hasPayloads = false;
    this.#texts = [];
    this.#textUnits = 0;
  }

  /** Appends the facts that follow number `after`. */
  append(events: readonly TaskEvent[], after: number, at: number): void {
    let seq = after;
    for (const texts of rowsOf(events)) {
      seq += texts.length;
      const row = { seq, at, events: `[${texts.join(",")}]` };
      this.#write("INSERT INTO journal (seq, at, events) VALUES (?, ?, ?)", row.seq, row.at, row.events);
      this.#keep(row);
    }
    this.#staged.clear();
  }

  *rowsAfter(seq: number): Iterable<JournalRow> {
    for (const row of this.#rows(seq)) yield { seq: row.seq, at: row.at, events: JSON.parse(row.events) as TaskEvent[] };
  }

  #keep(row: RowText): void {
    this.#textUnits += row.events.length;
    if (this.#textUnits > LIMITS.residentJournalUnits) this.#texts = null;
    this.#texts?.push(row);
  }

  rowTexts(): Iterable<RowText> {
    return this.#texts ?? this.#rows(0);
  }

  #rows(after: number): Iterable<RowText> {
    return this.#sql.exec<RowText>("SELECT seq, at, events FROM journal WHERE seq > ? ORDER BY seq", after);
  }

  payloadSizes(): Iterable<{ payload: number; bytes: number }> {
    if (!this.#isThereAPayload) return [];
    return this.#sql.exec<{ payload: number; bytes: number }>(
      "SELECT id AS payload, sum(length(body)) AS bytes FROM payload GROUP BY id ORDER BY id",
    );
  }

  /** Where a value goes: into its event if it is small, else into payload rows. `null` when it is too large for either. */
  write(value: Json): StoredValue | null {
    const known = this.recorded(value);
    if (known !== null) return known;
    const text = JSON.stringify(value);
    countInTurn(text.length);
    return text.length <= LIMITS.inlineValueBytes ? inlineValue(value, text.length) : this.#writePayload(text);
  }

  /** As `write`, for a value whose size is known from the reply it came in. */
  writeSized(value: Json, bytes: number): StoredValue | null {
    return bytes <= LIMITS.inlineValueBytes ? inlineValue(value, bytes) : this.write(value);
  }

  read(recorded: RecordedValue): Json {
    const staged = "seq" in recorded ? this.#staged.get(recorded.seq) : undefined;
    return this.#passedOn.read(recorded, staged ?? this.value(recorded));
  }

  recorded(value: Json): RecordedValue | null {
    return this.#passedOn.placeOf(value);
  }

  stage(seq: number, value: Json): void {
    this.#staged.set(seq, value);
  }

  value(recorded: RecordedValue): Json {
    const key = "payload" in recorded ? `payload/${recorded.payload}` : `seq/${recorded.seq}`;
    return this.#cache.get(key, () => {
      countInTurn(recorded.bytes);
      return {
        bytes: recorded.bytes,
        value: "payload" in recorded ? this.#readPayload(recorded.payload) : this.#readEventValue(recorded.seq),
      };
    });
  }

  #writePayload(text: string): StoredValue | null {
    const bytes = new TextEncoder().encode(text);
    if (bytes.byteLength > LIMITS.valueBytes) return null;
    this.#nextPayload ??= this.#firstFreePayload();
    const payload = this.#nextPayload++;
    for (let part = 0; part * LIMITS.rowBytes < bytes.byteLength; part++) {
      const from = part * LIMITS.rowBytes;
      this.#write("INSERT INTO payload (id, part, body) VALUES (?, ?, ?)", payload, part, bytes.subarray(from, from + LIMITS.rowBytes));
    }
    return { payload, bytes: bytes.byteLength };
  }

  /** Most tasks never need the table, so it is made with the first large value. */
  #firstFreePayload(): number {
    this.#write(
      "CREATE TABLE IF NOT EXISTS payload (id INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (id, part)) WITHOUT ROWID",
    );
    this.#hasPayloads = true;
    return this.#sql.exec<{ next: number }>("SELECT coalesce(max(id), 0) + 1 AS next FROM payload").one().next;
  }

  #readPayload(payload: number): Json {
    return JSON.parse(this.payloadText(payload)) as Json;
  }

  payloadText(payload: number): string {
    const decoder = new TextDecoder();
    let text = "";
    for (const { body } of this.#sql.exec<{ body: ArrayBuffer }>("SELECT body FROM payload WHERE id = ? ORDER BY part", payload)) {
      text += decoder.decode(body, { stream: true });
    }
    return text + decoder.decode();
  }

  payloadOf(recorded: RecordedValue): Payload | null {
    if ("payload" in recorded) return recorded;
    const stored = storedInEvent(this.#rowOf(recorded.seq), recorded.seq);
    return "value" in stored ? null : this.payloadOf(stored);
  }

  /** Bytes of a payload after the first `from`, as many as its row has and a chunk may; `null` where there are none. */
  payloadChunk(payload: number, from: number): Uint8Array | null {
    if (!this.#isThereAPayload) return null;
    const [row] = this.#sql.exec<{ chunk: ArrayBuffer }>(
      "SELECT substr(body, ?, ?) AS chunk FROM payload WHERE id = ? AND part = ?",
      (from % LIMITS.rowBytes) + 1,
      LIMITS.valueChunkBytes,
      payload,
      Math.floor(from / LIMITS.rowBytes),
    );
    return row === undefined || row.chunk.byteLength === 0 ? null : new Uint8Array(row.chunk);
  }

  rowWith(seq: number): JournalRow | undefined {
    const [row] = this.#sql.exec<RowText>("SELECT seq, at, events FROM journal WHERE seq >= ? ORDER BY seq LIMIT 1", seq);
    return row && { seq: row.seq, at: row.at, events: JSON.parse(row.events) as TaskEvent[] };
  }

  #readEventValue(seq: number): Json {
    return valueOfEvent(this.#rowOf(seq), seq, this);
  }

  #rowOf(seq: number): JournalRow {
    const row = this.rowWith(seq);
    assert(row !== undefined, `no row holds event ${seq}`);
    return row;
  }

  #write(statement: string, ...bindings: unknown[]): void {
    this.cost.rowsWritten += this.#sql.exec(statement, ...bindings).rowsWritten;
  }

  /** Forgets what a rolled-back transaction may have left in memory. */
  forget(): void {
    this.#exists = null;
    this.#hasPayloads = null;
    this.#nextPayload = null;
    this.#texts = null;
    this.#passedOn.forget();
    this.#cache.clear();
    this.#staged.clear();
  }
}

function inlineValue(value: Json, bytes: number): StoredValue {
  return bytes > LIMITS.residentValueBytes ? { value, bytes } : { value };
}

/** The texts of events, cut into rows. */
function rowsOf(events: readonly TaskEvent[]): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let room = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    // Text is counted in UTF-16 units; three bytes each is the most they become.
    room -= text.length * 3;
    if (rows.length === 0 || room < 0) {
      rows.push([]);
      room = LIMITS.rowBytes - text.length * 3;
    }
    rows.at(-1)?.push(text);
  }
  return rows;
}
