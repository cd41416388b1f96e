/** What is done with schedules. Their objects decide; the list says which there are. */
import type { Expected } from "../shared/expected.ts";
import { byOf, type Actor } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { operation } from "../shared/operation.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Restored } from "../records/registered.ts";
import type { ScheduleCopy, ScheduleDraft } from "./schedule.ts";
import type { ScheduleContract } from "./schedule-contract.ts";
import type { ScheduleServices } from "./services.ts";

type Schedules = Pick<ScheduleServices, "schedules" | "scheduleList">;

/** `expected`: the revision that the caller has seen. */
export const putSchedule = operation(
  "schedules:write",
  async (actor, { schedules }: Schedules, schedule: string, draft: Omit<ScheduleDraft, "by">, expected: Expected) => {
    const name = { tenant: actor.tenant, schedule };
    return schedules.ask(name, (object) => object.put(name, { ...draft, by: byOf(actor) }, expected));
  },
);

/** `copy`: as a file has it. Its times count from now on. */
export const restoreSchedule = operation(
  "schedules:write",
  async (actor, { schedules }: Schedules, { head, ...copy }: ScheduleCopy, overwrites: boolean): Promise<Result<Restored, Rejection>> => {
    const name = { tenant: actor.tenant, schedule: head.name };
    const made = { at: head.createdAt, by: head.createdBy ?? null, pauseReason: head.paused?.reason ?? null };
    const { timing, overlap, catchUp, description, taskType } = head;
    const paused = head.paused !== null;
    const draft = { timing, overlap, catchUp, description, taskType, ...copy, paused, by: byOf(actor), made };
    const before = await schedules.ask(name, (object) => object.copy());
    const isSame = before?.fingerprint === copy.fingerprint && (before.head.paused !== null) === paused;
    if (before !== null && !isSame && !overwrites) {
      return err(rejection("already_exists", `Schedule "${head.name}" is another one`));
    }
    const put = await schedules.ask(name, (object) => object.put(name, draft, before === null ? "none" : before.head.revision));
    if (!put.ok) return put;
    return ok(before === null ? "created" : isSame ? "unchanged" : "replaced");
  },
);

export const deleteSchedule = operation("schedules:write", async (actor, services: Schedules, schedule: string, expected: Expected) => {
  const name = { tenant: actor.tenant, schedule };
  const removed = await asked(actor, services, schedule, (object) => object.remove(name, expected));
  if (!removed.ok) return removed;
  return removed.value ? ok(null) : err(noSchedule(schedule));
});

export const pauseSchedule = operation("schedules:run", async (actor, services: Schedules, schedule: string, reason: string | null) =>
  asked(actor, services, schedule, (object) => object.pause(reason, byOf(actor))),
);

export const resumeSchedule = operation("schedules:run", async (actor, services: Schedules, schedule: string) =>
  asked(actor, services, schedule, (object) => object.resume(byOf(actor))),
);

/** Runs it now, once under a key. `overlaps`: whatever runs. */
export const triggerSchedule = operation(
  "schedules:run",
  async (actor, services: Schedules, schedule: string, key: string, overlaps: boolean) =>
    asked(actor, services, schedule, (object) => object.trigger(key, overlaps, byOf(actor))),
);

/** What its object answers. One that the list does not have, because that is as it was at an earlier moment, is put there again. */
export async function askSchedule<T>(
  { tenant }: Actor,
  { schedules, scheduleList }: Schedules,
  schedule: string,
  question: (object: ScheduleContract) => Promise<T | null>,
): Promise<Result<T, Rejection>> {
  const name = { tenant, schedule };
  if (!(await scheduleList.has(name))) await schedules.ask(name, (object) => object.listAgain());
  const answer = await schedules.ask(name, question);
  return answer === null ? err(noSchedule(schedule)) : ok(answer);
}

async function asked<T>(
  actor: Actor,
  services: Schedules,
  schedule: string,
  verb: (object: ScheduleContract) => Promise<Result<T, Rejection> | null>,
): Promise<Result<T, Rejection>> {
  const answer = await askSchedule(actor, services, schedule, verb);
  return answer.ok ? answer.value : answer;
}

const noSchedule = (name: string): Rejection => rejection("not_found", `There is no schedule "${name}"`);
