/** What is to be done to many tasks, and how far that has come. */
import { z } from "zod";
import type { TaskStatus } from "../engine/state/state.ts";
import { moment } from "../language/definition-words.ts";
import { actorFilter } from "../tasks/views/by-view.ts";
import { LIMITS } from "./limits.ts";

const ACTIONS = ["cancel", "retry", "delete"] as const;
export type Action = (typeof ACTIONS)[number];

const LIVE: readonly TaskStatus[] = ["queued", "waiting", "paused", "running"];
const ENDED: readonly TaskStatus[] = ["completed", "failed", "canceled", "timed_out", "rejected"];

export const isLive = (status: TaskStatus): boolean => LIVE.includes(status);

/** Tasks that an action can do something to. */
export const STATUSES: { readonly [A in Action]: readonly TaskStatus[] } = {
  cancel: LIVE,
  retry: ["failed", "timed_out", "rejected"],
  delete: ENDED,
};

/** An example stands in templates, ready to be sent: it must not be one that means all tasks. */
const EXAMPLES: readonly object[] = [{ action: "cancel", filter: { tag: "obsolete" }, reason: "Not needed any more" }];

export const order = z
  .strictObject({
    action: z.enum(ACTIONS).meta({ description: "What to do to each task" }),
    filter: z
      .strictObject({
        status: z.enum([...LIVE, ...ENDED]).optional(),
        type: z.string().max(LIMITS.idLength).optional(),
        tag: z.string().max(LIMITS.tagLength).optional(),
        parent: z.string().max(LIMITS.idLength).optional().meta({ description: "The task that started them" }),
        by: actorFilter.optional(),
        created_after: moment.optional(),
        created_before: moment.optional().meta({ description: "Whatever it says, no task that is newer than the order" }),
      })
      .default({})
      .meta({ description: "Of all tasks, those that match all of it" }),
    reason: z.string().max(LIMITS.textLength).optional().meta({ description: "Why they are canceled" }),
  })
  .meta({ examples: EXAMPLES });
export type Order = z.infer<typeof order>;

const count = z.int().min(0);

const position = z.strictObject({ createdAt: z.int(), id: z.string() });

/** Where an order that began before it could stay open goes on. */
const placeBefore = z.strictObject({ before: z.int(), status: count, after: position.nullable() });

/**
 * Where an order goes on. It looks through all tasks there are, sweep after sweep: the last one begins once everything that
 * was accepted before the order is certain to be listed.
 */
const place = z.strictObject({
  /** Tasks that were created before this moment. */
  before: z.int(),
  openUntil: z.int(),
  /** When this page was through, or the next one is to begin. */
  at: z.int(),
  sweep: z.int(),
  sweepStartedAt: z.int(),
  after: position.nullable(),
  /** What this page found and the next one does something to; whether that is said of what fails, too. */
  found: z.array(z.string()).max(LIMITS.bulkPage).readonly(),
  isLast: z.boolean(),
  /** The sweep is over once something was done to that; `ends`: and so is the order. */
  isSwept: z.boolean(),
  ends: z.boolean(),
});
export type Place = z.infer<typeof place>;

/** `skipped`: no longer in a state for it, or gone. */
const progress = z.strictObject({
  seen: count,
  done: count,
  skipped: count,
  failed: count,
  errors: z.array(z.strictObject({ task_id: z.string(), code: z.string(), message: z.string() })).max(LIMITS.bulkErrors),
});
export type Progress = z.infer<typeof progress>;

/** PERSISTED as the output of a step: what a page has come to, with those before it. */
export const page = z.strictObject({
  progress,
  next: z.union([place, placeBefore]).nullable(),
  /** When the next page is to begin, if that is not now. */
  resume_at: z.iso.datetime().nullable().default(null),
});
export type Page = z.infer<typeof page>;

/** What the built-in agent is sent. */
export const pageOrder = z.strictObject({
  order,
  previous: page.nullable(),
  /** It waits between pages. Orders that began before could not. */
  stays_open: z.literal(true).optional(),
});
