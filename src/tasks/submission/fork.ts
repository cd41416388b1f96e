/** From a task and what is to be different to a submission that shares the task's past. */
import { createHash } from "node:crypto";
import { smaller, taskBudget } from "../../language/budget-definition.ts";
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import { nodeAt } from "../../language/graph.ts";
import type { TaskToBe } from "../../language/concurrency.ts";
import type { PastStep } from "../../engine/facts/past.ts";
import { rejection, rejectionOf, type Rejection } from "../../shared/errors.ts";
import { isTaskId, newTaskId, taskIdFromKey } from "../../shared/ids.ts";
import { canonicalJson, pointer, type Json, type JsonObject } from "../../shared/json.ts";
import { bytesToJson, jsonToBytes } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Submitted } from "../messages.ts";
import { forkTooLarge, type ForkOrigin } from "./fork-origin.ts";
import { webhookSecretPlace } from "../ports.ts";
import type { Submission } from "./submission.ts";
import { inputFaults } from "../../workflows/input-schema.ts";
import type { ForkBody } from "../routes/fork-schemas.ts";
import { holdOptions } from "./hold-options.ts";
import { giveUpPlace, reservePlace, withoutPlace } from "./reservation.ts";
import {
  deadlineOf,
  libraryOf,
  newTraceparent,
  pinWorkflow,
  recall,
  replayFromHistory,
  type Identity,
  type SubmitContext,
} from "./submit.ts";
import type { TaskServices } from "../services.ts";

/** `isRetry`: nothing is different. `null`: there is no such task. */
export async function forkTask(
  id: string,
  body: ForkBody,
  isRetry: boolean,
  context: SubmitContext,
): Promise<Result<Submitted, Rejection> | null> {
  const { services, tenant, idempotencyKey } = context;
  if (!isTaskId(tenant, id)) return null;
  const now = Date.now();
  const task = idempotencyKey === null ? newTaskId(tenant, now) : taskIdFromKey(tenant, idempotencyKey);
  const fingerprint = idempotencyKey === null ? null : fingerprintOf(id, body, isRetry);
  const identity = { tenant, task, fingerprint };
  const prepared = await prepare(id, body, isRetry, identity, context, now);
  // What was accepted once stays accepted, whatever has become of the task since.
  if (prepared === null || !prepared.ok) return (await recall(identity, services)) ?? prepared;
  const bytes = jsonToBytes(prepared.value as unknown as Json);
  if (bytes.byteLength > LIMITS.forkBytes) return err(forkTooLarge(`${bytes.byteLength}`));
  const reserved = await reservePlace(prepared.value, services, now);
  if (reserved?.type === "taken") return (await recall(identity, services)) ?? withoutPlace(prepared.value, reserved.by, services);
  const answer = await services.tasks.ask(tenant, task, (stub) => stub.submit(bytes, context.waitMs));
  if (!answer.ok || answer.value.head.finished_at !== null) await giveUpPlace(prepared.value, reserved, services);
  if (answer.ok) return answer;
  return answer.error === "archived" ? replayFromHistory(services, identity) : err(answer.error);
}

async function prepare(
  id: string,
  body: ForkBody,
  isRetry: boolean,
  identity: Identity,
  context: SubmitContext,
  now: number,
): Promise<Result<Submission, Rejection> | null> {
  const { services, tenant } = context;
  const outputs = (body.outputs ?? {}) as JsonObject;
  const point = { from: body.from ?? null, edited: Object.keys(outputs), isRetry, hasInput: "input" in body };
  const answer = await services.tasks.recorded(tenant, id, { ...point, type: "origin" });
  if (answer === null || !answer.ok) return answer;
  const origin = bytesToJson(answer.value) as unknown as ForkOrigin;
  const chosen = await definitionOf(body, origin, services, identity);
  if (!chosen.ok) return chosen;
  const { workflow, what } = chosen.value;
  const input = "input" in body ? ((body.input ?? null) as Json) : (origin.submission.input ?? null);
  const faults = inputFaults(workflow.definition, input);
  if (faults.length > 0) return err(rejectionOf(faults, "invalid_input"));
  const edited = editedSteps(outputs, origin, workflow);
  if (!edited.ok) return edited;
  const deadlineAt = body.deadline === undefined ? afresh(origin.deadlineMs, now) : deadlineOf(body.deadline, now);
  if (deadlineAt !== null && deadlineAt <= now) return err(rejection("invalid_request", "/deadline: the deadline has passed already"));
  const { webhook, library: _, ...submission } = origin.submission;
  const priority = body.priority ?? submission.priority;
  const tags = body.tags === undefined ? submission.tags : [...new Set(body.tags)];
  const limits = limitsOf(body, origin, { ...what, task: identity.task, input, priority, tags }, workflow, now);
  if (!limits.ok) return limits;
  return ok({
    ...submission,
    ...what,
    ...limits.value,
    ...identity,
    input,
    priority,
    tags,
    deadlineAt,
    traceparent: context.traceparent ?? newTraceparent(),
    origin: services.config.publicUrl ?? context.origin,
    forked: { from: id, seq: origin.seq, ...(isRetry && { retry: true }) },
    past: { ...origin.past, steps: [...origin.past.steps, ...edited.value] },
    ...(webhook && { webhook: resealed(webhook, id, services, identity) }),
  });
}

