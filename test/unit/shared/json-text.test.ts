import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../../../src/shared/json.ts";
import { exactnessOf } from "../../../src/shared/json-number.ts";
import { checkedText, type TextBounds } from "../../../src/shared/json-text.ts";
import { readYaml } from "../../../src/shared/yaml.ts";

const BOUNDS: TextBounds = { depth: 64, parts: 1_000 };
const problemOf = (text: string, bounds = BOUNDS) => {
  const checked = checkedText(text, bounds);
  return checked.ok ? null : checked.error;
};

const depthOf = (value: Json): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map((item) => depthOf(item))) : 0;
const partsOf = (value: Json): number => {
  if (typeof value !== "object" || value === null) return 0;
  const inside = Object.values(value).reduce<number>((sum, item) => sum + partsOf(item), 1);
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length);
};

describe("before a text is parsed", () => {
  test("its depth and its parts are known, and it is bounded by both exactly", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const [depth, parts] = [depthOf(value as Json), partsOf(value as Json)];
        expect(problemOf(text, { depth, parts })).toBeNull();
        if (depth > 0) expect(problemOf(text, { depth: depth - 1, parts })).toEqual({ type: "too_deep" });
        if (parts > 0) expect(problemOf(text, { depth, parts: parts - 1 })).toEqual({ type: "too_many_parts" });
      }),
    );
    expect(problemOf('"[[[{{{:::"', { depth: 0, parts: 0 })).toBeNull();
    expect(problemOf("[".repeat(100_000))).toEqual({ type: "too_deep" });
  });

  test("numbers of a list are bounded by their bytes alone", () => {
    expect(problemOf(`[${"1,".repeat(100_000)}1]`)).toBeNull();
    expect(problemOf(`[${"{},".repeat(1_000)}1]`)).toEqual({ type: "too_many_parts" });
  });

  test("whatever a double can be written as is taken as it is", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = JSON.stringify({ n: [value] });
        expect(checkedText(text, BOUNDS)).toEqual({ ok: true, value: text });
      }),
    );
  });

  test.each([
    ["1e400", "inexact"],
    ["-1e400", "inexact"],
    ["1e-400", "inexact"],
    ["-0.1e-999", "inexact"],
    ["9007199254740992", "exact"],
    ["9007199254740993", "inexact"],
    ["-9007199254740993", "inexact"],
    ["9007199254740993.0", "inexact"],
    ["9.007199254740993e15", "inexact"],
    ["9007199254740993e1", "inexact"],
    ["12345678901234567890", "inexact"],
    ["3544790567247868102", "inexact"],
    // It is a power of two, and still reads back as …970.
    ["36028797018963968", "inexact"],
    ["100000000000000000000", "exact"],
    ["1e23", "exact"],
    ["1E+2", "exact"],
    ["9.9999999999999992e22", "exact"],
    ["3.14159265358979323846", "exact"],
    ["9007199254740993.5", "exact"],
    ["0.1", "exact"],
    ["5e-324", "exact"],
    ["0e999", "exact"],
    ["0.000", "exact"],
    ["-0", "minus_zero"],
    ["-0.0", "minus_zero"],
    ["-0e5", "minus_zero"],
  ])("%s is %s", (written, exactness) => expect(exactnessOf(written)).toBe(exactness));

  test("what is told of a number is its place", () => {
    const text = '{"a": [1, {"b/c": [0, "9007199254740993", 9007199254740993]}], "d": 1e400}';
    expect(problemOf(text)).toEqual({ type: "number_not_exact", number: "9007199254740993", pointer: "/a/1/b~1c/2" });
    expect(problemOf("1e400")).toEqual({ type: "number_not_exact", number: "1e400", pointer: "" });
  });

  test("there is one zero, and text is left alone", () => {
    const text = '[-0, {"-0": "-0 and -0.0"}, -0.0, -0.5, 10, -0e1]';
    expect(checkedText(text, BOUNDS)).toEqual({ ok: true, value: '[0, {"-0": "-0 and -0.0"}, 0.0, -0.5, 10, 0e1]' });
    const many = checkedText(`[${"-0,".repeat(25_000)}-0]`, BOUNDS);
    expect(many).toEqual({ ok: true, value: `[${"0,".repeat(25_000)}0]` });
  });
});

test("YAML is no other door for numbers", () => {
  const fault = readYaml("a:\n- {b: 0x20000000000001}", 1_000);
  expect(fault).toMatchObject({ ok: false, error: { line: 2, column: 7, number: { number: "0x20000000000001", pointer: "/a/0/b" } } });
  for (const written of ["9007199254740993", "+9007199254740993", "1e400", "-1e400", "1e-400", "0o777777777777777777777"]) {
    expect(readYaml(`n: ${written}`, 1_000)).toMatchObject({ ok: false, error: { number: { pointer: "/n" } } });
  }
  expect(readYaml("[0x1fffffffffffff, 0.1, .5, 1., +1, 1e3, '9007199254740993']", 1_000)).toEqual({
    ok: true,
    value: [9007199254740991, 0.1, 0.5, 1, 1, 1000, "9007199254740993"],
  });
});
