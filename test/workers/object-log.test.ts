/** A log in an object's storage: numbered rows, read from a cursor, filtered, kept within bounds. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { Log, type LogShape } from "../../src/objects/log.ts";
import type { Ground } from "./ground-object.ts";

const SHAPE: LogShape = {
  table: "entry",
  columns: "id TEXT, kind TEXT, at INTEGER NOT NULL, body TEXT NOT NULL",
  indexes: ["CREATE UNIQUE INDEX entry_by_id ON entry (id)"],
  select: "seq, id, kind",
};
interface Row {
  readonly seq: number;
  readonly id: string;
  readonly kind: string | null;
}

let count = 0;
const inLog = <T>(work: (log: Log<Row>, sql: SqlStorage) => T): Promise<T> => {
  const stub = (env as unknown as { GROUND: DurableObjectNamespace<Ground> }).GROUND.getByName(`log-${count++}`);
  return runInDurableObject(stub, (_, { storage }) => work(new Log<Row>(storage.sql, SHAPE), storage.sql));
};
/** `n` rows with bodies of ten bytes, at moments 1 to `n`, even and odd ones. */
function fill(log: Log<Row>, n: number): void {
  for (let at = 1; at <= n; at++) log.append({ id: `e${at}`, kind: at % 2 === 0 ? "even" : "odd", at, body: "äääää" });
}
const ids = (rows: readonly Row[]) => rows.map(({ id }) => id);

describe("a log", () => {
  test("has no table before its first row, and reads as empty until then", async () => {
    const tables = await inLog((log, sql) => {
      const names = () => sql.exec("SELECT name FROM sqlite_master WHERE name = 'entry'").toArray().length;
      log.trim({ count: 1, after: { column: "at", moment: 5 } });
      const before = [log.before(null, 10), names()];
      fill(log, 1);
      return [before, names()];
    });
    expect(tables).toEqual([[[], 0], 1]);
  });

  test("is read backwards from a cursor, page by page, all rows or those with a value", async () => {
    const read = await inLog((log) => {
      fill(log, 5);
      log.append({ id: "none", kind: null, at: 6, body: "" });
      return {
        first: ids(log.before(null, 2)),
        next: ids(log.before(5, 2)),
        even: ids(log.before(null, 10, { kind: "even" })),
        all: ids(log.before(null, 10, { kind: undefined })).length,
        without: ids(log.before(null, 10, { kind: null })),
        chosen: Object.keys(log.before(null, 1)[0] ?? {}),
      };
    });
    expect(read).toEqual({
      first: ["none", "e5"],
      next: ["e4", "e3"],
      even: ["e4", "e2"],
      all: 6,
      without: ["none"],
      chosen: ["seq", "id", "kind"],
    });
  });

  test("numbers its rows, and takes one that may be there once only once", async () => {
    const numbers = await inLog((log) => {
      const row = { id: "same", kind: "odd", at: 1, body: "" };
      return [log.append(row), log.append(row), log.append({ ...row, id: "other" })];
    });
    expect(numbers).toEqual([1, null, 2]);
  });

  test("keeps the newest by count, by age and by bytes, of all rows or of some", async () => {
    const kept = (bounds: Parameters<Log<Row>["trim"]>[0]) =>
      inLog((log) => {
        fill(log, 6);
        log.trim(bounds);
        return ids(log.before(null, 10)).toReversed();
      });
    expect(await kept({ count: 2 })).toEqual(["e5", "e6"]);
    expect(await kept({ count: 6 })).toHaveLength(6);
    expect(await kept({ after: { column: "at", moment: 4 } })).toEqual(["e5", "e6"]);
    expect(await kept({ bytes: { column: "body", most: 30 } })).toEqual(["e4", "e5", "e6"]);
    expect(await kept({ bytes: { column: "body", most: 29 } })).toEqual(["e5", "e6"]);
    expect(await kept({ count: 1, of: "kind = 'even'" })).toEqual(["e1", "e3", "e5", "e6"]);
    expect(await kept({ bytes: { column: "body", most: 10 }, of: "kind = 'even'" })).toEqual(["e1", "e3", "e5", "e6"]);
  });
});
