/**
 * A task with all that it starts: the tasks of its steps, and those that its end starts. What it looks at are their
 * journals as they are stored: nobody asks an object anything, so nothing goes on but by alarms and by what comes in.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, vi } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import { Journal } from "../../src/tasks/object/journal.ts";
import { loadTask } from "../../src/tasks/journal/load.ts";
import { TaskReading } from "../../src/tasks/journal/task-reading.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import { api, calls, ENDED, stubOf } from "./harness.ts";
import { requestsTo, webhookStub } from "./endpoints.ts";
import { isUnderWay } from "./interruptions.ts";

export interface Member {
  readonly id: string;
  readonly task: TaskView;
  readonly events: readonly EventView[];
  readonly alarmAt: number | null;
}
/** By what they are to each other: `root`, `root/wide/2`, `root>0`. */
export type Family = ReadonlyMap<string, Member>;

/** `known`: as it was, so that what has not changed need not be read again. */
export async function familyOf(root: string, known: Family = new Map()): Promise<Family> {
  const members = new Map<string, Member>();
  const visit = async (role: string, id: string): Promise<void> => {
    const member = await memberOf(id, known.get(role));
    if (member === null) return;
    members.set(role, member);
    for (const { type, step_id, data } of member.events) {
      if (type === "child.started") await visit(`${role}/${step_id}/${data["branch"] as number}`, data["task"] as string);
    }
    for (const [index, { task_id }] of (member.task.chained ?? []).entries())
      if (task_id !== null) await visit(`${role}>${index}`, task_id);
  };
  await visit("root", root);
  return members;
}

/** `null` where there is no such task (yet). */
async function memberOf(id: string, before?: Member): Promise<Member | null> {
  if (before !== undefined && isPutAway(before)) return before;
  return stored(() =>
    runInDurableObject(stubOf(id), async (_, { storage }) => {
      const journal = new Journal(storage.sql);
      if (!journal.exists) return null;
      const alarmAt = await storage.getAlarm();
      const { seq } = storage.sql.exec<{ seq: number | null }>("SELECT max(seq) AS seq FROM journal").one();
      if (before !== undefined && before.events.length === seq) return { ...before, alarmAt };
      const loaded = loadTask(journal);
      const reading = loaded && new TaskReading(loaded, journal);
      return reading && { id, task: reading.task(), events: reading.events(0, 100_000), alarmAt };
    }),
  );
}

/** An object that is being aborted is asked again. */
async function stored<T>(read: () => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await read();
    } catch (error) {
      if (repeats === 50) throw error;
      await scheduler.wait(5);
    }
  }
}

export const hasEnded = ({ task }: Member): boolean => ENDED.includes(task.status);
export const isPutAway = ({ events }: Member): boolean => events.at(-1)?.type === "task.archived";

// --- Driving ---

export interface Drive {
  readonly webhooks?: readonly string[];
  /** What people and programs do meanwhile, once a round. */
  readonly act?: (family: Family) => Promise<void>;
  readonly isOver?: (family: Family) => boolean;
}

/** When each alarm rang, by role. */
export type Rings = ReadonlyMap<string, readonly number[]>;

/**
 * Goes on until all have ended and been put away. Whenever nothing happens any more, the clock jumps to the alarm that is
 * due first; where there is none although somebody has not ended, nobody will ever wake it.
 */
export async function drive(
  root: string,
  { webhooks = [], act = async () => {}, isOver = isAllPutAway }: Drive = {},
): Promise<{ readonly family: Family; readonly rings: Rings }> {
  const rings = new Map<string, number[]>();
  let family: Family = new Map();
  for (let [rounds, quiet] = [1, 0]; ; rounds++) {
    const before = heightOf(family);
    family = await familyOf(root, family);
    if (isOver(family)) return { family, rings };
    expect(rounds, `not over: ${summary(family)}`).toBeLessThan(400);
    await act(family);
    quiet = heightOf(family) === before ? quiet + 1 : 0;
    if (quiet >= (isUnderWay() ? PATIENT_ROUNDS : QUIET_ROUNDS)) {
      await ringNext(family, webhooks, rings);
      quiet = 0;
    }
    await scheduler.wait(5);
  }
}

/** Until what was sent has arrived; longer while it is known to be on its way. */
const QUIET_ROUNDS = 3;
const PATIENT_ROUNDS = 100;
const isAllPutAway = (family: Family): boolean => family.size > 0 && [...family.values()].every(isPutAway);
const heightOf = (family: Family): number => [...family.values()].reduce((sum, { events }) => sum + events.length, 0);

function summary(family: Family): string {
  return JSON.stringify(
    [...family].map(([role, { task, alarmAt }]) => [role, task.status, task.waiting_on, alarmAt && alarmAt - Date.now()]),
  );
}

