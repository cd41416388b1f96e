/** Schedules as their callers see them, and the clock that their objects go by. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { Progress } from "../../src/schedules/progress.ts";
import { api } from "./harness.ts";

export interface ScheduleView {
  readonly name: string;
  readonly status: string;
  readonly next_at: string | null;
  readonly next: readonly string[];
  readonly running: readonly { readonly scheduled_at: string; readonly task_id: string }[];
  readonly waiting: { readonly scheduled_at: string } | null;
  readonly task: Readonly<Record<string, unknown>>;
}

export interface RunView {
  readonly scheduled_at: string;
  readonly until: string;
  readonly count: number;
  readonly outcome: string;
  readonly task_id: string | null;
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly triggered: boolean;
}

export const HOUR = 3_600_000;
/** What it runs comes to the time that it is for. */
export const ECHO = sayingOf("${ task.scheduled_at }");
/** What it runs comes to this. */
export function sayingOf(output: string) {
  return { workflow: { steps: [{ id: "say", type: "transform", output }], output: "${ steps.say.output }" } };
}
/** What it runs waits for an agent of that name. */
export const asking = (agent: string) => ({ workflow: { steps: [{ id: "ask", capability: agent }] } });

export async function putSchedule(name: string, more: object = {}, headers: Record<string, string> = {}): Promise<ScheduleView> {
  const put = await api<ScheduleView>("PUT", `/schedules/${name}`, { cron: "0 * * * *", task: ECHO, ...more }, headers);
  expect([200, 201], JSON.stringify(put.body)).toContain(put.status);
  return put.body;
}

export async function scheduleOf(name: string): Promise<ScheduleView> {
  const read = await api<ScheduleView>("GET", `/schedules/${name}`);
  expect(read.status, JSON.stringify(read.body)).toBe(200);
  return read.body;
}

export async function runsOf(name: string, query = "?limit=1000"): Promise<readonly RunView[]> {
  const listed = await api<{ data: readonly RunView[] }>("GET", `/schedules/${name}/runs${query}`);
  expect(listed.status, JSON.stringify(listed.body)).toBe(200);
  return listed.body.data;
}

export const removeSchedule = (name: string) => api("DELETE", `/schedules/${name}`);

export const scheduleStub = (name: string, tenant = "default") => env.SCHEDULES.getByName(`${tenant}/${name}`);

export function ring(name: string): Promise<boolean> {
  return runDurableObjectAlarm(scheduleStub(name));
}

export function alarmOf(name: string): Promise<number | null> {
  return runInDurableObject(scheduleStub(name), (_, state) => state.storage.getAlarm());
}

export function evict(name: string): Promise<void> {
  return evictDurableObject(scheduleStub(name));
}

/** Everything that is stored under its name. */
export function storedOf(name: string): Promise<{ readonly values: string; readonly tables: number }> {
  return runInDurableObject(scheduleStub(name), (_, { storage }) => ({
    values: JSON.stringify([...storage.kv.list()]),
    tables: storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'run'").toArray().length,
  }));
}

export function progressOf(name: string): Promise<Progress> {
  return runInDurableObject(scheduleStub(name), (_, { storage }) => storage.kv.get<Progress>("progress") as Progress);
}

/** The clock of the objects stands at a moment. */
export function clockAt(moment: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: moment });
}

/** The moments of a schedule from its next time on, so many steps of an hour away. */
export async function hoursFrom(name: string): Promise<(hours: number) => number> {
  const next = Date.parse((await scheduleOf(name)).next_at ?? "");
  return (hours) => next + hours * HOUR;
}

/** The clock comes to a moment, and the alarm rings. */
export async function comeTo(name: string, moment: number): Promise<void> {
  clockAt(moment);
  await ring(name);
}

export const timesOf = (runs: readonly RunView[]): readonly number[] => runs.map((run) => Date.parse(run.scheduled_at));
