/** Where a recorded value is. Recorded values never change. */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { Failure } from "./failure.ts";

/**
 * PERSISTED: a value in an event. Small ones are there themselves (`bytes` only once they are worth mentioning), large
 * ones in payload chunks, and one that an earlier event has already is named by that event's number.
 */
export type StoredValue =
  | { readonly value: Json; readonly bytes?: number }
  | { readonly payload: number; readonly bytes: number }
  | { readonly seq: number; readonly bytes: number };

/** A value that has to be fetched from the journal or from payloads. */
export type RecordedValue = Exclude<StoredValue, { readonly value: Json }>;

/** How the engine reaches values. All of it is synchronous and belongs to the transaction of the transition. */
export interface Values {
  readonly read: (recorded: RecordedValue) => Json;
  /** Event `seq` carries this value and is about to be recorded: until then it is read from here. */
  readonly stage: (seq: number, value: Json) => void;
  /** `null` when the value is larger than a value may be. */
  readonly write: (value: Json) => StoredValue | null;
  /** Where a value is that was read from the record; `null` where it was not. */
  readonly recorded?: (value: Json) => RecordedValue | null;
}

/** What state keeps of the value in event `seq`: the value if it is small, else where to find it. */
export function resident(stored: StoredValue, seq: number): StoredValue {
  return "value" in stored && isTooLargeToStay(stored) ? { seq, bytes: stored.bytes ?? 0 } : stored;
}

export function isTooLargeToStay({ bytes = 0 }: { readonly bytes?: number }): boolean {
  return bytes > LIMITS.residentValueBytes;
}

export function readValue(stored: StoredValue, values: Values): Json {
  return "value" in stored ? stored.value : values.read(stored);
}

/** How much of it is new to the journal: what is referred to is there already. */
export function newBytes(stored: StoredValue, lastPayload: number): number {
  if ("seq" in stored || ("payload" in stored && stored.payload <= lastPayload)) return 0;
  return stored.bytes ?? 0;
}

export const VALUE_TOO_LARGE: Failure = {
  code: "result_too_large",
  message: "The result is larger than a value may be; keep less of it",
  retryable: false,
};

export const VALUE_TOO_DEEP: Failure = {
  code: "result_too_deep",
  message: `The result nests deeper than ${LIMITS.jsonDepth} levels, as deep as a body may; make it flatter`,
  retryable: false,
};

export const TASK_TOO_LARGE: Failure = {
  code: "task_too_large",
  message: `The values of the task together are larger than ${LIMITS.taskBytes} bytes; pass values on as they are, which takes nothing, or keep less of them`,
  retryable: false,
};
