/** One attempt at a step as the orchestrator words it, read strictly: what is missing or of another kind is named. */

export interface Attempt {
  readonly taskId: string;
  readonly stepId: string;
  /** From 1. */
  readonly attempt: number;
  /** `null` where the step names the agent itself. */
  readonly capability: string | null;
  readonly input: unknown;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly deadline: Date | null;
  readonly callbackUrl: string;
  /** The same for all attempts at the step. */
  readonly idempotencyKey: string;
  readonly traceparent: string | null;
}

/** Which attempt, where only that is said. */
export interface AttemptAddress {
  readonly taskId: string;
  readonly stepId: string;
  readonly attempt: number;
}

/** Thrown where a body is not what was expected. */
export class Malformed extends Error {}

/** The body of a call. `headers`: what a call carries outside of its body. Throws `Malformed`. */
export function parseAttempt(
  body: unknown,
  headers: { readonly idempotencyKey: string | null; readonly traceparent: string | null },
): Attempt {
  const address = parseAddress(body);
  const { capability = null, input, context } = body as Fields;
  if (capability !== null) expectString(capability, "/capability", "the name of a capability, or null");
  if (!("input" in (body as Fields))) throw new Malformed("/input: expected the input of the step");
  if (!isObject(context)) throw new Malformed("/context: expected an object with a callback_url");
  return {
    ...address,
    capability: capability as string | null,
    input,
    workflow: parseWorkflow(context["workflow"]),
    deadline: parseDeadline(context["deadline"]),
    callbackUrl: parseCallbackUrl(context["callback_url"]),
    // Without one only the same attempt is recognised.
    idempotencyKey: headers.idempotencyKey ?? `${address.taskId}/${address.stepId}/attempt/${address.attempt}`,
    traceparent: headers.traceparent,
  };
}

/** The body of a cancellation. Throws `Malformed`. */
export function parseAddress(body: unknown): AttemptAddress {
  if (!isObject(body)) throw new Malformed("expected a JSON object with task_id, step_id and attempt");
  const { task_id: taskId, step_id: stepId, attempt } = body;
  expectString(taskId, "/task_id", "the id of a task");
  expectString(stepId, "/step_id", "the id of a step");
  if (!Number.isSafeInteger(attempt) || (attempt as number) < 1) throw new Malformed("/attempt: expected a whole number from 1");
  return { taskId: taskId as string, stepId: stepId as string, attempt: attempt as number };
}

type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function expectString(value: unknown, pointer: string, what: string): void {
  if (typeof value !== "string" || value === "") throw new Malformed(`${pointer}: expected ${what}`);
}

function parseWorkflow(value: unknown): Attempt["workflow"] {
  const { name = null, version = null } = isObject(value) ? value : {};
  if ((name !== null && typeof name !== "string") || (version !== null && typeof version !== "number"))
    throw new Malformed("/context/workflow: expected {name, version}, each of which may be null");
  return { name, version };
}

function parseDeadline(value: unknown): Date | null {
  if (value === undefined || value === null) return null;
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) throw new Malformed("/context/deadline: expected a time (RFC 3339), or null");
  return new Date(at);
}

function parseCallbackUrl(value: unknown): string {
  if (typeof value !== "string" || !URL.canParse(value) || !/^https?:/i.test(value))
    throw new Malformed("/context/callback_url: expected an http or https URL");
  return value.replace(/^(.*[^/])\/+$/s, "$1");
}
