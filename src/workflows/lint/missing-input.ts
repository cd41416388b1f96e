/** Inputs without a field that whoever gets them requires. */
import { isJsonObject, type Json } from "../../shared/json.ts";
import type { JsonSchema } from "../../shared/json-schema.ts";
import type { Warning } from "./codes.ts";
import type { SourceStep } from "./source-tree.ts";
import type { ShapeInference } from "./shape-inference.ts";

/** `at`: of what has the input. */
export function missingFrom(
  input: Json,
  required: readonly string[],
  { within }: SourceStep,
  shapes: ShapeInference,
  at: string,
  who: string,
): readonly Warning[] {
  const shape = required.length === 0 ? null : shapes.template(input, within);
  if (shape?.type !== "object" || shape.others !== "none") return [];
  const missing = required.filter((field) => !shape.fields.has(field));
  if (missing.length === 0) return [];
  const message = `the input lacks ${missing.map((field) => `"${field}"`).join(", ")}, which ${who} requires`;
  return [{ code: "missing_input", pointer: `${at}/input`, message }];
}

export function requiredBy(schema: JsonSchema | undefined): readonly string[] {
  if (!isJsonObject(schema) || !Array.isArray(schema["required"])) return [];
  return (schema["required"] as readonly Json[]).filter((field) => typeof field === "string");
}
