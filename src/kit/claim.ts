/** Asks the orchestrator for work, once. */
import { AgentError, failureOf } from "./agent-error.ts";
import { isObject, Malformed, parseAttempt, type Attempt } from "./attempt.ts";
import { isTransient, retryAfterMs } from "./backoff.ts";
import { Callback, leaseMs, type Fetch } from "./callback.ts";
import { createDeferred } from "./deferred.ts";

export interface ClaimSettings {
  readonly url: string;
  readonly key: string;
  readonly agentId: string;
  /** After which an unanswered claim counts as failed. */
  readonly timeoutMs: number;
  readonly fetch: Fetch;
}

export interface Claimed {
  readonly attempt: Attempt;
  /** How long from now it is trusted. */
  readonly leaseMs: number | null;
}

export type ClaimAnswer =
  | { readonly type: "work"; readonly claimed: readonly Claimed[] }
  | { readonly type: "later"; readonly retryAfterMs: number }
  /** No later claim will fare better. */
  | { readonly type: "refused"; readonly status: number; readonly message: string };

/**
 * Up to `max` attempts. Never rejects. `signal` ends the wait for an answer, and no more once there is something in it: that
 * has been claimed.
 */
export async function claim(max: number, settings: ClaimSettings, signal: AbortSignal): Promise<ClaimAnswer> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, settings.timeoutMs);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const response = await settings.fetch(settings.url, {
      method: "POST",
      headers: { authorization: `Bearer ${settings.key}`, "content-type": "application/json" },
      body: JSON.stringify({ max }),
      redirect: "manual",
      signal: controller.signal,
    });
    const text = await textOf(response, () => signal.removeEventListener("abort", abort));
    return await answerOf(response, text, settings);
  } catch {
    return { type: "later", retryAfterMs: 0 };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** An answer's text. `begun` once it is more than the spaces that the orchestrator sends while it has no work. */
async function textOf(response: Response, begun: () => void): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let isWaiting = true; ;) {
    const { done = true, value } = (await reader?.read()) ?? {};
    text += done ? decoder.decode() : decoder.decode(value, { stream: true });
    if (isWaiting && (done || text.trim() !== "")) {
      isWaiting = false;
      begun();
    }
    if (done) return text;
  }
}

async function answerOf(response: Response, text: string, settings: ClaimSettings): Promise<ClaimAnswer> {
  const { status, headers } = response;
  const now = Date.now();
  if (isTransient(status)) return { type: "later", retryAfterMs: retryAfterMs(headers, now) };
  if (!response.ok) return { type: "refused", status, message: refusal(status, text, settings.agentId) };
  const body: unknown = JSON.parse(text);
  const given = isObject(body) && Array.isArray(body["attempts"]) ? (body["attempts"] as readonly unknown[]) : null;
  if (given === null) return { type: "later", retryAfterMs: 0 };
  const read = await Promise.all(given.map((item) => readOrRefuse(item, headers.get("date"), now, settings.fetch)));
  const claimed = read.filter((item) => item !== null);
  // To claim again at once what cannot be read would go on for ever.
  return claimed.length === 0 && given.length > 0 ? { type: "later", retryAfterMs: 0 } : { type: "work", claimed };
}

/** `null` for an attempt that cannot be read; if it says where, the orchestrator is told. */
async function readOrRefuse(item: unknown, date: string | null, now: number, fetch: Fetch): Promise<Claimed | null> {
  const fields = isObject(item) ? item : {};
  const textOrNull = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
  try {
    const headers = { idempotencyKey: textOrNull(fields["idempotency_key"]), traceparent: textOrNull(fields["traceparent"]) };
    return { attempt: parseAttempt(item, headers), leaseMs: leaseMs(fields["lease_until"], date, now) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const url = isObject(fields["context"]) ? textOrNull(fields["context"]["callback_url"]) : null;
    const message = `The agent cannot read the attempt it was given: ${error.message}`;
    if (url !== null && URL.canParse(url))
      await new Callback(url, fetch).fail(
        failureOf(new AgentError({ code: "invalid_request", message, retryable: false })),
        createDeferred().promise,
      );
    return null;
  }
}

function refusal(status: number, text: string, agentId: string): string {
  const said = detailIn(text);
  return `${MEANINGS[status]?.(agentId) ?? `The orchestrator refuses claims with status ${status}`}${said === null ? "" : ` (${said})`}`;
}

const MEANINGS: Readonly<Record<number, (agentId: string) => string>> = {
  401: () => "The orchestrator does not know this key: it is mistyped, expired or revoked",
  403: (agentId) => `This key may not claim the work of agent "${agentId}": it needs the role agent, for that agent`,
  404: (agentId) => `The orchestrator has no agent "${agentId}" to claim work for: register it first, with "kind": "pull"`,
};

function detailIn(text: string): string | null {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) && typeof body["detail"] === "string" ? body["detail"] : null;
  } catch {
    return null;
  }
}
