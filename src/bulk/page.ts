/**
 * A page of an order: something is done to the tasks that the page before has found, and others are found.
 *
 * B1. What is found is recorded before anything is done to it. Doing a page again does nothing twice, and counts nothing twice.
 * B2. A task is found by its row, but its status is its own to say, and what may be done to it as well.
 * B3. An order stays open until every task that was accepted before it is certain to be listed. Where the service was away
 *     meanwhile, or the list does not even have the order itself, that begins anew.
 * B4. What cannot be done is tried again by every sweep, and counted by the last one.
 */
import type { Rejection } from "../shared/errors.ts";
import { messageOf } from "../shared/log.ts";
import type { Result } from "../shared/result.ts";
import { isoTime } from "../shared/time.ts";
import type { TaskStatus } from "../engine/state/state.ts";
import type { TaskFilter, TaskPosition } from "../tasks/history/task-rows.ts";
import type { TaskHead } from "../tasks/views/view.ts";
import { LIMITS } from "./limits.ts";
import { isLive, STATUSES, type Action, type Order, type Page, type Place, type Progress } from "./order.ts";

export interface BulkPorts {
  /** The newest tasks with one of these statuses that match, after a position. */
  readonly list: (
    filter: TaskFilter,
    statuses: readonly TaskStatus[],
    after: TaskPosition | null,
    limit: number,
  ) => Promise<readonly TaskHead[]>;
  /** What a live task says itself; `null` where there is none. */
  readonly statusOf: (task: string) => Promise<TaskStatus | null>;
  /** Whether this order has retried it already. */
  readonly isRetried: (task: string) => Promise<boolean>;
  readonly isListed: (task: string) => Promise<boolean>;
  readonly act: (action: Action, task: string, reason: string | undefined) => Promise<Result<unknown, Rejection>>;
}

/** @param self the task that this is done for: it is none of them. `staysOpen`: it can wait between pages */
export async function workPage(
  order: Order,
  previous: Page | null,
  self: string,
  ports: BulkPorts,
  staysOpen: boolean,
  clock: () => number,
): Promise<Page> {
  const now = clock();
  const here = placeOf(order, previous, staysOpen, now);
  const worked = await workOff(here.found, here.isLast, order, previous?.progress ?? NOTHING, ports);
  const isLate = staysOpen && now - here.at > LIMITS.bulkLateMs;
  const openUntil = isLate ? Math.max(here.openUntil, now + LIMITS.bulkOpenMs) : here.openUntil;
  if (here.isSwept) return { progress: worked, ...nextSweep({ ...here, openUntil }, now) };
  const isLast = here.sweepStartedAt >= openUntil;
  const statuses = staysOpen ? rowStatuses(order) : wanted(order).slice(statusBefore(previous));
  const heads = await ports.list(filterOf(order, here.before), statuses, here.after, LIMITS.bulkPage);
  const candidates = heads.filter((head) => head.id !== self && isOwn(head, order));
  const { found, silent } = staysOpen ? await matching(candidates, order, ports) : { found: candidates.map(({ id }) => id), silent: [] };
  const progress = isLast ? withFailed(worked, silent) : worked;
  const next = { ...here, openUntil, found, isLast, at: clock() };
  const last = heads.at(-1);
  if (last !== undefined && heads.length === LIMITS.bulkPage) {
    return { progress, next: { ...next, after: { createdAt: Date.parse(last.created_at), id: last.id } }, resume_at: null };
  }
  const swept = { ...next, isSwept: true, ends: isLast && (!staysOpen || (await ports.isListed(self))) };
  return { progress, ...(found.length > 0 ? { next: swept, resume_at: null } : nextSweep(swept, now)) };
}

const NOTHING: Progress = { seen: 0, done: 0, skipped: 0, failed: 0, errors: [] };

function placeOf({ filter }: Order, previous: Page | null, staysOpen: boolean, now: number): Place {
  const known = previous?.next ?? null;
  if (known !== null && "found" in known) return known;
  const { created_before: until } = filter;
  const before = Math.min(known?.before ?? now, until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until));
  const openUntil = staysOpen ? before + LIMITS.bulkOpenMs : 0;
  return { before, openUntil, at: now, sweep: 1, sweepStartedAt: now, after: null, found: [], isLast: false, isSwept: false, ends: false };
}

