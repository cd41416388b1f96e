/** A page of tasks, and something done to each of them. Doing a page again does nothing twice. */
import type { TaskFilter, TaskPosition } from "../tasks/history/task-rows.ts";
import type { TaskStatus } from "../engine/state/state.ts";
import type { TaskHead } from "../tasks/views/view.ts";
import type { Rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { messageOf } from "../shared/log.ts";
import type { Result } from "../shared/result.ts";
import { STATUSES, type Action, type Order, type Page, type Progress } from "./order.ts";

export interface BulkPorts {
  readonly list: (filter: TaskFilter, after: TaskPosition | null, limit: number) => Promise<readonly TaskHead[]>;
  readonly act: (action: Action, task: string, reason: string | undefined) => Promise<Result<unknown, Rejection>>;
}

const NOTHING: Progress = { seen: 0, done: 0, skipped: 0, failed: 0, errors: [] };

/**
 * Tasks are found as history lists them, and what may be done to each is its own to say. So tasks that change their status
 * while they are looked for may be missed, and none is done anything to that its state forbids.
 *
 * @param self the task that this is done for: it is none of them
 */
export async function workPage(order: Order, previous: Page | null, self: string, ports: BulkPorts, now: number): Promise<Page> {
  const at = previous?.next ?? { before: now, status: 0, after: null };
  const statuses = order.filter.status === undefined ? STATUSES[order.action] : [order.filter.status];
  const heads = await ports.list(filterOf(order, statuses[at.status], at.before), at.after, LIMITS.bulkPage);
  const progress = await workOff(
    heads.filter((head) => head.id !== self && isOwn(head, order)),
    order,
    previous?.progress ?? NOTHING,
    ports,
  );
  const last = heads.at(-1);
  if (last !== undefined && heads.length === LIMITS.bulkPage) {
    return { progress, next: { ...at, after: { createdAt: Date.parse(last.created_at), id: last.id } } };
  }
  const isOver = at.status + 1 >= statuses.length;
  return { progress, next: isOver ? null : { before: at.before, status: at.status + 1, after: null } };
}

/** What a step had started is retried with the task of that step, unless it is asked for. */
const isOwn = ({ parent }: TaskHead, { action, filter }: Order): boolean =>
  action !== "retry" || parent === undefined || filter.parent !== undefined;

function filterOf({ filter }: Order, status: TaskStatus | undefined, before: number): TaskFilter {
  const { type, tag, parent, created_after: after, created_before: until } = filter;
  return {
    status,
    type,
    tag,
    parent,
    createdAfter: after === undefined ? undefined : Date.parse(after),
    createdBefore: until === undefined ? before : Math.min(before, Date.parse(until)),
  };
}

async function workOff(heads: readonly TaskHead[], order: Order, before: Progress, ports: BulkPorts): Promise<Progress> {
  const sum = { ...before, errors: [...before.errors] };
  const waiting = [...heads];
  const work = async (): Promise<void> => {
    for (let head = waiting.shift(); head !== undefined; head = waiting.shift()) {
      sum.seen++;
      const { what, error } = await actOn(head.id, order, ports);
      sum[what]++;
      if (error !== null && sum.errors.length < LIMITS.bulkErrors) sum.errors.push({ task_id: head.id, ...error });
    }
  };
  await Promise.all(Array.from({ length: LIMITS.bulkAtOnce }, work));
  return sum;
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
