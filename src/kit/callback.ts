/** Tells the orchestrator about one attempt, under the URL that it gave for that. Nothing here throws. */
import { excerpt, messageOf, type Failure } from "./agent-error.ts";
import { isObject } from "./attempt.ts";
import { backoffMs, isTransient, retryAfterMs } from "./backoff.ts";
import { LIMITS } from "./limits.ts";
import { sleep } from "./timer.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What became of telling it. */
export type Heard =
  /** `leaseMs`: how long from now the attempt is trusted, where the answer said so. */
  | { readonly type: "heard"; readonly leaseMs: number | null }
  /** Nobody wants anything of this attempt any more: it was superseded or canceled. */
  | { readonly type: "unwanted"; readonly code: string }
  /** It will be refused again. */
  | { readonly type: "refused"; readonly detail: string }
  /** It may be heard later. */
  | { readonly type: "unheard"; readonly detail: string; readonly retryAfterMs: number };

export class Callback {
  readonly #url: string;
  readonly #fetch: Fetch;

  constructor(url: string, fetch: Fetch) {
    this.#url = url;
    this.#fetch = fetch;
  }

  /** One try. */
  heartbeat(beat: { readonly progress?: unknown; readonly extend?: string }): Promise<Heard> {
    return this.#post("heartbeat", JSON.stringify(beat));
  }

  /** `body`: the JSON text of `{output, usage?}`. Tried again as `fail` is. */
  complete(body: string, unwanted: Promise<unknown>): Promise<Heard> {
    return this.#deliver("complete", body, unwanted);
  }

  /** Tried again until it is heard, refused or was tried often enough; `unwanted` ends that early. */
  fail({ code, message, retryable, retryAfterMs }: Failure, unwanted: Promise<unknown>): Promise<Heard> {
    const retryAfter = retryAfterMs !== undefined && { retry_after: retryAfterMs / 1_000 };
    return this.#deliver("fail", JSON.stringify({ code, message, retryable, ...retryAfter }), unwanted);
  }

  async #deliver(verb: string, body: string, unwanted: Promise<unknown>): Promise<Heard> {
    let isUnwanted = false;
    void unwanted.then(() => (isUnwanted = true));
    for (let tries = 1; ; tries++) {
      const heard = await this.#post(verb, body);
      if (heard.type !== "unheard" || tries === LIMITS.callbackTries) return heard;
      await sleep(Math.max(heard.retryAfterMs, backoffMs(tries, LIMITS.callbackPause)), unwanted);
      if (isUnwanted) return { type: "unwanted", code: "attempt_superseded" };
    }
  }

  async #post(verb: string, body: string): Promise<Heard> {
    try {
      const response = await this.#fetch(`${this.#url}/${verb}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        // What is sent belongs to the URL that was given, and to no other.
        redirect: "manual",
        signal: AbortSignal.timeout(LIMITS.callbackRequestMs),
      });
      return heardOf(response, parseObject(await response.text()), Date.now());
    } catch (error) {
      return { type: "unheard", detail: `the orchestrator could not be reached: ${messageOf(error)}`, retryAfterMs: 0 };
    }
  }
}

function heardOf(response: Response, body: Readonly<Record<string, unknown>>, now: number): Heard {
  const { status, ok, headers } = response;
  if (ok) return { type: "heard", leaseMs: leaseMs(body["lease_until"], headers.get("date"), now) };
  if (status === 409) return { type: "unwanted", code: typeof body["code"] === "string" ? body["code"] : "attempt_superseded" };
  const said = typeof body["detail"] === "string" ? `: ${body["detail"]}` : "";
  const detail = excerpt(`the orchestrator answered ${status}${said}`);
  if (isTransient(status)) return { type: "unheard", detail, retryAfterMs: retryAfterMs(headers, now) };
  return { type: "refused", detail };
}

/** A lease is a time on the orchestrator's clock: where it tells that too, ours does not matter. */
export function leaseMs(leaseUntil: unknown, date: string | null, now: number): number | null {
  const until = typeof leaseUntil === "string" ? Date.parse(leaseUntil) : Number.NaN;
  if (Number.isNaN(until)) return null;
  const theirs = Date.parse(date ?? "");
  return Math.max(0, until - (Number.isNaN(theirs) ? now : theirs));
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}
