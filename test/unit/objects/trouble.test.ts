import { expect, test } from "vitest";
import { isTrouble, troubleOf } from "../../../src/objects/trouble.ts";

const query = (cause: unknown) => new Error("Failed query: select 1\nparams: D1_ERROR", { cause });

test.each([
  query(new Error("D1_ERROR: Network connection was lost")),
  query(new Error("database or disk is full: SQLITE_FULL")),
  query(new Error("Failed to parse body as JSON, got: Error")),
  query(new Error("something that nobody has seen yet")),
  query(undefined),
  new Error("database or disk is full: SQLITE_FULL"),
  new Error("disk I/O error: SQLITE_IOERR"),
  new Error("D1_EXEC_ERROR: Error in line 1"),
  new Error("internal error; reference = abc123"),
  new Error("KV GET failed: 500 Internal Server Error"),
])("%s may pass", (error) => {
  expect(troubleOf(error)).toBe("unavailable");
});

test.each([new Error("x is not a function"), new TypeError("Cannot read properties of undefined"), "a text", null, undefined, 5])(
  "%s is a defect",
  (error) => {
    expect(isTrouble(error)).toBe(false);
  },
);

test("what says that there is too much to do is no reason to ask again, whoever it comes through", () => {
  expect(troubleOf(query(new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.")))).toBe("overloaded");
});