/**
 * What the task may spend, it may spend anew, unless it is said; another definition may allow it less. The key that it runs under is made anew
 * where the workflow makes it of something that is different.
 */
function limitsOf(
  body: ForkBody,
  { submission: { budget, gate } }: ForkOrigin,
  of: TaskToBe,
  workflow: Workflow,
  now: number,
): Result<Pick<Submission, "budget" | "gate">, Rejection> {
  const isOther = body.workflow !== undefined || body.type !== undefined;
  const before = isOther ? smaller(budget, taskBudget(undefined, workflow.definition.budget)) : budget;
  const spendable = body.budget === undefined ? before : taskBudget(body.budget, workflow.definition.budget);
  const isOtherwise = isOther || "input" in body || body.tags !== undefined || body.priority !== undefined;
  const held = isOtherwise ? holdOptions({}, workflow, of, null, now) : ok({});
  if (!held.ok) return held;
  return ok({ ...(spendable && { budget: spendable }), ...(gate && { gate }), ...held.value });
}

interface Chosen {
  readonly workflow: Workflow;
  readonly what: Pick<Submission, "type" | "workflow" | "definition" | "library">;
}

/** The definition that the task had, with all that it may start; or another one, checked as that of a submission is. */
async function definitionOf(
  body: ForkBody,
  { submission }: ForkOrigin,
  services: TaskServices,
  identity: Identity,
): Promise<Result<Chosen, Rejection>> {
  if (body.workflow === undefined && body.type === undefined) {
    const { type, workflow, definition, library } = submission;
    const compiled = compileWorkflow(definition);
    if (!compiled.ok) return err(rejectionOf(compiled.error, "invalid_definition"));
    return ok({ workflow: compiled.value, what: { type, workflow, definition, ...(library !== undefined && { library }) } });
  }
  const pinned = await pinWorkflow(body, services, identity);
  if (!pinned.ok) return pinned;
  const library = await libraryOf(pinned.value, body, services, identity);
  if (!library.ok) return library;
  const { type, name, version, definition, workflow } = pinned.value;
  const known = Object.keys(library.value).length > 0 ? { library: library.value as unknown as Json } : {};
  return ok({ workflow, what: { type, workflow: { name, version }, definition, ...known } });
}

/** The outputs that stand in for steps, each as if its step had come to it. */
function editedSteps(outputs: JsonObject, { edited }: ForkOrigin, { graph }: Workflow): Result<readonly PastStep[], Rejection> {
  const steps: PastStep[] = [];
  for (const [path, output] of Object.entries(outputs)) {
    const ids = path.split("/").map((part) => part.replace(/\[\d+\]$/, ""));
    const node = nodeAt(graph, ids);
    // What is inside a block is known by what it is about, which only the task itself can tell.
    if (node === undefined || (edited[path] === undefined && ids.length > 1)) {
      const known = graph.steps.map((step) => step.id).slice(0, LIMITS.faults);
      const message = `${pointer("outputs", path)}: there is no such step; there are ${known.join(", ")}, and those inside them that the task has begun`;
      return err(rejection("unknown_point", message));
    }
    steps.push({ path, kind: node.kind, output, of: edited[path]?.of ?? null });
  }
  return ok(steps);
}

/** The same time as the task had. */
const afresh = (deadlineMs: number | null, now: number): number | null => (deadlineMs === null ? null : now + deadlineMs);

/** A secret is bound to its task; one that cannot be opened any more is left out. */
function resealed({ url, secret }: NonNullable<Submission["webhook"]>, from: string, { config }: TaskServices, { tenant, task }: Identity) {
  const opened = secret === undefined ? null : config.keyring.open(secret, webhookSecretPlace(tenant, from));
  return { url, ...(opened !== null && { secret: config.keyring.seal(opened, webhookSecretPlace(tenant, task)) }) };
}

function fingerprintOf(id: string, body: ForkBody, isRetry: boolean): string {
  return createHash("sha256")
    .update(canonicalJson([isRetry ? "retry" : "fork", id, body as Json]))
    .digest("hex");
}