const statusBefore = (previous: Page | null): number => (previous?.next && "status" in previous.next ? previous.next.status : 0);

/** The second sweep follows soon: most rows come within a second or two. The next is the last one, unless something was amiss. */
function nextSweep({ ends, ...place }: Place, now: number): Pick<Page, "next" | "resume_at"> {
  if (ends) return { next: null, resume_at: null };
  const soon = now + LIMITS.bulkSweepMs;
  const at = place.isLast ? soon : Math.max(now, place.sweep === 1 ? Math.min(soon, place.openUntil) : place.openUntil);
  const next = { ...place, at, sweep: place.sweep + 1, sweepStartedAt: at, after: null, found: [], isSwept: false, ends };
  return { next, resume_at: isoTime(at) };
}

const wanted = ({ action, filter }: Order): readonly TaskStatus[] => (filter.status === undefined ? STATUSES[action] : [filter.status]);

/** Of what lives, a row may say what was so a moment ago. */
function rowStatuses(order: Order): readonly TaskStatus[] {
  const statuses = wanted(order);
  return statuses.some(isLive) ? STATUSES.cancel : statuses;
}

/** Those of the listed that are what the order is for, and those that do not say. */
async function matching(heads: readonly TaskHead[], order: Order, ports: BulkPorts) {
  const statuses = wanted(order);
  const isWanted = async ({ id, status }: TaskHead): Promise<boolean> => {
    if (order.action === "retry") return !(await ports.isRetried(id));
    if (!isLive(status)) return true;
    const own = await ports.statusOf(id);
    return own !== null && statuses.includes(own);
  };
  const [found, silent] = [new Set<string>(), [] as string[]];
  await inParallel(heads, async ({ id, ...head }) => {
    const answer = await isWanted({ id, ...head }).catch(() => "silent" as const);
    if (answer === true) found.add(id);
    if (answer === "silent") silent.push(id);
  });
  return { found: heads.flatMap(({ id }) => (found.has(id) ? [id] : [])), silent };
}

function withFailed(before: Progress, silent: readonly string[]): Progress {
  const errors = silent.map((id) => ({ task_id: id, code: "unavailable", message: "The task does not answer" }));
  return {
    ...before,
    seen: before.seen + silent.length,
    failed: before.failed + silent.length,
    errors: [...before.errors, ...errors].slice(0, LIMITS.bulkErrors),
  };
}

/** What a step had started is retried with the task of that step, unless it is asked for. */
const isOwn = ({ parent }: TaskHead, { action, filter }: Order): boolean =>
  action !== "retry" || parent === undefined || filter.parent !== undefined;

function filterOf({ filter }: Order, before: number): TaskFilter {
  const { type, tag, parent, by, created_after: after } = filter;
  return { type, tag, parent, by, createdAfter: after === undefined ? undefined : Date.parse(after), createdBefore: before };
}

async function workOff(ids: readonly string[], isLast: boolean, order: Order, before: Progress, ports: BulkPorts): Promise<Progress> {
  const sum = { ...before, errors: [...before.errors] };
  await inParallel(ids, async (id) => {
    const { what, error } = await actOn(id, order, ports);
    if (what !== "done" && !isLast) return;
    sum.seen++;
    sum[what]++;
    if (error !== null && sum.errors.length < LIMITS.bulkErrors) sum.errors.push({ task_id: id, ...error });
  });
  return sum;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LIMITS.bulkAtOnce }, worker));
}

interface Done {
  readonly what: "done" | "skipped" | "failed";
  readonly error: { readonly code: string; readonly message: string } | null;
}

async function actOn(id: string, { action, reason }: Order, ports: BulkPorts): Promise<Done> {
  try {
    const answer = await ports.act(action, id, reason);
    if (answer.ok) return { what: "done", error: null };
    if (answer.error.code === "not_found" || answer.error.code === "invalid_state") return { what: "skipped", error: null };
    return { what: "failed", error: { code: answer.error.code, message: answer.error.detail } };
  } catch (error) {
    // One task that does not answer keeps nobody else waiting.
    return { what: "failed", error: { code: "unavailable", message: messageOf(error).slice(0, LIMITS.textLength) } };
  }
}
