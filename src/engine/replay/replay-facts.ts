/** Whether two facts say the same, wherever their values are. */
import { canonicalJson, type Json } from "../../shared/json.ts";
import type { TaskEvent } from "../facts/event.ts";
import { readValue, type RecordedValue, type StoredValue, type Values } from "../facts/value.ts";

/** Members that hold a value, which may stand in the event or somewhere else. */
export const VALUES: readonly string[] = ["definition", "input", "output", "payload", "library"];

export function isSameFact(recorded: TaskEvent, replayed: TaskEvent, read: (recorded: RecordedValue) => Json): boolean {
  if (recorded.type !== replayed.type) return false;
  const [one, other] = [recorded, replayed] as unknown as readonly [Members, Members];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => {
    const [a, b] = [one[key], other[key]];
    if (a === undefined || b === undefined) return a === b;
    return VALUES.includes(key) ? isSameValue(a as StoredValue, b as StoredValue, read) : isSame(a, b);
  });
}

type Members = { readonly [key: string]: Json | StoredValue | undefined };

function isSameValue(one: StoredValue, other: StoredValue, read: (recorded: RecordedValue) => Json): boolean {
  if (isSamePlace(one, other)) return true;
  const values = { read } as Values;
  return isSame(readValue(one, values), readValue(other, values));
}

function isSamePlace(one: StoredValue, other: StoredValue): boolean {
  if ("payload" in one) return "payload" in other && one.payload === other.payload;
  return "seq" in one && "seq" in other && one.seq === other.seq;
}

const isSame = (one: unknown, other: unknown): boolean => one === other || canonicalJson(one as Json) === canonicalJson(other as Json);
