/** From a submitted body to a task in its object. */
import { createHash } from "node:crypto";
import { taskBudget } from "../../language/budget-definition.ts";
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import { rejection, rejectionOf, type Rejection } from "../../shared/errors.ts";
import { newTaskId, taskIdFromKey } from "../../shared/ids.ts";
import { canonicalJson, pointer, type Json } from "../../shared/json.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { parseDuration } from "../../shared/time.ts";
import type { Submitted } from "../messages.ts";
import type { Submission } from "./submission.ts";
import type { Library } from "../../language/library.ts";
import { webhookSecretPlace } from "../ports.ts";
import { checkWorkflow } from "../../workflows/check.ts";
import { loadLibrary } from "../../workflows/library.ts";
import { inputFaults } from "../../workflows/input-schema.ts";
import { debounceWithKey, submitToBurst } from "./burst-submission.ts";
import { holdOptions } from "./hold-options.ts";
import { giveUpPlace, reservePlace, withoutPlace } from "./reservation.ts";
import { isOption, type SubmissionBody } from "../routes/task-schemas.ts";
import type { TaskServices } from "../services.ts";

export interface SubmitContext {
  readonly services: TaskServices;
  readonly tenant: string;
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly origin: string;
  /** How long the caller is ready to wait for the end. */
  readonly waitMs: number;
  /** The schedule that submits it, for a time; the key is then that of the run. */
  readonly scheduled?: { readonly schedule: string; readonly at: number };
}

export async function submitTask(body: SubmissionBody, context: SubmitContext): Promise<Result<Submitted, Rejection>> {
  const { services, tenant, idempotencyKey } = context;
  const now = Date.now();
  const task = idempotencyKey === null ? newTaskId(tenant, now) : taskIdFromKey(tenant, idempotencyKey);
  const identity = { tenant, task, fingerprint: idempotencyKey === null ? null : (scheduledFingerprint(context) ?? fingerprintOf(body)) };
  if (body.debounce !== undefined && idempotencyKey !== null) return debounceWithKey();
  const prepared = await prepare(body, identity, context, now);
  // What was accepted once stays accepted, whatever has become of the workflow since, or of the deadline.
  if (!prepared.ok) return (await recall(identity, services)) ?? prepared;
  if (prepared.value.debounce !== undefined)
    return submitToBurst(prepared.value, services, (other) => prepare(body, { ...identity, task: other }, context, now));
  const reserved = await reservePlace(prepared.value, services, now);
  if (reserved?.type === "taken") return (await recall(identity, services)) ?? withoutPlace(prepared.value, reserved.by, services);
  const answer = await services.tasks.ask(tenant, task, (stub) => stub.submit(prepared.value, context.waitMs));
  if (!answer.ok || answer.value.head.finished_at !== null) await giveUpPlace(prepared.value, reserved, services);
  if (answer.ok) return answer;
  return answer.error === "archived" ? replayFromHistory(services, identity) : err(answer.error);
}

/** Why a task like this would be refused now; `null` when it would not. Nothing comes of asking. */
export async function submissionRefusal(
  body: SubmissionBody,
  { services, tenant, origin }: Pick<SubmitContext, "services" | "tenant" | "origin">,
): Promise<Rejection | null> {
  const now = Date.now();
  const identity = { tenant, task: newTaskId(tenant, now), fingerprint: null };
  const prepared = await prepare(body, identity, { services, tenant, origin, idempotencyKey: null, traceparent: null, waitMs: 0 }, now);
  return prepared.ok ? null : prepared.error;
}

export type Identity = Pick<Submission, "tenant" | "task" | "fingerprint">;

async function prepare(
  body: SubmissionBody,
  identity: Identity,
  { services, traceparent, origin, scheduled }: SubmitContext,
  now: number,
): Promise<Result<Submission, Rejection>> {
  const pinned = await pinWorkflow(body, services, identity);
  if (!pinned.ok) return pinned;
  const input = inputOf(body);
  const faults = inputFaults(pinned.value.workflow.definition, input);
  if (faults.length > 0) return err(rejectionOf(faults, "invalid_input"));
  const deadline = body.deadline ?? pinned.value.workflow.definition.deadline;
  const deadlineAt = deadline === undefined ? null : deadlineOf(deadline, now);
  if (deadlineAt !== null && deadlineAt <= now) {
    return err(
      rejectionOf([{ pointer: "/deadline", message: "the deadline has passed already", code: "invalid_request" }], "invalid_request"),
    );
  }
  const budget = taskBudget(body.budget, pinned.value.workflow.definition.budget);
  const library = await libraryOf(pinned.value, body, services, identity);
  if (!library.ok) return library;
  const of = {
    task: identity.task,
    type: pinned.value.type,
    workflow: { name: pinned.value.name, version: pinned.value.version },
    input,
    priority: body.priority ?? DEFAULTS.priority,
    tags: [...new Set(body.tags ?? [])],
  };
  const held = holdOptions(body, pinned.value.workflow, of, deadlineAt, now);
  if (!held.ok) return held;
  const refused = body.webhook === undefined ? null : services.webhooks.refusal(body.webhook);
  if (refused !== null) return err(within("webhook", refused));
  return ok({
    ...identity,
    ...of,
    ...held.value,
    definition: pinned.value.definition,
    deadlineAt,
    ...(budget && { budget }),
    queueTtlMs: (body.queue_ttl === undefined ? null : parseDuration(body.queue_ttl)) ?? DEFAULTS.queueTtlMs,
    onNoAgent: body.on_no_agent ?? "wait",
    failFast: body.fail_fast ?? false,
    traceparent: traceparent ?? newTraceparent(),
    origin: services.config.publicUrl ?? origin,
    ...(Object.keys(library.value).length > 0 && { library: library.value as unknown as Json }),
    ...(body.webhook && { webhook: sealedWebhook(body.webhook, services, identity) }),
    ...(scheduled && { scheduled }),
  });
}

