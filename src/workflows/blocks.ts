/** Where steps nest: the only place that knows which parts of a step hold further steps. Takes any JSON. */
import { isJsonObject, pointer, type Json, type JsonObject } from "../shared/json.ts";

export interface PlacedStep {
  readonly step: JsonObject;
  /** JSON Pointer from the definition's root. */
  readonly at: string;
}

/** What has `steps` of its own: the definition, a step, a case of a switch. */
export interface Block {
  readonly holder: JsonObject;
  readonly at: string;
}

export function stepsIn({ holder, at }: Block): readonly PlacedStep[] {
  return objectsIn(holder["steps"]).map(([index, step]) => ({ step, at: at + pointer("steps", index) }));
}

export function blocksOf({ step, at }: PlacedStep): readonly Block[] {
  switch (step["type"]) {
    case "map":
    case "repeat":
      return [{ holder: step, at }];
    case "switch": {
      const cases = objectsIn(step["cases"]).map(([index, holder]) => ({ holder, at: at + pointer("cases", index) }));
      const otherwise = step["default"];
      return isJsonObject(otherwise) ? [...cases, { holder: otherwise, at: at + pointer("default") }] : cases;
    }
    default:
      return [];
  }
}

function objectsIn(list: Json | undefined): readonly (readonly [number, JsonObject])[] {
  if (!Array.isArray(list)) return [];
  return [...(list as readonly Json[]).entries()].filter((entry): entry is [number, JsonObject] => isJsonObject(entry[1]));
}
