/**
 * Ends objects at chosen moments. A moment is named by what happens there (`commit`, `begin before`, `alarm after` …) and
 * counted from 1; what was not interrupted at all says how often each of them comes.
 *
 * I1. Nothing is aborted from within: whoever reaches a moment asks for it and stands still until it is gone. An object
 *     that were aborted from within its own request would take the runtime along.
 * I2. After a commit that ends its process nothing that follows from it leaves: neither requests nor timers.
 */
import { abortAllDurableObjects, evictAllDurableObjects } from "cloudflare:test";
import { vi } from "vitest";
import { ArchiveStore } from "../../src/tasks/history/archive-store.ts";
import { hashText } from "../../src/shared/random.ts";
import { Errands } from "../../src/objects/errands.ts";
import { Pace } from "../../src/objects/pace.ts";
import { HistoryProjection } from "../../src/tasks/object/history-projection.ts";
import { EndNotices } from "../../src/tasks/object/end-notices.ts";
import { Journal } from "../../src/tasks/object/journal.ts";
import { TaskObject } from "../../src/tasks/object/task-object.ts";
import { WebhookObject } from "../../src/webhooks/webhook-object.ts";

export type Moment = string;
/** Whether the process ends at the n-th moment of this name. */
export type Choice = (moment: Moment, n: number) => boolean;
export type How = "abort" | "evict";

/** At one in so many moments, at most so often; which ones follows from the seed. */
export function seldom(seed: number, share: number, atMost: number): Choice {
  let left = atMost;
  return (moment, n) => {
    if (left === 0 || hashText(`${moment} ${n}`, seed) / 2 ** 32 >= share) return false;
    left--;
    return true;
  };
}

/** Longer than it takes until everything has been aborted. */
const STAND_STILL_MS = 40;

let choose: Choice = () => false;
const counts = new Map<Moment, number>();
let wanted = 0;
let ended = 0;
/** Between a commit that ends the process and the end. */
let isDying = false;
/** Calls that have not come back, of the process that there is now. */
let underWay = new Set<symbol>();

/** Whether something that was sent has not arrived yet, as far as is known: only while something may be interrupted. */
export const isUnderWay = (): boolean => underWay.size > 0;

/** How often each moment has come since the last time that anything was interrupted. */
export const momentCounts = (): ReadonlyMap<Moment, number> => new Map(counts);

function reached(moment: Moment): boolean {
  const n = (counts.get(moment) ?? 0) + 1;
  counts.set(moment, n);
  if (!choose(moment, n)) return false;
  wanted++;
  return true;
}

/** A moment at which something may wait. */
export async function moment(name: Moment): Promise<void> {
  if (reached(name)) await scheduler.wait(STAND_STILL_MS);
}

/** Calls between objects, and what they ask of the rest of the service; before it arrives, and before the answer does. */
const CALLS = [
  [TaskObject.prototype, "begin"],
  [TaskObject.prototype, "childEnded"],
  [TaskObject.prototype, "follow"],
  [TaskObject.prototype, "cancel"],
  [TaskObject.prototype, "pause"],
  [TaskObject.prototype, "resume"],
  [TaskObject.prototype, "signal"],
  [TaskObject.prototype, "decide"],
  [TaskObject.prototype, "alarm"],
  [WebhookObject.prototype, "notify"],
  [ArchiveStore.prototype, "write"],
] as const;
export const CALL_MOMENTS: readonly Moment[] = CALLS.flatMap(([, name]) => [`${name} before`, `${name} after`]);

/** What follows from a commit. */
const EFFECTS = [
  [Errands.prototype, "run"],
  [HistoryProjection.prototype, "committed"],
  [EndNotices.prototype, "send"],
] as const;

/** What is only waited for. */
const WAITS = [[Pace.prototype, "turn"]] as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;
/** Taken before anything is watched. */
const withOriginal = (of: readonly (readonly [object, string])[]) =>
  of.map(([prototype, name]) => ({ methods: prototype as Methods, name, original: (prototype as Methods)[name] as Method }));
const [calls, waits, effects] = [withOriginal(CALLS), withOriginal(WAITS), withOriginal(EFFECTS)];
const commits = withOriginal([[Journal.prototype, "append"]]);

function watch(): void {
  for (const { methods, name, original } of calls) {
    vi.spyOn(methods, name).mockImplementation(async function (this: unknown, ...args: unknown[]) {
      return whileUnderWay(async () => {
        await moment(`${name} before`);
        const answer = await original.apply(this, args);
        await moment(`${name} after`);
        return answer;
      });
    });
  }
  for (const { methods, name, original } of waits) {
    vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...args: unknown[]) {
      return whileUnderWay(async () => original.apply(this, args));
    });
  }
  for (const { methods, name, original } of commits) {
    vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...args: unknown[]) {
      original.apply(this, args);
      if (reached("commit") && how === "abort") isDying = true;
    });
  }
  for (const { methods, name, original } of effects) {
    vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...args: unknown[]) {
      if (!isDying) return original.apply(this, args);
      return name === "send" ? new Promise(() => {}) : undefined;
    });
  }
}

async function whileUnderWay<T>(work: () => Promise<T>): Promise<T> {
  const [call, all] = [Symbol("call"), underWay];
  all.add(call);
  try {
    return await work();
  } finally {
    all.delete(call);
  }
}

let how: How = "abort";

/** Does something while objects are ended at the moments that are chosen. */
export async function interrupted<T>(at: Choice, action: () => Promise<T>, by: How = "abort"): Promise<T> {
  counts.clear();
  [wanted, ended, isDying, how, choose] = [0, 0, false, by, at];
  underWay = new Set();
  watch();
  let isOver = false;
  const watching = (async () => {
    for (; !isOver || ended !== wanted; await scheduler.wait(1)) {
      if (ended === wanted) continue;
      // Who is answered with the commit has the answer by then: a queue's consumer that is cut off in the middle of one is
      // never done here, and holds up the local queue, which delivers one batch at a time.
      if (isDying) await scheduler.wait(15);
      ended = wanted;
      const ending = how === "abort" ? abortAllDurableObjects() : evictAllDurableObjects().catch(() => undefined);
      isDying = false;
      await ending;
      underWay = new Set();
    }
  })();
  try {
    return await action();
  } finally {
    isOver = true;
    choose = () => false;
    await watching;
  }
}

/**
 * Does something as often as needed to end objects at every moment of a name, of which there are `count` if nothing is
 * ended: each time at every n-th of them, and at those that come on top.
 */
export async function atEvery(name: Moment, count: number, every: number, action: (at: Choice) => Promise<void>): Promise<void> {
  for (let first = 1; first <= Math.min(every, count); first++) {
    await action((moment, n) => moment === name && n <= 2 * count && n % every === first % every);
  }
}

/** Whether anything was ended: a choice that no moment met has shown nothing. */
export const hasStruck = (): boolean => wanted > 0;
