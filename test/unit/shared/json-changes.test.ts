/** What is told to differ between two values is what differs. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { changesOf, type JsonChange } from "../../../src/shared/json-changes.ts";
import { canonicalJson, segmentsOf, type Json } from "../../../src/shared/json.ts";

/** An object, or a list by its places. */
type Container = { [place: string]: Json };

/** As a reader of JSON Patch would. */
function applied(value: Json, changes: readonly JsonChange[]): Json {
  const root: { value: Json } = { value: structuredClone(value) };
  for (const change of changes) {
    const [last = "", ...outer] = segmentsOf(change.path).toReversed();
    const path = outer.toReversed();
    if (change.path === "") {
      if ("value" in change) root.value = change.value;
      continue;
    }
    const place = path.reduce((at, segment) => at[segment] as Container, root.value as Container);
    if ("old" in change) expect(place[last]).toEqual(change.old);
    if (change.op !== "remove") place[last] = change.value;
    else if (Array.isArray(place)) place.splice(Number(last), 1);
    else delete place[last];
  }
  return root.value;
}

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);

test("applied to the one value they make the other, and a value differs in nothing from itself", () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      expect(canonicalJson(applied(before, changesOf(before, after)))).toBe(canonicalJson(after));
      expect(changesOf(before, structuredClone(before))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("are as few as what differs, with what was there before", () => {
  const before = { a: 1, list: [1, 2, 3], "x/y": { z: true } };
  const after = { list: [1, 5], "x/y": { z: true, w: null } };
  expect(changesOf(before, after)).toEqual([
    { op: "remove", path: "/a", old: 1 },
    { op: "replace", path: "/list/1", value: 5, old: 2 },
    { op: "remove", path: "/list/2", old: 3 },
    { op: "add", path: "/x~1y/w", value: null },
  ]);
  expect(changesOf(before, after, 2)).toHaveLength(2);
});
