/** From a task and what is to be different to another one that shares its past. */
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import { nodeAt } from "../../language/graph.ts";
import type { PastStep } from "../../engine/facts/past.ts";
import type { Actor } from "../../shared/actor.ts";
import { rejection, rejectionOf, type Rejection } from "../../shared/errors.ts";
import { isTaskId } from "../../shared/ids.ts";
import { pointer, type Json, type JsonObject } from "../../shared/json.ts";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { operation } from "../../shared/operation.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import type { Submitted } from "../messages.ts";
import { LIMITS } from "../limits.ts";
import { webhookSecretPlace } from "../ports.ts";
import type { ForkBody } from "../routes/fork-schemas.ts";
import { forkFingerprint } from "../submission/fingerprint.ts";
import type { ForkOrigin } from "../submission/fork-origin.ts";
import { newFamily } from "../submission/family.ts";
import { planSubmission, type Runnable } from "../submission/plan.ts";
import type { Submission } from "../submission/submission.ts";
import { createTask, type CreateServices } from "./create.ts";
import { recall, type Identity } from "./recall.ts";
import { runnableOf, type DefinitionServices } from "./runnable.ts";
import { noTask } from "./steering.ts";
import { identityOf, provenance, sealedWebhook, type Request } from "./submit.ts";

type ForkServices = CreateServices & DefinitionServices & Pick<TaskServices, "config">;

export const forkTask = operation("tasks:write", async (actor, services: ForkServices, id: string, body: ForkBody, request: Request) =>
  createFork(actor, services, id, body, false, request),
);

/** The same once more: what had completed is kept, nothing is different. */
export const retryTask = operation("tasks:write", async (actor, services: ForkServices, id: string, request: Request) =>
  createFork(actor, services, id, {}, true, request),
);

async function createFork(
  actor: Actor,
  services: ForkServices,
  id: string,
  body: ForkBody,
  isRetry: boolean,
  request: Request,
): Promise<Result<Submitted, Rejection>> {
  if (!isTaskId(actor.tenant, id)) return err(noTask(id));
  const now = Date.now();
  const identity = identityOf(actor, request.idempotencyKey, now, () => forkFingerprint(id, body, isRetry));
  const submission = await prepared(actor, services, id, body, isRetry, identity, request, now);
  // What was accepted once stays accepted, whatever has become of the task since.
  if (!submission.ok) return (await recall(identity, services)) ?? submission;
  return createTask(submission.value, services, request.waitMs, now);
}

async function prepared(
  actor: Actor,
  services: ForkServices,
  id: string,
  body: ForkBody,
  isRetry: boolean,
  identity: Identity,
  request: Request,
  now: number,
): Promise<Result<Submission, Rejection>> {
  const outputs = (body.outputs ?? {}) as JsonObject;
  const point = { from: body.from ?? null, edited: Object.keys(outputs), isRetry, hasInput: "input" in body };
  const answer = await services.tasks.recorded(actor.tenant, id, { ...point, type: "origin" });
  if (answer === null) return err(noTask(id));
  if (!answer.ok) return answer;
  const origin = bytesToJson(answer.value) as unknown as ForkOrigin;
  const { webhook, chain, scheduled, ...before } = origin.submission;
  const isOther = body.workflow !== undefined || body.type !== undefined;
  const runnable = isOther ? await runnableOf(body, services, identity) : runnableBefore(origin);
  if (!runnable.ok) return runnable;
  const input = "input" in body ? ((body.input ?? null) as Json) : (before.input ?? null);
  const makesGate = isOther || "input" in body || body.tags !== undefined || body.priority !== undefined;
  const family = newFamily(identity.task, runnable.value, services.config.familyTasks);
  const inherited = { ...before, deadlineMs: origin.deadlineMs, makesGate, family };
  const planned = planSubmission(identity.task, runnable.value, input, body, inherited, now);
  if (!planned.ok) return planned;
  const edited = editedSteps(outputs, origin, runnable.value.compiled);
  if (!edited.ok) return edited;
  return ok({
    ...identity,
    ...planned.value,
    ...provenance(actor, services, request),
    ...(chain && { chain }),
    ...(scheduled && { scheduled }),
    forked: { from: id, seq: origin.seq, ...(isRetry && { retry: true }) },
    past: { ...origin.past, steps: [...origin.past.steps, ...edited.value] },
    ...(webhook && { webhook: sealedWebhook(openedWebhook(webhook, id, services, identity), services, identity) }),
  });
}

/** The definition that the task had, with all that it may start, by the rules that it had. */
function runnableBefore({ submission }: ForkOrigin): Result<Runnable, Rejection> {
  const { type, rules = 0, workflow, definition, library } = submission;
  const compiled = compileWorkflow(definition, rules);
  if (!compiled.ok) return err(rejectionOf(compiled.error, "invalid_definition"));
  return ok({ type, workflow, definition, compiled: compiled.value, ...(library !== undefined && { library }) });
}

/** The outputs that stand in for steps, each as if its step had come to it. */
function editedSteps(outputs: JsonObject, { edited }: ForkOrigin, { graph }: Workflow): Result<readonly PastStep[], Rejection> {
  const steps: PastStep[] = [];
  for (const [path, output] of Object.entries(outputs)) {
    const ids = path.split("/").map((part) => part.replace(/\[\d+\]$/, ""));
    const node = nodeAt(graph, ids);
    // What is inside a block is known by what it is about, which only the task itself can tell.
    const known = Object.hasOwn(edited, path) ? edited[path] : undefined;
    if (node === undefined || (known === undefined && ids.length > 1)) {
      const names = graph.steps.map((step) => step.id).slice(0, LIMITS.faults);
      const message = `${pointer("outputs", path)}: there is no such step; there are ${names.join(", ")}, and those inside them that the task has begun`;
      return err(rejection("unknown_point", message));
    }
    steps.push({ path, kind: node.kind, output, of: known?.of ?? null });
  }
  return ok(steps);
}

/** A secret is bound to its task; one that cannot be opened any more is left out. */
function openedWebhook(
  { url, secret }: NonNullable<Submission["webhook"]>,
  from: string,
  { config }: Pick<TaskServices, "config">,
  { tenant }: Identity,
): { readonly url: string; readonly secret?: string } {
  const opened = secret === undefined ? null : config.keyring.open(secret, webhookSecretPlace(tenant, from));
  return { url, ...(opened !== null && { secret: opened }) };
}
