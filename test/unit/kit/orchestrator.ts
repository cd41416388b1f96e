/** The orchestrator as an agent sees it: what it sends, and a stand-in for its callbacks that enforces its limits. */
import { Webhook } from "standardwebhooks";
import type { Agent } from "../../../src/kit/agent.ts";
import type { Fetch } from "../../../src/kit/callback.ts";

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
export const CALLBACK_URL = "https://orchestrator.example/api/v1/callbacks/token";

export interface Told {
  readonly verb: string;
  readonly body: Record<string, unknown>;
  readonly at: number;
}

/** Answers callbacks by the rules; `answer` decides otherwise where it answers something. */
export class Orchestrator {
  readonly told: Told[] = [];
  answer: (told: Told, count: number) => Response | undefined | Promise<Response | undefined> = () => undefined;
  leaseMs = 60_000;
  #settledBy: string | null = null;

  readonly fetch: Fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const told = { verb: url.slice(url.lastIndexOf("/") + 1), body: JSON.parse(init.body as string) as Told["body"], at: Date.now() };
    this.told.push(told);
    const answer = await this.answer(told, this.told.filter(({ verb }) => verb === told.verb).length);
    init.signal?.throwIfAborted();
    return answer ?? this.#answerByTheRules(url, told, init.body as string);
  };

  of(verb: string): readonly Told["body"][] {
    return this.told.filter((told) => told.verb === verb).map(({ body }) => body);
  }

  #answerByTheRules(url: string, { verb, body }: Told, text: string): Response {
    if (!url.startsWith(CALLBACK_URL)) return problem(404, "not_found");
    const known: Record<string, readonly string[]> = {
      complete: ["output", "usage"],
      fail: ["code", "message", "retryable", "retry_after"],
      heartbeat: ["progress", "extend"],
    };
    if (Object.keys(body).some((field) => !known[verb]?.includes(field))) return problem(400, "invalid_request");
    if (JSON.stringify(body["progress"] ?? null).length > 4_096) return problem(400, "invalid_request");
    if (this.#settledBy !== null && this.#settledBy !== verb + text) return problem(409, "attempt_superseded");
    if (verb !== "heartbeat") this.#settledBy = verb + text;
    const leaseUntil = verb === "heartbeat" ? new Date(Date.now() + this.leaseMs).toISOString() : null;
    return Response.json({ lease_until: leaseUntil });
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ code, detail: `because of ${code}` }, { status, headers });
}

export interface Sent {
  readonly attempt?: number;
  readonly step?: string;
  readonly capability?: string | null;
  readonly input?: unknown;
  readonly key?: string;
  readonly callbackUrl?: string;
  readonly deadline?: string | null;
}

export function bodyOf({ attempt = 1, step = "step", capability = "work", input = null, ...sent }: Sent = {}): Record<string, unknown> {
  return {
    task_id: "task_1",
    step_id: step,
    attempt,
    capability,
    input,
    context: { workflow: { name: "study", version: 3 }, deadline: sent.deadline ?? null, callback_url: sent.callbackUrl ?? CALLBACK_URL },
  };
}

/** What the orchestrator sends, without a signature. */
export function request(sent: Sent = {}, path = "/"): Request {
  return new Request(`https://agent.example${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": sent.key ?? `task_1/${sent.step ?? "step"}/1`,
      traceparent: "00-1-2-01",
    },
    body: JSON.stringify(bodyOf(sent)),
  });
}

/** Signed by an implementation that is not ours. */
export function signed(body: string, { secret = SECRET, at = new Date(), path = "/" } = {}): Request {
  const id = "task_1/step/1";
  return new Request(`https://agent.example${path}`, {
    method: "POST",
    headers: {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign(id, at, body),
    },
    body,
  });
}

export function cancellation(attempt = 1): Request {
  return new Request("https://agent.example/work/cancel", {
    method: "POST",
    body: JSON.stringify({ task_id: "task_1", step_id: "step", attempt, reason: "task_canceled" }),
  });
}

/** Status and body of an agent's answer. */
export async function ask(
  agent: Agent,
  sent: Request | Sent = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await agent.fetch(sent instanceof Request ? sent : request(sent));
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

export interface Gate<T> {
  readonly promise: Promise<T>;
  readonly open: (value: T) => void;
}

/** Work that ends when the test says so. */
export function gate<T = unknown>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
