/**
 * For agents that nobody can call, such as those behind a firewall: asks the orchestrator for work, again and again.
 *
 * P1. Never more than `concurrency` executions at once, and never a claim for more than there is room for.
 * P2. No claim follows another without work or a wait in between.
 * P3. What was claimed is carried out, even while the puller ends.
 */
import type { Agent } from "./agent.ts";
import { backoffMs } from "./backoff.ts";
import type { Fetch } from "./callback.ts";
import { claim, type Claimed, type ClaimSettings } from "./claim.ts";
import { DEFAULTS, LIMITS } from "./limits.ts";
import { createLine, type Line } from "./line.ts";
import { sleepUnlessAborted } from "./timer.ts";

export interface PullerOptions {
  /** The orchestrator's API, such as `https://orchestrator.example/api/v1`. */
  readonly api: string;
  /** An API key that may claim this agent's work: one with the role `agent`, made for it. */
  readonly key: string;
  /** Registered there with `kind: "pull"`. */
  readonly agent: Agent;
  /** Attempts carried out at once. Default: 1. */
  readonly concurrency?: number;
  /** How long the orchestrator holds a claim while there is no work. Seconds, 0 to 60, default 20. */
  readonly waitSeconds?: number;
  /** Makes the claims and the callbacks. Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

export interface Puller {
  /**
   * Claims and carries out work until `signal` is aborted; then claims no more, and resolves once what runs has ended and
   * was reported. Trouble on the way to the orchestrator is waited out, with pauses up to 30 seconds. Rejects with
   * `PullRefused`, after what runs has ended, when the orchestrator says that there will never be work for this puller.
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** The orchestrator refused for good: it does not know the key or the agent, or the agent does not pull. */
export class PullRefused extends Error {
  override readonly name = "PullRefused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Throws a `TypeError` for options that make no sense. */
export function createPuller(options: PullerOptions): Puller {
  const { api, key, agent, concurrency = DEFAULTS.concurrency, waitSeconds = DEFAULTS.waitSeconds } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new TypeError(`concurrency is a whole number from 1, not ${concurrency}`);
  if (!(waitSeconds >= 0 && waitSeconds <= 60)) throw new TypeError(`waitSeconds is a number from 0 to 60, not ${waitSeconds}`);
  if (typeof key !== "string" || key === "") throw new TypeError("key is empty: expected an API key with the role agent");
  const url = `${api.replace(/^(.*[^/])\/+$/s, "$1")}/agents/${encodeURIComponent(agent.id)}/claim?wait=${waitSeconds}s`;
  if (!URL.canParse(url)) throw new TypeError(`api is the URL of the orchestrator's API, not "${api}"`);
  const send: Fetch = options.fetch ?? ((address, init) => fetch(address, init));
  const settings = { url, key, agentId: agent.id, timeoutMs: waitSeconds * 1_000 + LIMITS.claimGraceMs, fetch: send };
  const carryOut = ({ attempt, leaseMs }: Claimed): Promise<void> => agent.runner.start(attempt, send).callBack(leaseMs);
  return { run: (signal) => pull(settings, createLine(concurrency, carryOut), signal) };
}

async function pull(settings: ClaimSettings, line: Line<Claimed>, signal: AbortSignal): Promise<void> {
  signal.addEventListener("abort", line.wake);
  let failures = 0;
  try {
    while (!signal.aborted) {
      if (line.places() === 0) {
        await line.change();
        continue;
      }
      const askedAt = Date.now();
      const answer = await claim(Math.min(line.places(), LIMITS.claimAttempts), settings, signal);
      switch (answer.type) {
        case "work":
          failures = 0;
          for (const claimed of answer.claimed) line.add(claimed);
          if (answer.claimed.length === 0) await sleepUnlessAborted(Math.max(0, LIMITS.emptyClaimMs - (Date.now() - askedAt)), signal);
          break;
        case "later":
          await sleepUnlessAborted(Math.max(answer.retryAfterMs, backoffMs(++failures, LIMITS.claimPause)), signal);
          break;
        case "refused":
          throw new PullRefused(answer.status, answer.message);
      }
    }
  } finally {
    signal.removeEventListener("abort", line.wake);
    await line.empty();
  }
}
