/** The task of a schedule: kept as the body that every run submits, the secret in it sealed; and how a run submits it. */
import type { RunSubmission, SchedulePorts } from "./schedule-contract.ts";
import type { Rejection } from "../shared/errors.ts";
import { scheduledTaskKey } from "../shared/ids.ts";
import type { JsonObject } from "../shared/json.ts";
import type { Keyring } from "../shared/keyring.ts";
import { ok, type Result } from "../shared/result.ts";
import { delegate } from "../shared/actor.ts";
import { cancelTask } from "../tasks/operations/steering.ts";
import { submitTask } from "../tasks/operations/submit.ts";
import type { SubmissionBody } from "../tasks/routes/task-schemas.ts";
import type { ScheduleServices } from "./services.ts";

export function keptTask(body: SubmissionBody, keyring: Keyring, tenant: string, schedule: string): string {
  return JSON.stringify(withSecret(body, (secret) => keyring.seal(secret, secretPlace(tenant, schedule))));
}

/** As it is shown: without the secret. */
export function shownTask(kept: string): JsonObject {
  return withSecret(JSON.parse(kept) as SubmissionBody, () => null) as JsonObject;
}

/** As it was put; a secret that does not open is left out. */
export function openedTask(kept: string, keyring: Keyring, tenant: string, schedule: string): SubmissionBody {
  return withSecret(JSON.parse(kept) as SubmissionBody, (sealed) => keyring.open(sealed, secretPlace(tenant, schedule)));
}

/** What the objects of schedules need. `services` are there when one of them asks for something. */
export function schedulePorts(services: () => ScheduleServices): SchedulePorts {
  return {
    list: (tenant, head) => services().scheduleList.put(tenant, head),
    unlist: (name) => services().scheduleList.remove(name),
    submit: (run) => submitRun(run, services()),
    hasEnded: async (tenant, task) => {
      // An object forgets only what has ended; nothing needs to be read of its archive.
      const head = await services().tasks.ask(tenant, task, (owner) => owner.head());
      return head === null || head.finished_at !== null;
    },
    cancel: async ({ tenant, schedule }, task, reason) => {
      await cancelTask(delegate(tenant, { type: "schedule", id: schedule }, ["tasks:write"]), services(), task, reason);
    },
  };
}

/** The id of the task. A repetition starts nothing, whatever has become of the schedule meanwhile. */
async function submitRun(run: RunSubmission, services: ScheduleServices): Promise<Result<string, Rejection>> {
  const { tenant, schedule, at, key, task, origin, by = { type: "schedule", id: schedule } } = run;
  const body = openedTask(task, services.config.keyring, tenant, schedule);
  const actor = delegate(tenant, by, ["tasks:write"]);
  const request = { idempotencyKey: scheduledTaskKey(schedule, key), traceparent: null, origin, waitMs: 0 };
  const submitted = await submitTask(actor, services, body, request, { schedule, at });
  return submitted.ok ? ok(submitted.value.head.id) : submitted;
}

/** `null`: the webhook has none any more. */
function withSecret(body: SubmissionBody, change: (secret: string) => string | null): SubmissionBody {
  const { webhook } = body;
  if (webhook?.secret === undefined) return body;
  const secret = change(webhook.secret);
  return { ...body, webhook: { url: webhook.url, ...(secret !== null && { secret }) } };
}

/** Where the sealed secret of its webhook belongs. */
export function secretPlace(tenant: string, schedule: string): string {
  return `schedules/${tenant}/${schedule}/webhook`;
}
