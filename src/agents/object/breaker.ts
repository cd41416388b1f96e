/**
 * When to leave an agent alone. Pure: a state and an outcome give the next state.
 *
 *   closed ──(too many faults)──▶ open ──(cooldown over)──▶ half-open ──(probes succeed)──▶ closed
 *                                  ▲                            │
 *                                  └──────(a probe fails)───────┘  with twice the cooldown
 *
 * B1. Only the agent's own faults count, and slow replies if it says so; a caller's bad request and trouble of the
 *     platform count as nothing. Where the agent asks for patience it gets it, whatever the settings say.
 * B2. While it is not closed, only probes count: a reply to a call from before says nothing new.
 */
import { LIMITS } from "../limits.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import type { BreakerSettings } from "../agent.ts";
import { isFault, type AttemptOutcome } from "../../shared/outcome.ts";

/** PERSISTED in the agent's object. */
export type BreakerState =
  | { readonly status: "closed"; readonly consecutive: number; readonly recent: readonly RecentCalls[] }
  /** `isAsked`: the agent itself asked for patience. */
  | {
      readonly status: "open";
      readonly since: number;
      readonly until: number;
      readonly cooldownMs: number;
      readonly reason: string;
      readonly isAsked?: true;
    }
  /** `successes`: probes that have succeeded so far. */
  | {
      readonly status: "half_open";
      readonly since: number;
      readonly cooldownMs: number;
      readonly successes: number;
      readonly isAsked?: true;
    };

/** Calls and faults in one slice of the window. */
interface RecentCalls {
  readonly at: number;
  readonly calls: number;
  readonly faults: number;
}

export const CLOSED: BreakerState = { status: "closed", consecutive: 0, recent: [] };

const SLICES = 10;

/** The state at a moment: an open breaker lets probes through once its cooldown is over. */
export function breakerAt(state: BreakerState, now: number): BreakerState {
  if (state.status !== "open" || now < state.until) return state;
  const { until: since, cooldownMs, isAsked } = state;
  return { status: "half_open", since, cooldownMs, successes: 0, ...(isAsked && { isAsked }) };
}

export function recordOutcome(
  before: BreakerState,
  outcome: Pick<AttemptOutcome, "class" | "ms" | "heldUntil">,
  isProbe: boolean,
  settings: BreakerSettings | undefined,
  now: number,
): BreakerState {
  const state = breakerAt(before, now);
  if (outcome.heldUntil !== undefined) return heldBack(state, outcome.heldUntil, settings, now);
  const verdict = verdictOn(outcome, settings?.slowMs);
  if (verdict === null) return state;
  switch (state.status) {
    case "closed":
      return recordClosed(state, verdict, settings, now);
    case "open":
      return state;
    case "half_open": {
      if (!isProbe) return state;
      if (verdict === "fault") {
        // One that is longer to begin with stays as long.
        return opened("a probe failed", Math.max(state.cooldownMs, Math.min(state.cooldownMs * 2, LIMITS.breakerCooldownMs)), now);
      }
      const successes = state.successes + 1;
      return successes >= (settings?.probes ?? DEFAULTS.breaker.probes) ? CLOSED : { ...state, successes };
    }
  }
}

/** The agent has registered again: the next probe may come at once. What counts against one in use goes on counting. */
export function retrial(state: BreakerState, now: number): BreakerState {
  if (state.status === "closed") return state;
  return { status: "half_open", since: now, cooldownMs: state.cooldownMs, successes: 0 };
}

function verdictOn(outcome: Pick<AttemptOutcome, "class" | "ms">, slowMs: number | undefined): "success" | "fault" | null {
  if (isFault(outcome.class)) return "fault";
  if (outcome.class !== "success") return null;
  return slowMs !== undefined && outcome.ms !== null && outcome.ms > slowMs ? "fault" : "success";
}

function recordClosed(
  state: Extract<BreakerState, { readonly status: "closed" }>,
  verdict: "success" | "fault",
  settings: BreakerSettings | undefined,
  now: number,
): BreakerState {
  const { failureRate, windowMs, minCalls, consecutive, cooldownMs } = { ...DEFAULTS.breaker, ...settings };
  const fault = verdict === "fault" ? 1 : 0;
  const recent = counted(state.recent, fault, windowMs, now);
  const inARow = fault === 1 ? state.consecutive + 1 : 0;
  if (inARow >= consecutive) return opened(`${inARow} failures in a row`, cooldownMs, now);
  const calls = recent.reduce((sum, slice) => sum + slice.calls, 0);
  const faults = recent.reduce((sum, slice) => sum + slice.faults, 0);
  if (calls >= minCalls && faults / calls >= failureRate && fault === 1) {
    return opened(`${faults} of the last ${calls} calls failed`, cooldownMs, now);
  }
  return { status: "closed", consecutive: inARow, recent };
}

function counted(recent: readonly RecentCalls[], fault: 0 | 1, windowMs: number, now: number): readonly RecentCalls[] {
  const sliceMs = windowMs / SLICES;
  const kept = recent.filter((slice) => slice.at > now - windowMs);
  const last = kept.at(-1);
  if (last === undefined || now - last.at >= sliceMs) return [...kept, { at: now, calls: 1, faults: fault }];
  return [...kept.slice(0, -1), { at: last.at, calls: last.calls + 1, faults: last.faults + fault }];
}

function heldBack(state: BreakerState, heldUntil: number, settings: BreakerSettings | undefined, now: number): BreakerState {
  const until = Math.min(heldUntil, now + LIMITS.patienceMs);
  if (until <= now || (state.status === "open" && state.until >= until)) return state;
  const { cooldownMs } = state.status === "closed" ? { ...DEFAULTS.breaker, ...settings } : state;
  const since = state.status === "open" ? state.since : now;
  return { status: "open", since, until, cooldownMs, reason: "it asked for patience", isAsked: true };
}

function opened(reason: string, cooldownMs: number, now: number): BreakerState {
  return { status: "open", since: now, until: now + cooldownMs, cooldownMs, reason };
}
