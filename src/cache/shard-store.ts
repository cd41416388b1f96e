/** A shard's rows in its object's database. Tables are made by the first who asks. */
import type { InLine } from "./lines.ts";
import type { Counts, ShardRows } from "./shard.ts";
import { NO_COUNTS } from "./shard.ts";
import type { Entry } from "./shelf.ts";

/** PERSISTED: entries beside their bodies, and those in line. One b-tree each: an index would double the rows. */
const TABLES = [
  "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, head TEXT NOT NULL, used_at INTEGER NOT NULL, body BLOB NOT NULL)",
  "CREATE TABLE IF NOT EXISTS line (id INTEGER PRIMARY KEY, row TEXT NOT NULL)",
];

export class ShardStore implements ShardRows {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get exists(): boolean {
    return this.#storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'line'").toArray().length > 0;
  }

  create(): void {
    for (const table of TABLES) this.#storage.sql.exec(table);
  }

  entries(): readonly Entry[] {
    return this.#storage.sql
      .exec<{ head: string; used_at: number }>("SELECT head, used_at FROM entry")
      .toArray()
      .map(({ head, used_at }) => ({ ...(JSON.parse(head) as Entry), usedAt: used_at }));
  }

  line(): readonly InLine[] {
    return this.#storage.sql
      .exec<{ row: string }>("SELECT row FROM line")
      .toArray()
      .map(({ row }) => JSON.parse(row) as InLine);
  }

  get counts(): Counts {
    return this.#storage.kv.get<Counts>("counts") ?? NO_COUNTS;
  }

  set counts(counts: Counts) {
    this.#storage.kv.put("counts", counts);
  }

  readonly addEntry = (entry: Entry, body: Uint8Array): void => {
    const { usedAt, ...head } = entry;
    // The bytes of this value alone: it may be a view of a larger buffer.
    const bytes = body.slice().buffer;
    this.#storage.sql.exec(
      "INSERT INTO entry (id, head, used_at, body) VALUES (?, ?, ?, ?)",
      entry.id,
      JSON.stringify(head),
      usedAt,
      bytes,
    );
  };

  readonly useEntry = (id: number, usedAt: number): void => {
    this.#storage.sql.exec("UPDATE entry SET used_at = ? WHERE id = ?", usedAt, id);
  };

  readonly dropEntry = (id: number): void => {
    this.#storage.sql.exec("DELETE FROM entry WHERE id = ?", id);
  };

  readonly body = (id: number): Uint8Array => {
    const { body } = this.#storage.sql.exec<{ body: ArrayBuffer }>("SELECT body FROM entry WHERE id = ?", id).one();
    return new Uint8Array(body);
  };

  readonly putLine = (row: InLine): void => {
    this.#storage.sql.exec("INSERT OR REPLACE INTO line (id, row) VALUES (?, ?)", row.id, JSON.stringify(row));
  };

  readonly dropLine = (id: number): void => {
    this.#storage.sql.exec("DELETE FROM line WHERE id = ?", id);
  };
}
