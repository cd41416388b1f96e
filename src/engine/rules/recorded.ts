/** Results of expressions on their way into the journal: looked at before they are copied. */
import type { Json } from "../../shared/json.ts";
import { leastLength } from "../../shared/json-size.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Failure } from "../facts/failure.ts";
import { TASK_TOO_LARGE, VALUE_TOO_DEEP, VALUE_TOO_LARGE, type StoredValue } from "../facts/value.ts";
import { LIMITS } from "../limits.ts";
import type { TaskState } from "../state/state.ts";
import type { World } from "../world.ts";

/** Where a value is from now on; one that was read from the record stays where it is. */
export function recorded(state: TaskState, value: Json, { values }: World): Result<StoredValue, Failure> {
  const known = values.recorded?.(value) ?? null;
  if (known !== null) return ok(known);
  const isBounded = state.graph.rules > 0;
  const depth = isBounded ? LIMITS.jsonDepth : Number.POSITIVE_INFINITY;
  const length = leastLength(value, { length: LIMITS.valueBytes, depth });
  if (length === "too_deep") return err(VALUE_TOO_DEEP);
  if (length === "too_large") return err(VALUE_TOO_LARGE);
  if (isBounded && length > LIMITS.residentValueBytes && length > roomFor(state)) return err(TASK_TOO_LARGE);
  const stored = values.write(value);
  return stored === null ? err(VALUE_TOO_LARGE) : ok(stored);
}

/** How many bytes of values the task may have beside those that it has. */
export function roomFor(state: TaskState): number {
  return state.graph.rules > 0 ? LIMITS.taskBytes - state.valueBytes : Number.POSITIVE_INFINITY;
}
