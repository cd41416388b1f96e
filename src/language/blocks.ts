/** Where steps nest. Takes any JSON. */
import { isJsonObject, pointer, type Json, type JsonObject } from "../shared/json.ts";
import { kindOf } from "./kinds/table.ts";

export interface PlacedStep {
  readonly step: JsonObject;
  /** JSON Pointer from the definition's root. */
  readonly at: string;
}

/** What has `steps` of its own: the definition, a step, a case of a switch. */
export interface BlockHolder {
  readonly holder: JsonObject;
  readonly at: string;
}

export function stepsIn({ holder, at }: BlockHolder): readonly PlacedStep[] {
  const { steps } = holder;
  if (!Array.isArray(steps)) return [];
  return (steps as readonly Json[]).flatMap((step, index) => (isJsonObject(step) ? [{ step, at: at + pointer("steps", index) }] : []));
}

/** What is inside a step, in the order of its branches. */
export function blocksIn({ step, at }: PlacedStep): readonly BlockHolder[] {
  const blocks = kindOf(step["type"]).blocks?.(step) ?? [];
  return blocks.flatMap(({ holder, field }) => (isJsonObject(holder) ? [{ holder, at: at + field }] : []));
}