/** Every workflow that the task may start, as it is now. */
export async function libraryOf(
  { workflow }: Pinned,
  body: Pick<SubmissionBody, "workflow">,
  services: TaskServices,
  { tenant, task }: Identity,
): Promise<Result<Library, Rejection>> {
  const loaded = await loadLibrary(workflow.definition as unknown as Json, (reference) =>
    services.workflows.resolve(tenant, reference, task),
  );
  if (loaded.ok) return loaded;
  const faults =
    body.workflow === undefined ? loaded.error : loaded.error.map((fault) => ({ ...fault, pointer: pointer("workflow") + fault.pointer }));
  return err(rejectionOf(faults, "unknown_reference"));
}

/** A refusal of a part, with its place in the whole. */
function within(field: string, refused: Rejection): Rejection {
  return {
    ...refused,
    ...(refused.faults && { faults: refused.faults.map((fault) => ({ ...fault, pointer: pointer(field) + fault.pointer })) }),
  };
}

function sealedWebhook({ url, secret }: NonNullable<SubmissionBody["webhook"]>, { config }: TaskServices, { tenant, task }: Identity) {
  return { url, ...(secret !== undefined && { secret: config.keyring.seal(secret, webhookSecretPlace(tenant, task)) }) };
}

/** The answer to the repetition of a submission; `null` when there was none under this key. */
export async function recall(identity: Identity, services: TaskServices): Promise<Result<Submitted, Rejection> | null> {
  const { tenant, task, fingerprint } = identity;
  if (fingerprint === null) return null;
  const live = await services.tasks.ask(tenant, task, (stub) => stub.recall(fingerprint));
  if (live !== null) return live;
  return (await services.history.find(tenant, task)) === null ? null : replayFromHistory(services, identity);
}

export interface Pinned {
  /** As the task was submitted, without the version that was asked for. */
  readonly type: string | null;
  readonly name: string | null;
  readonly version: number | null;
  readonly definition: string;
  readonly workflow: Workflow;
}

/** The definition the task will run, fixed now. The task's id decides where versions share the starts. */
export async function pinWorkflow(
  body: Pick<SubmissionBody, "type" | "workflow">,
  services: TaskServices,
  { tenant, task }: Identity,
): Promise<Result<Pinned, Rejection>> {
  if (body.workflow !== undefined) {
    const definition = JSON.stringify(body.workflow);
    const compiled = checkWorkflow(definition);
    if (compiled.ok) return ok({ type: null, name: body.workflow.name ?? null, version: null, definition, workflow: compiled.value });
    const faults = compiled.error.map((fault) => ({ ...fault, pointer: pointer("workflow") + fault.pointer }));
    return err(rejectionOf(faults, "invalid_definition"));
  }
  const resolved = await services.workflows.resolve(tenant, body.type as string, task);
  if (!resolved.ok) return resolved;
  const { name, version, definition } = resolved.value;
  const compiled = compileWorkflow(definition);
  if (!compiled.ok) return err(rejectionOf(compiled.error, "invalid_definition"));
  return ok({ type: name, name, version, definition, workflow: compiled.value });
}

/** The input as given, or in the short form every field that is no option. */
function inputOf(body: SubmissionBody): Json {
  if ("input" in body) return (body.input ?? null) as Json;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !isOption(name))) as Json;
}

export function deadlineOf(deadline: string, now: number): number {
  const durationMs = parseDuration(deadline);
  return durationMs === null ? Date.parse(deadline) : now + durationMs;
}

function fingerprintOf(body: SubmissionBody): string {
  return createHash("sha256")
    .update(canonicalJson(body as Json))
    .digest("hex");
}

/** A run means the same task however the schedule has changed since it was submitted first. */
function scheduledFingerprint({ scheduled }: SubmitContext): string | null {
  return scheduled === undefined ? null : `scheduled by ${scheduled.schedule}`;
}

/** The start of a trace of our own, sampled. */
export function newTraceparent(): string {
  const hex = (bytes: number): string => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
  return `00-${hex(16)}-${hex(8)}-01`;
}

/** The object is gone, but the key is remembered as long as history has the task. */
export async function replayFromHistory(
  services: TaskServices,
  { tenant, task, fingerprint }: Identity,
): Promise<Result<Submitted, Rejection>> {
  const row = await services.history.find(tenant, task);
  if (row === null) return err(rejection("unavailable", "The task was deleted just now; submit again", { retryAfterMs: 1_000 }));
  if (row.fingerprint !== fingerprint) {
    return err(
      rejection("idempotency_conflict", "The idempotency key was used for a different request; use a new key", {
        facts: { task_id: task },
      }),
    );
  }
  return ok({ head: row.head, isReplay: true, result: null });
}
