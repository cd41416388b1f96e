/**
 * The contract with an agent: what it receives and what its reply means, whatever carried it. One place reads replies,
 * so a fetch, a queue consumer and a callback cannot disagree.
 */
import { z } from "zod";
import type { Failure } from "../../engine/facts/failure.ts";
import type { Usage } from "../../engine/facts/call.ts";
import { excerpt } from "../../shared/text.ts";
import type { Json } from "../../shared/json.ts";
import type { Keyring } from "../../shared/keyring.ts";
import { LIMITS } from "../limits.ts";
import type { Mac } from "../../shared/mac.ts";
import { violationsOf } from "../../shared/json-schema.ts";
import { parseRetryAfter } from "../../shared/retry-after.ts";
import { macOfSecret, signedHeaders } from "../../shared/signing.ts";
import { isoTime } from "../../shared/time.ts";
import { secretPlace, type AgentRecord, type Capability } from "../agent.ts";

/** One attempt, ready to be sent: everything a transport needs and nothing it has to look up. */
export interface AgentCall {
  readonly tenant: string;
  readonly agent: AgentRecord;
  readonly taskId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly capability: string | null;
  readonly input: Json;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  /** RFC 3339, or `null`. */
  readonly deadline: string | null;
  readonly callbackUrl: string;
  /** The same for all attempts at a step. */
  readonly idempotencyKey: string;
  readonly traceparent: string;
  readonly tracestate?: string;
  readonly timeoutMs: number;
}

/** Whose attempt it is, and who has it. */
export type CallAddress = Pick<
  AgentCall,
  "tenant" | "agent" | "taskId" | "stepId" | "attempt" | "idempotencyKey" | "traceparent" | "tracestate"
>;

/**
 * A call on its way from its task's object to whoever makes it. RPC carries 32 MiB and spends two bytes on a character of
 * any text that is not Latin-1, so the input travels as JSON in UTF-8, of which a value has at most half as much.
 */
export interface CarriedCall extends Omit<AgentCall, "input"> {
  readonly input: Uint8Array;
}

/** The same for a worker of the agent, who knows the agent. */
export type PulledCall = Omit<CarriedCall, "tenant" | "agent">;

/** What came of calling an agent. `ms`: from the request to the reply, where somebody awaited it. */
export type Outcome =
  /** `bytes`: the size of the reply that the output came in. */
  | (Completion & { readonly type: "completed"; readonly bytes: number; readonly ms?: number })
  /** It will call back. */
  | { readonly type: "accepted"; readonly ms: number }
  /** `isGone`: what we know of the agent may be out of date. */
  | { readonly type: "failed"; readonly error: Failure; readonly ms?: number; readonly isGone?: boolean }
  /** Not called after all: meanwhile it turned out that it should be left alone. */
  | { readonly type: "withheld"; readonly reason: string }
  /** Trouble of the platform: no fault of the agent, no attempt spent. */
  | { readonly type: "lost"; readonly message: string };

export interface AgentRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export function requestOf(call: AgentCall, keyring: Keyring, now: Date): AgentRequest {
  const body = JSON.stringify(workOf(call));
  return { url: call.agent.url, headers: headersFor(call, body, keyring, now), body };
}

/** What an agent is asked to do. */
function workOf<Input>(call: Omit<AgentCall, "tenant" | "agent" | "input"> & { readonly input: Input }) {
  return {
    task_id: call.taskId,
    step_id: call.stepId,
    attempt: call.attempt,
    capability: call.capability,
    input: call.input,
    context: { workflow: call.workflow, deadline: call.deadline, callback_url: call.callbackUrl },
  };
}

/** The same for a worker that pulled it, as JSON text in parts: what HTTP has in headers is beside it. */
export function pulledWorkOf(call: PulledCall, now: number): readonly Uint8Array[] {
  const text = JSON.stringify({
    ...workOf({ ...call, input: undefined }),
    idempotency_key: call.idempotencyKey,
    ...traceOf(call),
    lease_until: isoTime(now + call.timeoutMs),
  });
  const encoder = new TextEncoder();
  return [encoder.encode('{"input":'), call.input, encoder.encode(`,${text.slice(1)}`)];
}

/** A reply whose output is not what its agent promised is none. The agent may do better next time. */
export function checkedAgainst(capability: Capability | undefined, output: Json): Failure | null {
  const violations = capability?.outputSchema === undefined ? [] : violationsOf(capability.outputSchema, output);
  if (violations.length === 0) return null;
  const places = violations.slice(0, 5).map(({ pointer, message }) => `/output${pointer}: ${message}`);
  return replyInvalid(`its output violates the schema that it declares: ${places.join("; ")}`);
}

/** Tells an agent that nobody wants a reply any more. `null` when it did not ask to be told. */
export function cancelRequestOf(call: CallAddress, reason: string, keyring: Keyring, now: Date): AgentRequest | null {
  if (call.agent.cancelUrl === null) return null;
  const body = JSON.stringify({ task_id: call.taskId, step_id: call.stepId, attempt: call.attempt, reason });
  return { url: call.agent.cancelUrl, headers: headersFor(call, body, keyring, now), body };
}

function headersFor(call: CallAddress, body: string, keyring: Keyring, now: Date): Record<string, string> {
  const messageId = `${call.idempotencyKey}/${call.attempt}`;
  return {
    "content-type": "application/json",
    "idempotency-key": call.idempotencyKey,
    ...traceOf(call),
    ...signedHeaders([opened(call, call.agent.signing, "signing", keyring).mac()], messageId, body, now),
    ...authHeader(call, keyring),
  };
}

const traceOf = ({ traceparent, tracestate }: Pick<AgentCall, "traceparent" | "tracestate">) => ({
  traceparent,
  ...(tracestate !== undefined && { tracestate }),
});

