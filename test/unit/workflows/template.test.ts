/** What a workflow tells of its input, and an input that it accepts. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/workflows/limits.ts";
import { violationsOf } from "../../../src/shared/json-schema.ts";
import { exampleOf, parametersOf, type InputSchema } from "../../../src/workflows/template.ts";

describe("parameters", () => {
  test("are the fields of the input, in their order, with what is said of them", () => {
    const schema = {
      type: "object",
      required: ["query"],
      properties: {
        query: { type: "string", description: "What to look for", examples: ["bees"] },
        depth: { type: "integer", default: 2 },
        tone: { enum: ["plain", "formal"] },
        limit: { $ref: "#/$defs/limit" },
        anything: true,
        nothing: { type: ["string", "null"] },
      },
      $defs: { limit: { type: "integer", description: "How many" } },
    };
    expect(parametersOf(schema)).toEqual([
      { name: "query", type: "string", description: "What to look for", required: true, example: "bees" },
      { name: "depth", type: "integer", required: false, default: 2 },
      { name: "tone", required: false, choices: ["plain", "formal"] },
      { name: "limit", type: "integer", description: "How many", required: false },
      { name: "anything", required: false },
      { name: "nothing", type: ["string", "null"], required: false },
    ]);
  });

  test("are none where the input is no object, and no more than anybody fills in", () => {
    for (const schema of [{}, { type: "array" }, { properties: [] }, { properties: null }]) expect(parametersOf(schema)).toEqual([]);
    const many = { properties: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`p${index}`, {}])) };
    expect(parametersOf(many)).toHaveLength(LIMITS.templateParameters);
  });
});

/** Schemas that something fits. */
const { schema: schemas } = fc.letrec<{ schema: InputSchema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.record({
      type: fc.constant("string"),
      format: fc.constantFrom("date", "date-time", "email", "uuid", "uri", "ipv4", "ipv6", "time", "duration", "hostname"),
    }),
    fc.tuple(fc.nat(20), fc.nat(20)).map(([a, b]) => ({ type: "string", minLength: Math.min(a, b), maxLength: Math.max(a, b) })),
    fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.nat(20))
      .map(([least, more]) => ({ type: "integer", minimum: least, maximum: least + more })),
    fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.constantFrom(0.5, 1, 3))
      .map(([least, step]) => ({ type: "number", minimum: least, multipleOf: step })),
    fc.integer({ min: -50, max: 50 }).map((bound) => ({ type: "number", exclusiveMinimum: bound })),
    fc.integer({ min: -50, max: 50 }).map((bound) => ({ type: "integer", exclusiveMaximum: bound })),
    fc.constantFrom<InputSchema>(
      { type: "boolean" },
      { type: "null" },
      {},
      { enum: ["a", 1] },
      { const: 7 },
      { default: [1], type: "array" },
      { type: ["integer", "null"] },
    ),
    fc.tuple(tie("schema"), fc.nat(3)).map(([items, minItems]) => ({ type: "array", items, minItems })),
    fc
      .dictionary(fc.constantFrom("a", "b", "c", "d"), tie("schema"))
      .chain((properties) =>
        fc.subarray(Object.keys(properties)).map((required) => ({ type: "object", properties, required, additionalProperties: false })),
      ),
    fc.tuple(tie("schema"), tie("schema")).map(([one, other]) => ({ anyOf: [one, other] })),
    tie("schema").map((part) => ({ allOf: [part] })),
  ),
}));

describe("an example", () => {
  test("is found wherever something fits, and fits", () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        const example = exampleOf(schema);
        expect(example, JSON.stringify(schema)).toBeDefined();
        expect(violationsOf(schema, example ?? null)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("is never one that would be refused: rather there is none", () => {
    expect(exampleOf({ type: "string", pattern: "^[A-Z]{3}$" })).toBeUndefined();
    expect(exampleOf({ type: "string", pattern: "^[A-Z]{3}$", examples: ["ABC"] })).toBe("ABC");
    expect(exampleOf({ type: "object", required: ["a"], properties: { a: false } })).toBeUndefined();
    expect(exampleOf({ type: "integer", minimum: 3, maximum: 2 })).toBeUndefined();
    expect(exampleOf({ default: "x", type: "integer" })).toBeUndefined();
  });

  test("has what is required, and what has a default", () => {
    const schema = {
      type: "object",
      required: ["query", "filters"],
      properties: {
        query: { type: "string", examples: ["bees"] },
        depth: { type: "integer", default: 2 },
        note: { type: "string" },
        filters: { type: "array", items: { $ref: "#/$defs/filter" } },
      },
      $defs: { filter: { type: "object", required: ["field"], properties: { field: { type: "string" } } } },
    };
    expect(exampleOf(schema)).toEqual({ query: "bees", depth: 2, filters: [{ field: "text" }] });
  });

  test("ends where a schema does not", () => {
    const endless = {
      $ref: "#/$defs/node",
      $defs: { node: { type: "object", required: ["next"], properties: { next: { $ref: "#/$defs/node" } } } },
    };
    expect(exampleOf(endless)).toBeUndefined();
    expect(exampleOf({ $ref: "#" })).toBeUndefined();
    const wide = { type: "array", minItems: 1_000_000, items: { type: "array", minItems: 1_000_000, items: { type: "integer" } } };
    expect(exampleOf(wide)).toBeUndefined();
  });
});
