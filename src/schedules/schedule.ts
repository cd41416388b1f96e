/** What a schedule is: how it is kept, and what changes of it mean. */
import type { By } from "../shared/actor.ts";

export const OVERLAP = ["skip", "queue", "cancel_previous", "allow"] as const;
export type Overlap = (typeof OVERLAP)[number];

/** What becomes of times that were missed: nothing, one run for all of them, or one each, for those that are not older. */
export type CatchUp = { readonly type: "none" | "one" | "all" } | { readonly type: "within"; readonly ms: number };

/** When it runs: times from `startsAt` on, before `endsAt`; each run starts up to `jitterMs` after its time. */
export type Timing = (
  | { readonly type: "cron"; readonly cron: string; readonly timezone: string }
  /** Counted from `startsAt`, else from the beginning of 1970, UTC. */
  | { readonly type: "interval"; readonly everyMs: number }
) & { readonly startsAt: number | null; readonly endsAt: number | null; readonly jitterMs: number };

export interface Paused {
  readonly since: number;
  readonly reason: string | null;
}

/** PERSISTED in the schedule's object and, for the list, in D1. */
export interface ScheduleHead {
  readonly v: 1;
  readonly name: string;
  /** Counts changes; the ETag. */
  readonly revision: number;
  readonly timing: Timing;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly description: string | null;
  /** The type of its tasks; `null` where they bring a workflow of their own. */
  readonly taskType: string | null;
  readonly paused: Paused | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy?: By;
  /** Who put it, paused it or let it go on last. */
  readonly updatedBy?: By;
}

/** PERSISTED in the schedule's object. */
export interface ScheduleRecord {
  readonly v: 1;
  readonly tenant: string;
  /** Of this one among all that had its name: part of the ids of its tasks. */
  readonly incarnation: string;
  readonly head: ScheduleHead;
  /** Of what somebody put: the same again changes nothing. */
  readonly fingerprint: string;
  /** Where the service was reached: the base of callback URLs of its tasks. */
  readonly origin: string;
  /** The revision that D1 has; 0 while D1 has not accepted it, and nothing runs yet. */
  readonly listed: number;
  /** It is gone but for its row in D1. */
  readonly deletedAt: number | null;
}

/** What somebody puts. */
export interface ScheduleDraft extends Pick<ScheduleHead, "timing" | "overlap" | "catchUp" | "description" | "taskType"> {
  /** JSON: the body of a submission. The secret of its webhook is sealed. */
  readonly task: string;
  /** `null`: as it is. */
  readonly paused: boolean | null;
  readonly fingerprint: string;
  readonly origin: string;
  readonly by?: By;
  /** Of one that a copy has: when and by whom it was made, and why it is paused. */
  readonly made?: { readonly at: number; readonly by: By | null; readonly pauseReason: string | null };
}

/** What makes a schedule again as it is. */
export interface ScheduleCopy {
  readonly head: ScheduleHead;
  readonly task: string;
  readonly fingerprint: string;
  readonly origin: string;
}

export function newRecord(tenant: string, name: string, incarnation: string, draft: ScheduleDraft, now: number): ScheduleRecord {
  const paused = draft.paused === true ? pausedNow(draft.made?.pauseReason ?? null, now) : null;
  const maker = draft.made === undefined ? draft.by : draft.made.by;
  return {
    v: 1,
    tenant,
    incarnation,
    head: {
      v: 1,
      name,
      revision: 1,
      ...headOf(draft),
      paused,
      createdAt: draft.made?.at ?? now,
      updatedAt: now,
      ...(maker && { createdBy: maker }),
      ...(draft.by && { updatedBy: draft.by }),
    },
    fingerprint: draft.fingerprint,
    origin: draft.origin,
    listed: 0,
    deletedAt: null,
  };
}

export function changedRecord(record: ScheduleRecord, draft: ScheduleDraft, now: number): ScheduleRecord {
  const { paused } = record.head;
  const wasPaused = paused !== null;
  const changed =
    draft.paused === null || draft.paused === wasPaused ? paused : draft.paused ? pausedNow(draft.made?.pauseReason ?? null, now) : null;
  return {
    ...record,
    head: { ...revised(record.head, draft.by, now), ...headOf(draft), paused: changed },
    fingerprint: draft.fingerprint,
    origin: draft.origin,
  };
}

/** `paused`: `null` when it goes on. */
export function steeredRecord(record: ScheduleRecord, paused: Paused | null, by: By | undefined, now: number): ScheduleRecord {
  return { ...record, head: { ...revised(record.head, by, now), paused } };
}

/** Whether putting the draft would change nothing. */
export function isUnchanged({ head, fingerprint }: ScheduleRecord, draft: ScheduleDraft): boolean {
  return fingerprint === draft.fingerprint && (draft.paused === null || draft.paused === (head.paused !== null));
}

export function isSameTiming(one: Timing, other: Timing): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function pausedNow(reason: string | null, now: number): Paused {
  return { since: now, reason };
}

function revised(before: ScheduleHead, by: By | undefined, now: number): ScheduleHead {
  const { updatedBy: _, ...head } = before;
  return { ...head, revision: head.revision + 1, updatedAt: now, ...(by && { updatedBy: by }) };
}

function headOf({ timing, overlap, catchUp, description, taskType }: ScheduleDraft) {
  return { timing, overlap, catchUp, description, taskType };
}
