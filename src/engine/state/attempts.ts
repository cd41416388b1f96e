/** The fold of attempts: how a step's phase, the counters over phases and what is known of agents follow its attempts. */
import { LIMITS } from "../limits.ts";
import { enter } from "./phase.ts";
import type { EventOf } from "../facts/event.ts";
import { lookUntil, scheduleLook } from "../rules/wake.ts";
import { stepAt, type TaskState } from "./state.ts";
import { liveAttempt, targetOfStep, type AgentStep, type Attempt, type Step } from "./step-state.ts";
import type { AgentEvidence } from "../world.ts";

export type OfLine = Extract<EventOf<"step.waiting">, { readonly attempt: number }>;

export function startAttempt(state: TaskState, step: AgentStep, event: EventOf<"attempt.started">): void {
  const attempt: Attempt = {
    number: event.attempt,
    agent: event.agent,
    way: event.way,
    relay: event.relay ?? null,
    startedAt: state.at,
    capability: capabilityOfStep(step),
    slot: event.slot ?? false,
    hedge: event.hedge ?? false,
    hedgeAt: event.hedge_at ?? null,
    timeoutMs: event.timeout_ms ?? null,
    losses: 0,
    claim: null,
  };
  step.heartbeats = 0;
  step.waitingSince = null;
  addAttempt(state, step, attempt, event.joins ?? false);
  if (attempt.hedgeAt === null) return;
  state.hedgeable.add(step.index);
  scheduleHedge(state, step);
}

/** Sets the moment to ask a second agent, if nobody has been asked yet. */
export function scheduleHedge(state: TaskState, { phase, index }: Step): void {
  if (phase.status !== "running") return;
  for (const { hedgeAt, number } of phase.live) {
    if (hedgeAt !== null) state.hedges.push({ at: hedgeAt, type: "hedge", step: index, attempt: number });
  }
}

export function joinLine(state: TaskState, step: AgentStep, event: OfLine): void {
  const attempt: Attempt = {
    number: event.attempt,
    agent: event.waiting_on.agent,
    way: null,
    relay: null,
    startedAt: state.at,
    capability: capabilityOfStep(step),
    slot: true,
    hedge: event.hedge ?? false,
    hedgeAt: null,
    timeoutMs: null,
    losses: 0,
    claim: null,
  };
  addAttempt(state, step, attempt, event.joins ?? false);
  const giveUpAt = (step.waitingSince ?? state.at) + state.created.queue_ttl_ms;
  state.clocks.push({ at: giveUpAt, type: "line", step: step.index, attempt: attempt.number });
}

/** A new attempt, or one that was in line and now begins. The first of a round counts as a try. */
function addAttempt(state: TaskState, step: Step, attempt: Attempt, joins: boolean): void {
  const all = step.phase.status === "running" ? step.phase.live.filter((other) => other.number !== attempt.number) : [];
  // A second agent is asked once.
  const others = attempt.hedge ? all.map((other) => ({ ...other, hedgeAt: null })) : all;
  const isKnown = step.phase.status === "running" && step.phase.live.length > others.length;
  if (!isKnown) countCall(state, attempt, 1);
  if (others.length === 0 && !isKnown && !joins) {
    step.tries++;
    step.replied = null;
    step.roundError = null;
  }
  if (attempt.number > step.attempts || !attempt.hedge) step.agent = attempt.agent;
  step.attempts = Math.max(step.attempts, attempt.number);
  enter(state, step, { status: "running", live: [...others, attempt] });
}

export function removeAttempt(state: TaskState, step: Step, number: number): void {
  if (step.phase.status !== "running") return;
  enter(state, step, { status: "running", live: step.phase.live.filter((attempt) => attempt.number !== number) });
}

/**
 * Whoever has claimed an attempt goes on although nobody waits for it, until it hears of it: the agent's slot is in use
 * until then, at most until the lease ends.
 */
export function linger(state: TaskState, { path, phase, node }: Step, numbers: readonly number[], reason: string): void {
  if (phase.status !== "running") return;
  for (const { number, agent, slot, claim, way, startedAt, timeoutMs } of phase.live) {
    if (!numbers.includes(number) || way === null) continue;
    const allowedMs = timeoutMs ?? (node.kind === "agent" ? node.timeoutMs : 0);
    for (const [key, { until }] of state.unheard) {
      if (until > state.at) break;
      state.unheard.delete(key);
    }
    state.unheard.set(`${path}/${number}`, {
      at: { step: path, attempt: number },
      agent,
      reason,
      until: claim?.leaseUntil ?? startedAt + allowedMs + LIMITS.leaseGraceMs,
    });
    if (!slot || claim === null) continue;
    for (const [key, { until }] of state.lingering) if (until <= state.at) state.lingering.delete(key);
    state.lingering.set(`${path}/${number}`, { agent, until: claim.leaseUntil });
  }
}

function capabilityOfStep(step: AgentStep): string | null {
  const target = targetOfStep(step);
  return target.type === "capability" ? target.capability : null;
}

