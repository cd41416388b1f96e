/** An event as readers get it, in pages and live. */
import { z } from "@hono/zod-openapi";
import type { Json, JsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import { ByView } from "../../http/by.ts";
import { causeOf } from "./by-view.ts";

const time = z.iso.datetime();

export const EventView = z
  .object({
    seq: z.int(),
    at: time,
    type: z.string(),
    step_id: z.string().optional(),
    by: ByView.optional(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("Event");
export type EventView = z.infer<typeof EventView> & { readonly data: JsonObject };

/** Members that are ours, not the reader's. */
const INTERNAL: readonly string[] = [
  "type",
  "actor",
  "step",
  "v",
  "tenant",
  "fingerprint",
  "origin",
  "digest",
  "key",
  "library",
  "spread",
  "webhook",
];
const VALUES: readonly string[] = ["definition", "input", "output", "payload"];

/** Of a task that begins with `created`. */
export function eventView(event: TaskEvent, seq: number, at: number, created: TaskCreated): EventView {
  const data: Record<string, Json> = {};
  for (const [key, value] of Object.entries(event) as [string, Json][]) {
    if (INTERNAL.includes(key) || (key === "task" && event.type === "task.created")) continue;
    if (VALUES.includes(key)) showValue(data, key, value as unknown as StoredValue);
    else if (key === "waiting_on" || key === "cached")
      data[key] = Object.fromEntries(Object.entries(value as JsonObject).map(([name, one]) => [name, timed(name, one)]));
    else data[key] = timed(key, value);
  }
  const by = causeOf(event, created);
  return { seq, at: isoTime(at), type: event.type, ...("step" in event && { step_id: event.step }), ...(by && { by }), data };
}

/** Times are milliseconds inside and RFC 3339 outside. */
function timed(key: string, value: Json): Json {
  return /(_at|until)$/.test(key) && typeof value === "number" ? isoTime(value) : value;
}

/** A small value is shown, a large one named by its size (`output_bytes`): it is read where it belongs. */
function showValue(data: Record<string, Json>, key: string, stored: StoredValue): void {
  if ("value" in stored && (stored.bytes ?? 0) <= LIMITS.eventValueBytes) data[key] = stored.value;
  else data[`${key}_bytes`] = stored.bytes ?? 0;
}

/** Whether the event is a task's last word; only `task.archived` may follow. */
export function isLastEvent({ type }: EventView): boolean {
  return (
    type === "task.completed" || type === "task.failed" || type === "task.canceled" || type === "task.timed_out" || type === "task.rejected"
  );
}