function authHeader(call: CallAddress, keyring: Keyring): Record<string, string> {
  const { auth } = call.agent;
  if (auth === null) return {};
  const value = opened(call, auth.sealed, "auth", keyring).secret;
  return auth.type === "bearer" ? { authorization: `Bearer ${value}` } : { [auth.name.toLowerCase()]: value };
}

interface OpenedSecret {
  readonly secret: string;
  /** Of a signing secret. */
  readonly mac: () => Mac;
}

/** Secrets opened lately, by place and sealed text: opening one costs as much as the rest of a request. */
const openedSecrets = new Map<string, OpenedSecret>();

function opened(call: CallAddress, sealed: string, field: "auth" | "signing", keyring: Keyring): OpenedSecret {
  const place = secretPlace(call.tenant, call.agent.id, field);
  const known = openedSecrets.get(place + sealed);
  if (known !== undefined) return known;
  const secret = keyring.open(sealed, place);
  if (secret === null) throw new SecretUnreadable(call.agent.id);
  let mac: Mac | undefined;
  const entry: OpenedSecret = { secret, mac: () => (mac ??= macOfSecret(secret)) };
  if (openedSecrets.size >= LIMITS.openedSecrets) openedSecrets.clear();
  openedSecrets.set(place + sealed, entry);
  return entry;
}

/** An agent's secrets were sealed under a key that the key ring no longer has. */
export class SecretUnreadable extends Error {
  constructor(agent: string) {
    super(`The secrets of agent "${agent}" cannot be decrypted with the present ENCRYPTION_KEYS; register the agent again`);
  }
}

/** `usageFault`: what of the usage could not be read. A good answer is not thrown away for that. */
export interface Completion {
  readonly output: Json;
  readonly usage?: Usage;
  readonly usageFault?: string;
}

/** The body of a successful reply, or the failure that one of another shape is: whoever answers so will do so again. */
export function parseCompletion(body: unknown): Completion | Failure {
  if (!isObject(body) || body["output"] === undefined) return replyInvalid(`its reply is ${NO_OUTPUT}`, false);
  const { output, usage } = body;
  return usage === undefined ? { output: output as Json } : { output: output as Json, ...readUsage(usage) };
}

const NO_OUTPUT = 'not {"output": …}';

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const tokens = z.int().min(0).max(LIMITS.callTokens);
const USAGE = { input_tokens: tokens, output_tokens: tokens, cost_usd: z.number().min(0).max(LIMITS.callUsd) };

/** What of it can be read counts; the rest is named. */
function readUsage(said: unknown): Pick<Completion, "usage" | "usageFault"> {
  if (!isObject(said)) return { usageFault: "usage is not an object and was not counted" };
  const usage: { -readonly [M in keyof Usage]: Usage[M] } = {};
  const unread: string[] = [];
  for (const name of Object.keys(USAGE) as (keyof typeof USAGE)[]) {
    if (said[name] === undefined) continue;
    const read = USAGE[name].safeParse(said[name]);
    if (read.success) usage[name] = read.data;
    else
      unread.push(
        `usage.${name} is ${name === "cost_usd" ? `no amount of dollars up to ${LIMITS.callUsd}` : `no whole number up to ${LIMITS.callTokens}`} and was not counted`,
      );
  }
  return { usage, ...(unread.length > 0 && { usageFault: unread.join("; ") }) };
}

/** A reply that cannot be read. Unless it is of the wrong kind altogether, the agent may do better next time. */
export function replyInvalid(what: string, retryable = true): Failure {
  return { code: "reply_invalid", message: excerpt(`The agent answered, but ${what}`, LIMITS.errorMessageLength), retryable };
}

/** What was answered with success in place of a completion, and cannot be read as JSON. */
export function notJson(text: string, contentType: string | null): Failure {
  if (text.trim() === "") return replyInvalid(`its reply is empty, ${NO_OUTPUT}`, false);
  // What says that it is JSON, or begins like it and says nothing, was broken or cut on its way.
  const isMeantAsJson = contentType === null ? text.trimStart().startsWith("{") : JSON_TYPE.test(contentType);
  return isMeantAsJson
    ? replyInvalid("not in JSON that can be read")
    : replyInvalid(`its reply is ${NO_OUTPUT}, nor any other JSON, but ${contentType ?? "a text"}`, false);
}

const JSON_TYPE = /^\s*[\w.+-]+\/([\w.+-]+\+)?json\s*(;|$)/i;

const problem = z.object({
  code: z.string().min(1).max(LIMITS.nameLength).optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  detail: z.string().optional().catch(undefined),
  title: z.string().optional().catch(undefined),
  retryable: z.boolean().optional().catch(undefined),
});

const RETRYABLE_STATUS: readonly number[] = [408, 425, 429];

/** Whether what it says may pass by itself. */
export const isTransient = (status: number): boolean => status >= 500 || RETRYABLE_STATUS.includes(status);

/** What an error status means. Overload and server faults may pass, other client errors will not; the body may know better. */
export function failureOf(status: number, retryAfter: string | null, body: unknown, now: number): Failure {
  const said = problem.safeParse(body).data ?? {};
  const mayPass = isTransient(status);
  const text = said.message ?? said.detail ?? said.title;
  const retryAfterMs = parseRetryAfter(retryAfter, now);
  return {
    code: said.code ?? (mayPass ? "agent_unavailable" : "agent_refused"),
    message: excerpt(text ?? `The agent answered with status ${status}`, LIMITS.errorMessageLength),
    retryable: said.retryable ?? mayPass,
    ...(retryAfterMs !== null && { retry_after_ms: retryAfterMs }),
    status,
  };
}
