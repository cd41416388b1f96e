/** Whether an endpoint is one that nothing should be sent to any more, from what became of the deliveries. Pure. */
import { LIMITS } from "./limits.ts";
import { durationText } from "../shared/time.ts";

export interface Disabled {
  readonly reason: string;
  readonly since: number;
}

/** PERSISTED in the endpoint's object, under `condition`. */
export interface EndpointCondition {
  readonly v: 1;
  /** The enabling of the endpoint that this is about: what was known before somebody enabled it counts no more. */
  readonly epoch: number;
  /** `null` when the last delivery arrived. */
  readonly failing: { readonly since: number; readonly givenUp: number } | null;
  /** Found out here; `isPublished` once the registration says so too. */
  readonly disabled: (Disabled & { readonly isPublished: boolean }) | null;
}

export function freshCondition(epoch: number): EndpointCondition {
  return { v: 1, epoch, failing: null, disabled: null };
}

/** `failed`: it will be tried again. `gone`: the endpoint said that it wants nothing more. */
export type Lesson = "delivered" | "failed" | "given_up" | "gone";

/** The same object where nothing changes, so that nothing has to be written. */
export function learned(condition: EndpointCondition, lesson: Lesson, now: number): EndpointCondition {
  const { failing, disabled } = condition;
  switch (lesson) {
    case "delivered":
      return failing === null ? condition : { ...condition, failing: null };
    case "failed":
      return failing === null ? { ...condition, failing: { since: now, givenUp: 0 } } : condition;
    case "given_up": {
      const after = { since: failing?.since ?? now, givenUp: (failing?.givenUp ?? 0) + 1 };
      return { ...condition, failing: after, disabled: disabled ?? disabledBy(hopelessness(after, now), now) };
    }
    case "gone":
      return { ...condition, disabled: disabled ?? disabledBy("it answered 410, which says that it wants nothing more", now) };
  }
}

function hopelessness({ since, givenUp }: NonNullable<EndpointCondition["failing"]>, now: number): string | null {
  if (givenUp >= LIMITS.givenUpInRow) return `${givenUp} deliveries in a row were given up`;
  return now - since >= LIMITS.failingMs ? `no delivery has arrived for ${durationText(LIMITS.failingMs)}` : null;
}

function disabledBy(reason: string | null, now: number): EndpointCondition["disabled"] {
  return reason === null ? null : { reason, since: now, isPublished: false };
}
