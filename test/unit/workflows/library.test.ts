import { describe, expect, test } from "vitest";
import { rejection } from "../../../src/shared/errors.ts";
import type { Json } from "../../../src/shared/json.ts";
import { LIMITS } from "../../../src/workflows/limits.ts";
import { err, ok } from "../../../src/shared/result.ts";
import { schemaFaults } from "../../../src/workflows/input-schema.ts";
import { loadLibrary, referencesIn, type Lookup } from "../../../src/workflows/library.ts";

const child = (workflow: string) => ({ id: "c", type: "workflow", workflow });
const calling = (...references: readonly string[]) => ({ steps: references.map(child) });

/** A registry in which every reference is a version of its own. */
function registryOf(definitions: Readonly<Record<string, Json>>): { readonly lookUp: Lookup; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const lookUp: Lookup = async (reference) => {
    asked.push(reference);
    const definition = definitions[reference];
    if (definition === undefined) return err(rejection("unknown_type", `There is no task type "${reference}".`));
    return ok({ name: reference.split("@")[0] as string, version: 1, definition: JSON.stringify(definition) });
  };
  return { lookUp, asked };
}

describe("references", () => {
  test("are found at any depth, and after the end", () => {
    const definition = {
      steps: [
        { id: "a", capability: "x", input: { type: "workflow", workflow: "not-a-step" } },
        { id: "m", type: "map", over: "${ input }", steps: [child("in-map"), { id: "r", type: "repeat", steps: [child("in-repeat")] }] },
        {
          id: "s",
          type: "switch",
          cases: [{ when: "true", steps: [child("in-case@3")] }, { when: "false" }],
          default: { steps: [child("in-default@stable")] },
        },
      ],
      on_completed: { workflow: "after", input: {} },
      on_failed: [{ workflow: "alarm" }, { workflow: "tidy" }],
    };
    expect(referencesIn(definition).map(({ reference, at }) => `${reference} ${at}`)).toEqual([
      "in-map /steps/1/steps/0/workflow",
      "in-repeat /steps/1/steps/1/steps/0/workflow",
      "in-case@3 /steps/2/cases/0/steps/0/workflow",
      "in-default@stable /steps/2/default/steps/0/workflow",
      "after /on_completed/workflow",
      "alarm /on_failed/0/workflow",
      "tidy /on_failed/1/workflow",
    ]);
  });

  test("are none in what is no definition", () => {
    for (const json of [null, 1, "x", [], {}, { steps: {} }, { steps: [null, 1, { type: "workflow" }, { type: "workflow", workflow: 3 }] }])
      expect(referencesIn(json)).toEqual([]);
    expect(referencesIn({ on_completed: "x", on_failed: [null, { workflow: null }] })).toEqual([]);
  });
});

describe("a library", () => {
  test("has what is referred to, directly and through others, each looked up once", async () => {
    const { lookUp, asked } = registryOf({ a: calling("b@2", "c"), "b@2": calling("c", "d"), c: calling(), d: calling() });
    const library = await loadLibrary(calling("a", "c", "a"), lookUp);
    expect(library).toMatchObject({ ok: true, value: { a: { name: "a" }, "b@2": { name: "b", version: 1 }, c: {}, d: {} } });
    expect(asked).toEqual(["a", "c", "b@2", "d"]);
  });

  test("ends where references go in circles", async () => {
    const { lookUp, asked } = registryOf({ a: calling("b"), b: calling("a", "b") });
    expect(await loadLibrary(calling("a"), lookUp)).toMatchObject({ ok: true, value: { a: {}, b: {} } });
    expect(asked).toEqual(["a", "b"]);
  });

  test("names the place of each reference to what is not there", async () => {
    const { lookUp } = registryOf({ a: calling("gone"), b: calling() });
    expect(await loadLibrary(calling("nope", "b", "nope"), lookUp)).toEqual({
      ok: false,
      error: ["/steps/0/workflow", "/steps/2/workflow"].map((pointer) => ({
        pointer,
        message: 'There is no task type "nope".',
        code: "unknown_reference",
      })),
    });
    expect(await loadLibrary(calling("b", "a"), lookUp)).toEqual({
      ok: false,
      error: [
        {
          pointer: "/steps/1/workflow",
          message: 'in "a" version 1 at /steps/0/workflow: There is no task type "gone".',
          code: "unknown_reference",
        },
      ],
    });
  });

  test("is bounded in number and in size", async () => {
    const chain = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`w${index}`, calling(`w${index + 1}`)]));
    const { lookUp, asked } = registryOf(chain);
    expect(await loadLibrary(calling("w0"), lookUp)).toMatchObject({
      ok: false,
      error: [{ pointer: "/steps/0/workflow", code: "limit_reached" }],
    });
    expect(asked).toHaveLength(LIMITS.libraryWorkflows);
    const wide = calling(...Array.from({ length: LIMITS.libraryWorkflows + 1 }, (_, index) => `w${index}`));
    expect(await loadLibrary(wide, lookUp)).toMatchObject({
      ok: false,
      error: [{ pointer: `/steps/${LIMITS.libraryWorkflows}/workflow` }],
    });
    const big = { description: "x".repeat(1_500_000), steps: [] };
    const { lookUp: lookUpBig } = registryOf({ a: big, b: big, c: big });
    expect(await loadLibrary(calling("a", "b"), lookUpBig)).toMatchObject({ ok: true });
    expect(await loadLibrary(calling("a", "b", "c"), lookUpBig)).toMatchObject({ ok: false, error: [{ code: "limit_reached" }] });
  });

  test("takes any name that a workflow may have", async () => {
    const { lookUp } = registryOf(JSON.parse('{"__proto__": {"steps": []}, "constructor": {"steps": []}}') as Record<string, Json>);
    const library = await loadLibrary(calling("__proto__", "constructor"), lookUp);
    expect(library.ok && Object.keys(library.value)).toEqual(["__proto__", "constructor"]);
  });
});

test("a schema of the result has to be one, as that of the input", () => {
  expect(schemaFaults({ output_schema: { $ref: "#/$defs/none" } })).toMatchObject([{ pointer: "/output_schema" }]);
  expect(schemaFaults({ input_schema: { type: "object" }, output_schema: { type: "object" } })).toEqual([]);
});
