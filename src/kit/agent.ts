/**
 * An agent for the orchestrator, as a handler of web requests: the default export of a Worker, or behind any server that
 * speaks `Request` and `Response`.
 *
 *   export default defineAgent({
 *     id: "greeter",
 *     capabilities: ["greet"],
 *     secret: env.SIGNING_SECRET,                     // import { env } from "cloudflare:workers"
 *     execute: ({ name }: { name: string }) => `Hello, ${name}`,
 *   });
 *
 * POST …                             an attempt: 200 {output, usage?}, 202 and a callback, or a problem
 * POST …/cancel                      {task_id, step_id, attempt, reason}: 204, whether or not it runs here
 * GET  …/.well-known/agent-card.json the agent card
 * GET  …/health                      200 {"status": "ok"}
 */
import { agentCard } from "./agent-card.ts";
import { AttemptRunner } from "./attempt-runner.ts";
import { isObject, Malformed, parseAddress, parseAttempt } from "./attempt.ts";
import { readBytes } from "./bounded-body.ts";
import { checked, type AgentDefinition, type Capability, type CheckedDefinition } from "./definition.ts";
import type { Outcome } from "./execution.ts";
import { LIMITS } from "./limits.ts";
import { problemResponse } from "./problem.ts";
import { within } from "./timer.ts";

export { AgentError } from "./agent-error.ts";
export type { AgentDefinition, AttemptContext, Capability, Execute, Trouble, Usage } from "./definition.ts";

export interface Agent {
  readonly id: string;
  /** The body of `PUT /agents/{id}`, but for where the agent is: `url` and `signing_secret`, or `kind: "pull"`. */
  readonly registration: { readonly name: string; readonly description?: string; readonly capabilities: readonly Capability[] };
  /**
   * Answers a request; never throws. On Workers, what is left to do after the answer runs under `waitUntil`, which the
   * platform ends about 30 seconds later: give an agent that takes longer a `replyWithinMs` that is longer.
   */
  readonly fetch: (request: Request, env?: unknown, executionContext?: Waiting) => Promise<Response>;
  /** Carries out attempts that came otherwise than by a request: see `createPuller`. */
  readonly runner: AttemptRunner;
}

/** The part of a Worker's execution context that keeps it alive. */
export interface Waiting {
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/** Throws a `TypeError` where the definition is not consistent. */
export function defineAgent<Input = unknown, Inputs extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>>(
  definition: AgentDefinition<Input, Inputs>,
): Agent {
  const checkedDefinition = checked(definition);
  const { id, name, description, capabilities } = checkedDefinition;
  const runner = new AttemptRunner(checkedDefinition);
  return {
    id,
    registration: { name, ...(description !== "" && { description }), capabilities },
    runner,
    fetch: (request, _env, executionContext) => respond(request, checkedDefinition, runner, executionContext ?? { waitUntil: () => {} }),
  };
}

async function respond(request: Request, definition: CheckedDefinition, runner: AttemptRunner, waiting: Waiting): Promise<Response> {
  const url = new URL(request.url);
  if (request.method === "GET" || request.method === "HEAD") return described(url, definition);
  if (request.method !== "POST") return refused(405, "method_not_allowed", "expected POST, or GET", { allow: "GET, HEAD, POST" });

  const { verifier } = definition;
  const early = verifier?.faultOfHeaders(request.headers, Date.now()) ?? null;
  if (early !== null) return refused(401, "signature_invalid", early);
  const bytes = await readBytes(request, LIMITS.requestBytes).catch(() => undefined);
  if (bytes === undefined) return refused(400, "invalid_request", "the body broke off");
  if (bytes === null) return refused(413, "body_too_large", `expected at most ${LIMITS.requestBytes} bytes`);
  const fault = (await verifier?.faultOf(request.headers, bytes, Date.now())) ?? null;
  if (fault !== null) return refused(401, "signature_invalid", fault);

  try {
    const body = parseJson(bytes);
    if (url.pathname.endsWith("/cancel")) return cancel(body, runner);
    return await work(body, request.headers, definition, runner, waiting);
  } catch (error) {
    if (error instanceof Malformed) return refused(400, "invalid_request", error.message);
    throw error;
  }
}

function described(url: URL, definition: CheckedDefinition): Response {
  const card = /^(.*\/)\.well-known\/agent-card\.json$/.exec(url.pathname);
  if (card !== null) return Response.json(agentCard(definition, url.origin + card[1]));
  if (url.pathname.endsWith("/health")) return Response.json({ status: "ok" });
  return refused(404, "not_found", "expected /.well-known/agent-card.json or /health; attempts come by POST");
}

function cancel(body: unknown, runner: AttemptRunner): Response {
  const address = parseAddress(body);
  const reason = isObject(body) && typeof body["reason"] === "string" ? body["reason"] : "attempt_canceled";
  runner.cancel(address, reason);
  return new Response(null, { status: 204 });
}

async function work(
  body: unknown,
  headers: Headers,
  { replyWithinMs }: CheckedDefinition,
  runner: AttemptRunner,
  waiting: Waiting,
): Promise<Response> {
  const attempt = parseAttempt(body, { idempotencyKey: headers.get("idempotency-key"), traceparent: headers.get("traceparent") });
  const run = runner.start(attempt);
  // From the start: whoever asked may hang up and ask again under the same key, and others may have joined.
  waiting.waitUntil(run.ended);
  const outcome = await within(replyWithinMs, run.outcome);
  if (outcome !== null) return answerOf(outcome);
  waiting.waitUntil(run.callBack(null));
  return new Response(null, { status: 202 });
}

function answerOf(outcome: Outcome): Response {
  switch (outcome.type) {
    case "completed":
      return new Response(outcome.body, { headers: { "content-type": "application/json" } });
    case "failed": {
      const { message, ...failure } = outcome.failure;
      return problemResponse({ ...failure, detail: message });
    }
    case "abandoned":
      return refused(409, "attempt_canceled", outcome.reason);
  }
}

function refused(status: number, code: string, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  return problemResponse({ status, code, detail, retryable: false, headers });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw new Malformed("the body is not JSON in UTF-8: expected {task_id, step_id, attempt, capability, input, context}");
  }
}
