/** Values on their way into the journal. */
import type { TaskEvent } from "./event.ts";
import { isTooLargeToStay, type StoredValue, type Values } from "./value.ts";

/** Stages what state will know by its number only, for the rest of the transition that establishes it. */
export function stageValues(events: readonly TaskEvent[], after: number, values: Values): void {
  events.forEach((event, index) => {
    const stored = carriedBy(event);
    if (stored !== undefined && "value" in stored && isTooLargeToStay(stored)) values.stage(after + index + 1, stored.value);
  });
}

/** The value that an event is there to record, by whose number it is known. */
export function carriedBy(event: TaskEvent): StoredValue | undefined {
  if ("input" in event) return event.input;
  if ("output" in event) return event.output;
  return "payload" in event ? event.payload : undefined;
}