async function ringNext(family: Family, webhooks: readonly string[], rings: Map<string, number[]>): Promise<void> {
  const alarms: { role: string; at: number; stub: () => Stub }[] = [];
  for (const [role, member] of family) {
    if (member.alarmAt !== null && !isPutAway(member)) alarms.push({ role, at: member.alarmAt, stub: () => stubOf(member.id) });
  }
  for (const id of webhooks) {
    const stub = () => webhookStub(id);
    const at = await stored(() => runInDurableObject(stub(), (_, { storage }) => storage.getAlarm()));
    if (at !== null && alarms.length > 0) alarms.push({ role: id, at, stub });
  }
  expect(alarms.length, `nobody will ever wake: ${summary(family)}`).toBeGreaterThan(0);
  const next = Math.max(Date.now(), Math.min(...alarms.map(({ at }) => at)));
  vi.useFakeTimers({ toFake: ["Date"], now: next });
  for (const { role, at, stub } of alarms) {
    if (at > next) continue;
    rings.set(role, [...(rings.get(role) ?? []), next]);
    await runDurableObjectAlarm(stub()).catch(() => comeAgain(stub));
  }
}

/** Always a new one: a stub that threw is broken. */
type Stub = Parameters<typeof runDurableObjectAlarm>[0];

/** An alarm that did not get to its end comes again soon, unless it has set another. */
async function comeAgain(stub: () => Stub): Promise<void> {
  await stored(() =>
    runInDurableObject(stub(), async (_, { storage }) => {
      if ((await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + 2_000);
    }),
  );
}

/** A request of a client that repeats it until it is answered. */
export async function insistently(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<number> {
  for (let repeats = 0; ; repeats++) {
    const { status } = await api(method, path, body, headers).catch(() => ({ status: 500 }));
    if (status < 500) return status;
    expect(repeats, path).toBeLessThan(50);
    await scheduler.wait(5);
  }
}

// --- What came of it ---

/** Says only that something was sent or arrived once more. */
const INCIDENTAL = ["attempt.claimed", "attempt.lost", "child.canceled", "task.archived"];
/** What has an order of its own, whatever happens beside it. */
const ORDERED = /^(compensation|task)\./;

/** The facts of all tasks by role, without times and without what only says that something was sent or arrived once more. */
export function essenceOf(family: Family): Readonly<Record<string, unknown>> {
  const told = (text: string): string => [...family].reduce((rest, [role, { id }]) => rest.replaceAll(id, role), text);
  return Object.fromEntries(
    [...family].map(([role, { task, events }]) => {
      const facts = events
        .filter(({ type }) => !INCIDENTAL.includes(type))
        .map((event) => ({ type: event.type, fact: told(factOf(event)) }));
      const order = facts.filter(({ type }) => ORDERED.test(type)).map(({ fact }) => fact);
      return [role, { status: task.status, facts: facts.map(({ fact }) => fact).toSorted(), order }];
    }),
  );
}

function factOf({ type, step_id, data }: EventView): string {
  const { attempt, branch, task, output, reason, name, decision, by, children, ending, status, failed_items } = data;
  const error = (data["error"] as { code?: string } | undefined)?.code;
  const waiting = (data["waiting_on"] as { type?: string } | undefined)?.type;
  const rest = { attempt, branch, task, output, reason, name, decision, by, children, ending, status, failed_items, error, waiting };
  return `${step_id ?? ""} ${type} ${withoutTimes(JSON.stringify(rest))}`;
}

const withoutTimes = (text: string): string => text.replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"…"');

/** What was done in the world, by role: calls of agents and messages to endpoints, with the keys of each. */
export function effectsOf(family: Family, hosts: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const roleOf = new Map([...family].map(([role, { id }]) => [id, role]));
  const keys = new Map<string, Set<string>>();
  const note = (what: string, id: string, key: string): void => {
    const role = roleOf.get(id);
    if (role === undefined) return;
    keys.set(`${role} ${what}`, (keys.get(`${role} ${what}`) ?? new Set()).add(key.replace(id, role)));
  };
  for (const { taskId, stepId, key } of calls) if (taskId !== undefined) note(stepId, taskId, key);
  for (const host of hosts) {
    for (const { text, headers } of requestsTo(host)) {
      const { type, data } = JSON.parse(text) as { type: string; data: { id: string } };
      // Other ids in every run; how many there are is what counts.
      const ids = headers.get("webhook-id") ?? "none";
      note(`${type} to ${host}`, data.id, ids);
    }
  }
  return Object.fromEntries([...keys].map(([what, of]) => [what, what.includes(" to ") ? [`${of.size}`] : [...of]] as const));
}

/** Calls of an agent after the step's completion had been recorded. */
export function lateCalls(family: Family): readonly string[] {
  const settledAt = new Map<string, number>();
  for (const { id, events } of family.values()) {
    for (const { type, step_id, at } of events) {
      if (/^step\.(completed|failed|canceled)$/.test(type)) settledAt.set(`${id} ${step_id}`, Date.parse(at));
    }
  }
  return calls.flatMap(({ taskId, stepId, at }) =>
    at > (settledAt.get(`${taskId} ${stepId}`) ?? Number.POSITIVE_INFINITY) ? [stepId] : [],
  );
}