/** What is in line counts already: it will be a call, unless it is turned away. */
export function countCall(state: TaskState, { capability, hedge: isHedge }: Attempt, by: 1 | -1): void {
  if (capability === null) return;
  const { calls, hedges } = state.callsByCapability.get(capability) ?? { calls: 0, hedges: 0 };
  state.callsByCapability.set(capability, { calls: calls + by, hedges: hedges + (isHedge ? by : 0) });
}

export function claimAttempt(state: TaskState, step: Step, event: EventOf<"attempt.claimed">): void {
  // How soon it answers 202 tells how long awaiting it takes.
  if (event.via === "callback") observe(state, step, event.attempt, event.ms, null);
  replaceAttempt(state, step, event.attempt, (attempt) => ({
    ...attempt,
    claim:
      event.via === "queue"
        ? { via: "queue", delivery: event.delivery, leaseUntil: event.lease_until, renews: event.renews ?? false }
        : { via: event.via, leaseUntil: event.lease_until },
  }));
  state.clocks.push({ at: event.lease_until, type: "lease", step: step.index, attempt: event.attempt });
}

export function progressAttempt(state: TaskState, step: Step, event: EventOf<"attempt.progressed">): void {
  step.heartbeats++;
  const leaseUntil = event.lease_until;
  if (leaseUntil === undefined) return;
  replaceAttempt(state, step, event.attempt, (attempt) =>
    attempt.claim === null ? attempt : { ...attempt, claim: { ...attempt.claim, leaseUntil } },
  );
  state.clocks.push({ at: leaseUntil, type: "lease", step: step.index, attempt: event.attempt });
}

/** It was lost, and is sent as if for the first time. */
export function sendAgain(state: TaskState, step: Step, { attempt: number, sends, relay }: EventOf<"attempt.lost">): void {
  replaceAttempt(state, step, number, (attempt) => ({ ...attempt, losses: sends, relay: relay ?? null, startedAt: state.at, claim: null }));
}

function replaceAttempt(state: TaskState, step: Step, number: number, change: (attempt: Attempt) => Attempt): void {
  if (step.phase.status !== "running") return;
  enter(state, step, {
    status: "running",
    live: step.phase.live.map((attempt) => (attempt.number === number ? change(attempt) : attempt)),
  });
}

export function rememberReply(step: Step, attempt: number | undefined, digest: string | undefined): void {
  if (attempt === undefined || digest === undefined) return;
  step.replies ??= new Map();
  step.replies.set(attempt, digest);
}

/**
 * What a reply tells of its agent; `isGood: null` where it says nothing about how well it works. Latency is exponentially
 * weighted: a few replies are enough to tell a slow agent from a fast one, and old ones fade.
 */
export function observe(state: TaskState, step: Step, number: number | undefined, ms: number | undefined, isGood: boolean | null): void {
  const attempt = number === undefined ? undefined : liveAttempt(step, number);
  if (attempt === undefined) return;
  const { heldUntil, holds, ...before } = state.evidenceByAgent.get(attempt.agent) ?? NO_EVIDENCE;
  // Whatever else it answers afterwards, it does not ask for patience any more.
  const isHeld = heldUntil !== undefined && state.at < heldUntil;
  // Somebody who calls back is awaited only until the 202.
  const isAwaited = ms !== undefined && (attempt.claim === null || attempt.claim.via === "queue");
  const latencyMs = !isAwaited ? before.latencyMs : before.latencyMs === null ? ms : before.latencyMs + 0.3 * (ms - before.latencyMs);
  state.evidenceByAgent.set(attempt.agent, {
    successes: isGood === null ? before.successes : before.successes * FADING + (isGood ? 1 : 0),
    faults: isGood === null ? before.faults : before.faults * FADING + (isGood ? 0 : 1),
    faultsInARow: isGood === null ? before.faultsInARow : isGood ? 0 : before.faultsInARow + 1,
    lastFaultAt: isGood === false ? state.at : before.lastFaultAt,
    latencyMs,
    ...(isHeld && { heldUntil, holds: holds ?? 1 }),
  });
  if (heldUntil === undefined || isHeld) return;
  // The rest go now.
  for (const index of state.waitingFor.get("agent") ?? []) {
    const waiter = stepAt(state, index);
    scheduleLook(state, waiter, Math.min(state.at, lookUntil(state, waiter)));
  }
}

/** The agent asks for patience: all of the task's steps leave it alone until then. */
export function holdBack(state: TaskState, agent: string, until: number): void {
  const before = state.evidenceByAgent.get(agent) ?? NO_EVIDENCE;
  const { heldUntil = 0, holds = 0 } = before;
  // What others are told while it asks for patience is the same request.
  const isNew = state.at >= heldUntil;
  state.evidenceByAgent.set(agent, { ...before, heldUntil: Math.max(heldUntil, until), holds: isNew ? holds + 1 : holds });
}

/** About the last twenty replies of an agent count. */
const FADING = 0.95;
const NO_EVIDENCE: AgentEvidence = { successes: 0, faults: 0, faultsInARow: 0, lastFaultAt: 0, latencyMs: null };
