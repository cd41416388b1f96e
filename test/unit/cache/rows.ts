/** A shard's rows in memory, as its database would keep them: a rebuilt shard has nothing else. */
import { Shard, type ShardBounds, type ShardRows } from "../../../src/cache/shard.ts";
import type { InLine } from "../../../src/cache/lines.ts";
import type { Entry } from "../../../src/cache/entry-index.ts";

export const BOUNDS: ShardBounds = {
  entries: 3,
  bytes: 1_500,
  line: 12,
  valueBytes: 400,
  touchMs: 1_000,
  trimMs: 10_000,
  againMs: 100,
  leaseMs: 3_000,
  idleMs: 60_000,
  tells: 3,
};

export class Rows implements ShardRows {
  readonly entries = new Map<number, Entry>();
  readonly bodies = new Map<number, Uint8Array>();
  readonly line = new Map<number, InLine>();
  /** Rows written, as they are billed. */
  written = 0;

  readonly addEntry = (entry: Entry, body: Uint8Array): void => {
    this.written++;
    this.entries.set(entry.id, entry);
    this.bodies.set(entry.id, body);
  };
  readonly useEntry = (id: number, usedAt: number): void => {
    this.written++;
    this.entries.set(id, { ...(this.entries.get(id) as Entry), usedAt });
  };
  readonly dropEntry = (id: number): void => {
    this.written++;
    this.entries.delete(id);
    this.bodies.delete(id);
  };
  readonly body = (id: number): Uint8Array => this.bodies.get(id) as Uint8Array;
  readonly putLine = (row: InLine): void => {
    this.written++;
    this.line.set(row.id, row);
  };
  readonly dropLine = (id: number): void => {
    this.written++;
    this.line.delete(id);
  };

  shard(bounds = BOUNDS): Shard {
    return new Shard(this, bounds, [...this.entries.values()], [...this.line.values()]);
  }
}
