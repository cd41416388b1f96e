/** No regular expression of the source takes more than linear time, unless what it is applied to is short. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { costOf } from "./pattern-cost.ts";
import { patternsIn } from "./patterns-in.ts";

const SOURCE = join(import.meta.dirname, "../../src");

const patterns = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .flatMap((path) => patternsIn(readFileSync(join(SOURCE, path), "utf8")).map((pattern) => ({ path, ...pattern })));

/** Those that may take longer: the most characters that they are applied to, and what holds that. */
const SHORT: Readonly<Record<string, readonly [number, string]>> = {
  "language/wording/shape-faults.ts: ^\\s*(\\d+(?:\\.\\d+)?)\\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|)\\s*$":
    [64, "a text of a length that a duration does not have is not looked at"],
};

/** Made of what somebody else wrote: never matched with, only looked at. */
const NOT_OURS = ["shared/linear-pattern.ts"];

describe("the regular expressions of the source", () => {
  test("are found, those that are made of texts too", () => {
    expect(patterns.length).toBeGreaterThan(100);
    expect(patterns.filter(({ source }) => source === null).map(({ path }) => path)).toEqual(NOT_OURS);
  });

  test("take linear time, or look at no more than 256 characters", () => {
    const slow = patterns.flatMap(({ path, source, flags }) => {
      const cost = source === null || Object.hasOwn(SHORT, `${path}: ${source}`) ? null : costOf(source, flags);
      return cost === null ? [] : [`${path}: ${source}: ${cost}`];
    });
    expect(slow).toEqual([]);
    for (const [most] of Object.values(SHORT)) expect(most).toBeLessThanOrEqual(256);
    const known = patterns.filter(({ source, flags }) => source !== null && costOf(source, flags) !== null);
    expect(known.map(({ path, source }) => `${path}: ${source}`).toSorted()).toEqual(Object.keys(SHORT).toSorted());
  });
});

describe("what an expression costs", () => {
  test.each([
    "\\s*$",
    "%.*$",
    "\\/+$",
    "^(a+)+$",
    "^(a*)*$",
    "^(a|a)*$",
    "^(?:a|ab|b)*$",
    "^\\s*\\s*x",
    "^\\w+\\d+$",
    "^.*,.*,$",
    "^(?:\\w+\\s?)*$",
    "\\{\\{\\s*([^}]*)\\}\\}",
    "(?:a(?:[^b]*b)?)",
    '"(?:[^"\\\\]|\\\\.)*"',
    "^x{0,500}x{0,500}$",
    "(?<=a)[a-z]+\\b",
    "(?:^|,)\\d+x",
  ])("/%s/ is more than linear", (source) => {
    expect(costOf(source, "")).not.toBeNull();
  });

  test.each([
    "^\\s*$",
    "\\s+",
    "[^a-z]+",
    "^[A-Za-z_]\\w*(@\\w+)?$",
    "^\\d{1,9}(?:\\.\\d{1,3})?$",
    "^[^/]*\\/([^/]*)$",
    "(?<![\\w.])steps\\b",
    "^\\w+(?:\\s+\\w+)*$",
    "^(?:a|b)*c$",
    "a(?:b*c)?d*e",
    '"[^"]*"',
    '"(?:[^"\\\\]|\\\\.)*"?',
  ])("/%s/ is linear", (source) => {
    expect(costOf(source, "")).toBeNull();
  });

  test("one that is held where it begins does not begin again", () => {
    expect(costOf("\\s*$", "y")).toBeNull();
    expect(costOf("^\\s*$", "m")).not.toBeNull();
  });
});
