/** What turns one JSON value into another, in the operations of JSON Patch, with what was there before beside them. */
import { canonicalJson, isJsonObject, pointer, type Json } from "./json.ts";

export type JsonChange =
  | { readonly op: "add"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string; readonly old: Json }
  | { readonly op: "replace"; readonly path: string; readonly value: Json; readonly old: Json };

/** At most `limit` of them, to be applied in order. Items of lists are compared by their place. */
export function changesOf(before: Json, after: Json, limit = Number.POSITIVE_INFINITY): readonly JsonChange[] {
  const changes: JsonChange[] = [];
  collect(before, after, "", limit, changes);
  return changes;
}

function collect(before: Json, after: Json, path: string, limit: number, changes: JsonChange[]): void {
  if (changes.length >= limit || before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) return collectItems(before, after, path, limit, changes);
  if (isJsonObject(before) && isJsonObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const place = path + pointer(key);
      const [old, value] = [own(before, key), own(after, key)];
      if (old === undefined) add(changes, limit, { op: "add", path: place, value: value as Json });
      else if (value === undefined) add(changes, limit, { op: "remove", path: place, old });
      else collect(old, value, place, limit, changes);
    }
    return;
  }
  if (canonicalJson(before) !== canonicalJson(after)) add(changes, limit, { op: "replace", path, value: after, old: before });
}

function collectItems(before: readonly Json[], after: readonly Json[], path: string, limit: number, changes: JsonChange[]): void {
  const shared = Math.min(before.length, after.length);
  for (let index = 0; index < shared; index++) collect(before[index] as Json, after[index] as Json, path + pointer(index), limit, changes);
  for (let index = shared; index < after.length; index++)
    add(changes, limit, { op: "add", path: path + pointer(index), value: after[index] as Json });
  // From the end, so that every place is still that of the item when it is removed.
  for (let index = before.length - 1; index >= shared; index--)
    add(changes, limit, { op: "remove", path: path + pointer(index), old: before[index] as Json });
}

const own = (value: { readonly [key: string]: Json }, key: string): Json | undefined =>
  Object.hasOwn(value, key) ? value[key] : undefined;

function add(changes: JsonChange[], limit: number, change: JsonChange): void {
  if (changes.length < limit) changes.push(change);
}
