/** From a submitted body to a task in its object. */
import { byOf, type Actor } from "../../shared/actor.ts";
import type { Rejection } from "../../shared/errors.ts";
import { batchMemberKey, newTaskId, taskIdFromKey } from "../../shared/ids.ts";
import { pointer, type Json } from "../../shared/json.ts";
import { operation } from "../../shared/operation.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import type { Submitted } from "../messages.ts";
import { webhookSecretPlace } from "../ports.ts";
import { isOption, type SubmissionBody } from "../routes/task-schemas.ts";
import { scheduledFingerprint, submissionFingerprint } from "../submission/fingerprint.ts";
import { newFamily } from "../submission/family.ts";
import { planSubmission } from "../submission/plan.ts";
import type { Submission } from "../submission/submission.ts";
import { joinBurst, withoutKey } from "./burst.ts";
import { recall, recallEarlierMember, type Identity } from "./recall.ts";
import { runnableOf, type DefinitionServices } from "./runnable.ts";
import { createTask, type CreateServices } from "./create.ts";

/** How a task is asked for. */
export interface Request {
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly tracestate?: string;
  /** Where the service was reached. */
  readonly origin: string;
  /** How long the caller is ready to wait for the end. */
  readonly waitMs: number;
}

/** Of the schedule that submits it: the time that it is for. */
export type Scheduled = NonNullable<Submission["scheduled"]>;

export type SubmitServices = CreateServices & DefinitionServices & Pick<TaskServices, "config" | "webhooks">;

export const submitTask = operation(
  "tasks:write",
  async (actor, services: SubmitServices, body: SubmissionBody, request: Request, scheduled?: Scheduled) => {
    const { idempotencyKey, waitMs } = request;
    if (body.debounce !== undefined && idempotencyKey !== null) return withoutKey();
    const now = Date.now();
    const identity = identityOf(actor, idempotencyKey, now, () =>
      scheduled === undefined ? submissionFingerprint(body) : scheduledFingerprint(scheduled.schedule),
    );
    const prepare = (as: Identity): Promise<Result<Submission, Rejection>> => prepared(actor, services, body, as, request, scheduled, now);
    const submission = await prepare(identity);
    // What was accepted once stays accepted, whatever has become of the workflow since, or of the deadline.
    if (!submission.ok) return (await recall(identity, services)) ?? submission;
    if (submission.value.debounce === undefined) return createTask(submission.value, services, waitMs, now);
    return joinBurst(submission.value, services, (task) => prepare({ ...identity, task }));
  },
);

/** Several at once: an answer for each, in order. One that is refused does not affect the others. */
export const submitTasks = operation(
  "tasks:write",
  async (
    actor,
    services: SubmitServices,
    bodies: readonly Result<SubmissionBody, Rejection>[],
    { idempotencyKey: key, ...request }: Request,
    troubleOf: (error: unknown) => Rejection,
  ) => {
    const answers: Result<Submitted, Rejection>[] = [];
    // A few at a time: each of them is a request to an object.
    for (let from = 0; from < bodies.length; from += AT_ONCE) {
      const turn = bodies.slice(from, from + AT_ONCE).map(async (body, offset) => {
        if (!body.ok) return body;
        // The others are on their way: this one's trouble is its own.
        return submitMember(actor, services, body.value, request, key, from + offset).catch((error: unknown) => err(troubleOf(error)));
      });
      answers.push(...(await Promise.all(turn)));
    }
    return ok(answers);
  },
);

const AT_ONCE = 10;

async function submitMember(
  actor: Actor,
  services: SubmitServices,
  body: SubmissionBody,
  request: Omit<Request, "idempotencyKey">,
  key: string | null,
  index: number,
): Promise<Result<Submitted, Rejection>> {
  if (key === null) return submitTask(actor, services, body, { ...request, idempotencyKey: null });
  const earlier = { tenant: actor.tenant, task: taskIdFromKey(actor.tenant, `${key}/${index}`), fingerprint: submissionFingerprint(body) };
  const accepted = await recallEarlierMember(earlier, services);
  return accepted ?? submitTask(actor, services, body, { ...request, idempotencyKey: batchMemberKey(key, index) });
}

/** Why a task like this would be refused now; `null` when it would not. Nothing comes of asking. */
export async function submissionRefusal(
  actor: Actor,
  services: SubmitServices,
  body: SubmissionBody,
  origin: string,
): Promise<Rejection | null> {
  const now = Date.now();
  const identity = identityOf(actor, null, now, () => "");
  const submission = await prepared(actor, services, body, identity, { traceparent: null, origin }, undefined, now);
  return submission.ok ? null : submission.error;
}

/** Which task it is; under a key always the same. */
export function identityOf({ tenant }: Actor, key: string | null, now: number, fingerprint: () => string): Identity {
  if (key === null) return { tenant, task: newTaskId(tenant, now), fingerprint: null };
  return { tenant, task: taskIdFromKey(tenant, key), fingerprint: fingerprint() };
}

async function prepared(
  actor: Actor,
  services: SubmitServices,
  body: SubmissionBody,
  identity: Identity,
  request: Pick<Request, "traceparent" | "tracestate" | "origin">,
  scheduled: Scheduled | undefined,
  now: number,
): Promise<Result<Submission, Rejection>> {
  const runnable = await runnableOf(body, services, identity);
  if (!runnable.ok) return runnable;
  const family = newFamily(identity.task, runnable.value, services.config.familyTasks);
  const planned = planSubmission(identity.task, runnable.value, inputOf(body), body, { family }, now);
  if (!planned.ok) return planned;
  const refused = webhookRefusal(body, services);
  if (refused !== null) return err(refused);
  return ok({
    ...identity,
    ...planned.value,
    ...provenance(actor, services, request),
    ...(body.webhook && { webhook: sealedWebhook(body.webhook, services, identity) }),
    ...(scheduled && { scheduled }),
  });
}

/** Who asked for it, where and on what trace. */
export function provenance(
  actor: Actor,
  { config }: Pick<TaskServices, "config">,
  { traceparent, tracestate, origin }: Pick<Request, "traceparent" | "tracestate" | "origin">,
): Pick<Submission, "actor" | "traceparent" | "tracestate" | "origin"> {
  const trace = traceparent === null ? { traceparent: newTraceparent() } : { traceparent, ...(tracestate !== undefined && { tracestate }) };
  return { actor: byOf(actor), ...trace, origin: config.publicUrl ?? origin };
}

/** The input as given, or in the short form every field that is no option. */
function inputOf(body: SubmissionBody): Json {
  if ("input" in body) return (body.input ?? null) as Json;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !isOption(name))) as Json;
}

/** With its place in the whole. */
function webhookRefusal({ webhook }: SubmissionBody, { webhooks }: SubmitServices): Rejection | null {
  const refused = webhook === undefined ? null : webhooks.refusal(webhook);
  if (refused?.faults === undefined) return refused;
  return { ...refused, faults: refused.faults.map((fault) => ({ ...fault, pointer: pointer("webhook") + fault.pointer })) };
}

export function sealedWebhook(
  { url, secret }: NonNullable<SubmissionBody["webhook"]>,
  { config }: Pick<TaskServices, "config">,
  { tenant, task }: Identity,
): NonNullable<Submission["webhook"]> {
  return { url, ...(secret !== undefined && { secret: config.keyring.seal(secret, webhookSecretPlace(tenant, task)) }) };
}

/** The start of a trace of our own, sampled. */
function newTraceparent(): string {
  const hex = (bytes: number): string => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
  return `00-${hex(16)}-${hex(8)}-01`;
}
