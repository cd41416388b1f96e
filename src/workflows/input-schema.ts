/** Checks a task's input against the JSON Schema that its workflow declares. */
import { Validator } from "@cfworker/json-schema";
import type { WorkflowDefinition } from "../engine/definition.ts";
import type { Fault } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { messageOf } from "../shared/log.ts";

/** What is wrong with the schema itself, as far as applying it shows: patterns, references. */
export function schemaFaults({ input_schema }: WorkflowDefinition): readonly Fault[] {
  if (input_schema === undefined) return [];
  try {
    for (const pattern of patternsIn(input_schema as Json)) RegExp(pattern, "u");
    for (const probe of [null, {}, [], ""]) new Validator(input_schema, "2020-12", true).validate(probe);
    return [];
  } catch (error) {
    return [{ pointer: "/input_schema", message: `the schema cannot be applied: ${messageOf(error)}`, code: "invalid_definition" }];
  }
}

function* patternsIn(schema: Json): Iterable<string> {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "pattern" && typeof value === "string") yield value;
    else if (key === "patternProperties" && typeof value === "object" && value !== null) yield* Object.keys(value);
    yield* patternsIn(value);
  }
}

export function inputFaults({ input_schema }: WorkflowDefinition, input: Json): readonly Fault[] {
  if (input_schema === undefined) return [];
  try {
    // Every fault of a large input could be more faults than anybody reads; its first one will do.
    const isLarge = JSON.stringify(input).length > LIMITS.eventValueBytes;
    const { valid, errors } = new Validator(input_schema, "2020-12", isLarge).validate(input);
    return valid ? [] : innermost(errors).map(({ instanceLocation, error }) => fault(instanceLocation.replace(/^#/, ""), error));
  } catch (error) {
    return [fault("", `the workflow's input_schema cannot be applied: ${messageOf(error)}`)];
  }
}

type Fits = ReturnType<Validator["validate"]>["errors"];

/** The library reports every enclosing schema too; the innermost places are what a caller can act on. */
function innermost(errors: Fits): Fits {
  const some = errors.slice(0, 10 * LIMITS.faults);
  const isInner = (place: string): boolean => !some.some((other) => other.instanceLocation.startsWith(`${place}/`));
  return some.filter(({ instanceLocation }) => isInner(instanceLocation)).slice(0, LIMITS.faults);
}

function fault(place: string, message: string): Fault {
  return { pointer: `/input${place}`, message, code: "invalid_input" };
}
