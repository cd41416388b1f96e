/** A shard's rows in its object's storage. */
import { JsonRows, Tables } from "../objects/table.ts";
import { assert } from "../shared/result.ts";
import type { InLine } from "./lines.ts";
import type { Counts, ShardRows } from "./shard.ts";
import { NO_COUNTS } from "./shard.ts";
import type { Entry } from "./entry-index.ts";

/** PERSISTED: entries beside their bodies, and those in line. One b-tree each: an index would double the rows. */
const TABLES = [
  "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, head TEXT NOT NULL, used_at INTEGER NOT NULL, body BLOB NOT NULL)",
  "CREATE TABLE IF NOT EXISTS line (id INTEGER PRIMARY KEY, row TEXT NOT NULL)",
];

export class ShardStore implements ShardRows {
  readonly #kv: SyncKvStorage;
  readonly #tables: Tables;
  readonly #line: JsonRows<InLine>;

  constructor({ kv, sql }: DurableObjectStorage) {
    this.#kv = kv;
    this.#tables = new Tables(sql, "line", TABLES);
    this.#line = new JsonRows(this.#tables, { table: "line", key: "id", body: "row" });
  }

  entries(): readonly Entry[] {
    return this.#tables
      .rows<{ head: string; used_at: number }>("SELECT head, used_at FROM entry")
      .map(({ head, used_at }) => ({ ...(JSON.parse(head) as Entry), usedAt: used_at }));
  }

  line(): readonly InLine[] {
    return this.#line.all();
  }

  get counts(): Counts {
    return this.#kv.get<Counts>("counts") ?? NO_COUNTS;
  }

  set counts(counts: Counts) {
    this.#kv.put("counts", counts);
  }

  readonly addEntry = (entry: Entry, body: Uint8Array): void => {
    const { usedAt, ...head } = entry;
    // The bytes of this value alone: it may be a view of a larger buffer.
    const bytes = body.slice().buffer;
    this.#tables.add("INSERT INTO entry (id, head, used_at, body) VALUES (?, ?, ?, ?)", entry.id, JSON.stringify(head), usedAt, bytes);
  };

  readonly useEntry = (id: number, usedAt: number): void => {
    this.#tables.rows("UPDATE entry SET used_at = ? WHERE id = ?", usedAt, id);
  };

  readonly dropEntry = (id: number): void => {
    this.#tables.rows("DELETE FROM entry WHERE id = ?", id);
  };

  readonly body = (id: number): Uint8Array => {
    const [row] = this.#tables.rows<{ body: ArrayBuffer }>("SELECT body FROM entry WHERE id = ?", id);
    assert(row !== undefined, "an entry has a body");
    return new Uint8Array(row.body);
  };

  readonly putLine = (row: InLine): void => this.#line.put(row.id, row);
  readonly dropLine = (id: number): void => this.#line.delete(id);

  forget(): void {
    this.#tables.forget();
  }
}
