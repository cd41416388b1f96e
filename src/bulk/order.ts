/** What is to be done to many tasks, and how far that has come. */
import { z } from "zod";
import type { TaskStatus } from "../engine/state/state.ts";
import { LIMITS } from "./limits.ts";

const time = z.iso.datetime({ offset: true });

const ACTIONS = ["cancel", "retry", "delete"] as const;
export type Action = (typeof ACTIONS)[number];

/** In the order in which tasks with them are looked for: what has not begun should not begin first. */
const LIVE: readonly TaskStatus[] = ["queued", "waiting", "paused", "running"];
const ENDED: readonly TaskStatus[] = ["completed", "failed", "canceled", "timed_out", "rejected"];

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
        created_after: time.optional(),
        created_before: time.optional().meta({ description: "Whatever it says, no task that is newer than the order" }),
      })
      .default({})
      .meta({ description: "Of all tasks, those that match all of it" }),
    reason: z.string().max(LIMITS.textLength).optional().meta({ description: "Why they are canceled" }),
  })
  .meta({ examples: EXAMPLES });
export type Order = z.infer<typeof order>;

const count = z.int().min(0);

/** Where the next page begins: among tasks of which status, after which of them. */
const place = z.strictObject({
  before: z.int(),
  status: count,
  after: z.strictObject({ createdAt: z.int(), id: z.string() }).nullable(),
});

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
export const page = z.strictObject({ progress, next: place.nullable() });
export type Page = z.infer<typeof page>;

/** What the built-in agent is sent. */
export const pageOrder = z.strictObject({ order, previous: page.nullable() });
