import { validate, type Schema } from "@cfworker/json-schema";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../../../src/shared/json.ts";
import { schemaProblem, violationsOf, type JsonSchema } from "../../../src/shared/json-schema.ts";

const messages = (schema: JsonSchema, value: Json) => violationsOf(schema, value).map(({ message }) => message);
const isGivenUp = (schema: JsonSchema, value: Json) => messages(schema, value).some((message) => message.includes("too many steps"));

/** Each of so many schemas says twice that the next one holds. */
function doubled(depth: number, around: (next: object) => object, last: object = {}): JsonSchema {
  const defs: Record<string, object> = { [`a${depth}`]: last };
  for (let index = 0; index < depth; index++) defs[`a${index}`] = around({ $ref: `#/$defs/a${index + 1}` });
  return { $defs: defs, $ref: "#/$defs/a0" };
}

describe("a schema", () => {
  test("that refers twice to the next is applied once for each value, whether it matches or not", () => {
    for (const around of [
      (next: object) => ({ allOf: [next, next] }),
      (next: object) => ({ anyOf: [next, next] }),
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      (next: object) => ({ if: next, then: next, else: next }),
      (next: object) => ({ not: { anyOf: [next, next] } }),
    ]) {
      const schema = doubled(60, around);
      expect(schemaProblem(schema)).toBeNull();
      for (const value of [1, "a", null, {}, [[]]]) expect(isGivenUp(schema, value)).toBe(false);
    }
    const failing = doubled(60, (next) => ({ anyOf: [next, next] }), { type: "boolean" });
    expect(messages(failing, { a: 1 })).toContain('Instance type "object" is invalid. Expected "boolean".');
  });

  test("that does so through lists and members takes as many steps as the value has parts", () => {
    const nested = doubled(30, (next) => ({
      allOf: [
        { items: next, properties: { x: next } },
        { items: next, properties: { x: next } },
      ],
    }));
    let value: Json = [];
    for (let depth = 0; depth < 15; depth++) value = [{ x: value }, { x: [] }];
    expect(messages(nested, value)).toEqual([]);
  });

  test("that takes too many steps for every value is refused where it is registered", () => {
    const tracking = doubled(40, (next) => ({ allOf: [next, next], unevaluatedProperties: true }));
    expect(schemaProblem(tracking)).toContain("too many steps");
    expect(isGivenUp(tracking, {})).toBe(true);
    expect(schemaProblem({ $ref: "#" })).toContain("without end");
    expect(schemaProblem(doubled(2_000, (next) => next))).toContain("too deep");
  });

  test("whose options are tried on every item is given up in time", () => {
    const options = (count: number) => Array.from({ length: count }, (_, index) => ({ const: index }));
    const items = (count: number, of: number) => Array.from({ length: count }, (_, index) => index % of);
    expect(isGivenUp({ items: { oneOf: options(3_000) } }, items(6_000, 3_000))).toBe(true);
    expect(messages({ items: { oneOf: options(30) } }, items(6_000, 30))).toEqual([]);
    expect(isGivenUp({ items: { enum: items(3_000, 3_000) } }, items(60_000, 3_000))).toBe(true);
  });

  test("says the same of the largest values: numbers one by one, and lists of different items", () => {
    const numbers = Array.from({ length: 200_000 }, (_, index) => index);
    expect(messages({ type: "array", items: { type: "number" } }, numbers)).toEqual([]);
    expect(messages({ uniqueItems: true }, numbers)).toEqual([]);
    expect(messages({ uniqueItems: true }, [...numbers, 3])).toEqual(["Duplicate items at indexes 3 and 200000."]);
    expect(messages({ uniqueItems: true }, [{ a: 1, b: 2 }, 1, { b: 2, a: 1 }])).toEqual(["Duplicate items at indexes 0 and 2."]);
  });

  test("has at most a hundred faults to tell, however many leaves fail", () => {
    const options = Array.from({ length: 100 }, () => ({ type: "string" }));
    expect(
      violationsOf(
        { items: { anyOf: options } },
        Array.from({ length: 4_000 }, () => 1),
      ).length,
    ).toBeLessThanOrEqual(100);
    const all = Array.from({ length: 20_000 }, () => ({ type: "string" }));
    expect(violationsOf({ allOf: all }, 1)).toHaveLength(100);
  });

  test("means what others say that it means", () => {
    const scalar = fc.constantFrom(0, 1, 1.5, -1, "", "a", "ab", "é😀", true, null);
    const value = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        scalar,
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("a", "b", "ab"), tie("value"), { maxKeys: 3 }),
      ),
    })).value;
    const count = fc.nat(2);
    const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => {
      const inner = tie("schema");
      const several = fc.array(inner, { minLength: 1, maxLength: 3 });
      const members = fc.dictionary(fc.constantFrom("a", "b"), inner, { maxKeys: 2 });
      const keywords = {
        type: fc.constantFrom("integer", "number", "string", "object", "array", "null", ["string", "array"]),
        const: value,
        enum: fc.array(value, { maxLength: 3 }),
        required: fc.subarray(["a", "b"]),
        ...Object.fromEntries(
          ["minimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems"].map((name) => [name, count]),
        ),
        ...Object.fromEntries(["minProperties", "maxProperties", "maxContains"].map((name) => [name, count])),
        multipleOf: fc.constantFrom(0.5, 1),
        uniqueItems: fc.boolean(),
        pattern: fc.constantFrom("^a", "b$"),
        dependentRequired: fc.constant({ a: ["b"] }),
        ...Object.fromEntries(["allOf", "anyOf", "oneOf", "prefixItems"].map((name) => [name, several])),
        ...Object.fromEntries(
          ["not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems"].map((name) => [
            name,
            inner,
          ]),
        ),
        properties: members,
        dependentSchemas: members,
        patternProperties: fc.dictionary(fc.constantFrom("^a", "b$"), inner, { maxKeys: 2 }),
        $ref: fc.constant("#/$defs/known"),
      };
      return {
        schema: fc.oneof(
          { maxDepth: 3 },
          fc.boolean(),
          fc.record(keywords as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] }).map((all) => {
            // A few of the keywords at a time say more than all of them.
            const names = Object.keys(all);
            return Object.fromEntries(names.filter((_, index) => (index * 7 + names.length) % 6 === 0).map((name) => [name, all[name]]));
          }),
        ),
      };
    });
    fc.assert(
      fc.property(schema, value, (drawn, given) => {
        const text = JSON.stringify({ allOf: [drawn], $defs: { known: { type: ["string", "object"] } } });
        const expected = validate(given, JSON.parse(text) as Schema, "2020-12").valid;
        expect(violationsOf(JSON.parse(text) as JsonSchema, given).length === 0, `${text} ${JSON.stringify(given)}`).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});
