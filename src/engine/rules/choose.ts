/** How a step gets its agents: the first time, again, a second one beside the first, or by waiting for one to appear. */
import { LIMITS } from "../limits.ts";
import { hashText } from "../../shared/random.ts";
import { passesBound } from "../../shared/json-size.ts";
import { excerpt } from "../../shared/text.ts";
import { attemptKey, fallBack } from "./attempt.ts";
import { afford, allowsCall, askBeforeAgent, attemptMembers, checkStep, NO_MEMBERS, reasonToSkip } from "../aspects/table.ts";
import { carryOut } from "./ruling.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import type { Way } from "../facts/call.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { Receipt } from "../facts/receipt.ts";
import { scopeOfStep } from "../state/scope.ts";
import type { Selection } from "../../language/staffing.ts";
import type { TaskState } from "../state/state.ts";
import { keyOfTarget, liveAttempt, targetOfStep, type AgentStep, type Attempt } from "../state/step-state.ts";
import { failStep, skipped } from "./step.ts";
import { rejectTask } from "./ending.ts";
import { comeBackAt, leftAlone } from "./patience.ts";
import { startedFacts } from "./started.ts";
import { lookUntil, nextLookAt, scheduleLook } from "./wake.ts";
import { chooseWay, relayFor } from "./way.ts";
import type { AgentChoice, Choice, Wanted, World } from "../world.ts";

/** The next round of a step, or its wait for an agent. The input is evaluated to find its errors before any dispatch. */
export function startRound(state: TaskState, step: AgentStep, world: World): readonly TaskEvent[] {
  const reason = reasonToSkip(state, step);
  if (reason !== null) return [skipped(state, step, reason)];
  if (step.startedSeq === null) {
    const input = step.node.input.evaluate(() => scopeOfStep(state, step, world.values));
    if (!input.ok) return failStep(state, step, expressionError(step, "input", input.error), world);
    const fault = checkStep(state, step, world);
    if (fault !== null) return failStep(state, step, expressionError(step, fault.field, fault.error), world);
  }
  const asked = askBeforeAgent(state, step, world);
  if (asked !== null) return carryOut(state, asked, world);
  const key = stickyKeyOf(state, step, world);
  if (key !== null && "error" in key) return failStep(state, step, expressionError(step, "select.sticky", key.error), world);
  const choice = choose(state, step, world, key?.text ?? null);
  if (choice === null || choice.agents.length < agentsOf(step)) {
    const { type: _, ...target } = targetOfStep(step);
    const receipt = choice === null ? {} : { receipt: choice.receipt };
    const backAt = choice === null || hasFallback(step) ? null : comeBackAt(state, step, choice.receipt, world.now);
    const until = backAt === null ? {} : { until: Math.min(backAt, lookUntil(state, step)) };
    return [{ type: "step.waiting", step: step.path, waiting_on: { type: "agent", ...target, ...until }, ...receipt }];
  }
  return beginIfAllowed(state, step, choice, key?.text ?? null, world);
}

/** The choice, or what follows where an aspect does not allow for it. */
function beginIfAllowed(state: TaskState, step: AgentStep, choice: Choice, stickyKey: string | null, world: World): readonly TaskEvent[] {
  const again = (selection: Selection): Choice | null => choose(state, step, world, stickyKey, selection);
  const within = afford(state, step, choice, again, world);
  return "facts" in within ? carryOut(state, within, world) : begin(state, step, within.choice, {}, world);
}

/** A step that waits for an agent looks again; the agents it sees were fetched for this. */
export function lookForAgent(state: TaskState, step: AgentStep, world: World): readonly TaskEvent[] {
  if (step.phase.status !== "waiting") return [];
  const reason = reasonToSkip(state, step);
  if (reason !== null) return [skipped(state, step, reason)];
  const asked = askBeforeAgent(state, step, world);
  if (asked !== null) return carryOut(state, asked, world);
  const key = stickyKeyOf(state, step, world);
  const text = key !== null && "text" in key ? key.text : null;
  const choice = choose(state, step, world, text);
  if (choice !== null && choice.agents.length >= agentsOf(step)) return beginIfAllowed(state, step, choice, text, world);
  const until = lookUntil(state, step);
  const backAt = choice === null ? null : comeBackAt(state, step, choice.receipt, world.now);
  const isKnownMissing = choice !== null && (hasFallback(step) || (state.created.on_no_agent === "fail" && backAt === null));
  if (world.now < until && !isKnownMissing) {
    scheduleLook(state, step, backAt === null ? nextLookAt(step.phase.since, world.now, until) : Math.min(backAt, until));
    return [];
  }
  // What looks are missed is not recorded; what comes of them at last has its place among what else is due.
  if (!isKnownMissing && (step.phase.lookAt ?? until) < until) {
    scheduleLook(state, step, until);
    return [];
  }
  return giveUpOnAgents(state, step, world);
}

/** The reply takes long: another agent gets the same work, unless too many calls are hedges already or nobody is left. */
export function startHedge(state: TaskState, step: AgentStep, attempt: number, world: World): readonly TaskEvent[] {
  const first = liveAttempt(step, attempt);
  if (first === undefined || first.hedgeAt === null) return [];
  // What counts is how long the agent takes, not how long the call waited for its turn, nor what a restart cost.
  const calledAt = world.calledAt(step.path, attempt);
  const afterMs = first.hedgeAt - first.startedAt;
  const dueAt =
    calledAt === "in_line" ? world.now + Math.max(afterMs, LIMITS.hedgeLookMs) : calledAt === null ? world.now : calledAt + afterMs;
  if (dueAt > world.now) {
    state.hedges.push({ at: dueAt, type: "hedge", step: step.index, attempt });
    return [];
  }
  const { hedge } = step.node;
  if (hedge === null || world.agents === null || !mayHedge(state, step, hedge.maxShare, world)) return [];
  const choice = choose(state, step, world, null);
  if (choice === null || choice.agents.length === 0 || !allowsCall(state, step, choice, true)) return [];
  return begin(state, step, choice, { hedge: true }, world);
}

const hasFallback = ({ target, node }: AgentStep): boolean => target + 1 < node.targets.length;

const agentsOf = ({ node }: AgentStep): number => node.ensemble?.agents ?? 1;

/** Asks selection for what the step wants: the agents of a round, or one more beside those at work. */
export function choose(
  state: TaskState,
  step: AgentStep,
  world: World,
  stickyKey: string | null,
  selection: Selection = step.node.selection,
): Choice | null {
  if (world.agents === null) return null;
  const live = step.phase.status === "running" ? step.phase.live : [];
  const { node } = step;
  const { meet } = selection;
  const untilDeadlineMs = state.created.deadline_at === undefined || state.ending !== null ? null : state.created.deadline_at - world.now;
  const wanted: Wanted = {
    target: targetOfStep(step),
    selection,
    count: live.length > 0 ? 1 : agentsOf(step),
    seed: attemptKey(state, step, step.attempts + 1),
    turn: (hashText(state.created.task, 23) % TURNS) + (state.choices.get(keyOfTarget(targetOfStep(step))) ?? 0),
    stickyKey,
    barred: barredFrom(state, step, live, world.now),
    tried: step.tried ?? NOBODY,
    prefer: node.retry.on === "same" && step.tried !== null ? step.agent : null,
    ...(step.phase.status === "waiting" && step.phase.on.type === "budget" && { waitsForBudget: true as const }),
    input: () => {
      const input = node.input.evaluate(() => scopeOfStep(state, step, world.values));
      return input.ok ? input.value : undefined;
    },
    withinMs: meet === null ? null : (meet.withinMs ?? untilDeadlineMs),
    now: world.now,
    evidence: state.evidenceByAgent,
    busy: state.busyByAgent,
  };
  return world.agents.choose(wanted);
}

function barredFrom(state: TaskState, step: AgentStep, live: readonly Attempt[], now: number): Wanted["barred"] {
  const barred = new Map<string, "busy_with_it" | "declined">();
  for (const agent of leftAlone(state, now)) barred.set(agent, "declined");
  for (const { agent } of live) barred.set(agent, "busy_with_it");
  // In a round that goes on nobody is asked twice.
  if (live.length > 0 && step.node.ensemble !== null) {
    for (const agent of [...(step.replied ?? []).map((reply) => reply.agent), ...(step.tried ?? [])]) barred.set(agent, "busy_with_it");
  }
  for (const [agent, until] of step.declined ?? []) if (until > now) barred.set(agent, "declined");
  return barred;
}

/** Tasks begin their turns at different agents. */
const TURNS = 5_040;
const NOBODY: ReadonlySet<string> = new Set();

/** `hedge`: beside one that takes long. `joins`: in a round that is under way, for one that was turned away. */
export interface AttemptKind {
  readonly hedge?: true;
  readonly joins?: true;
}

/** The choice and what it leads to, for one agent or several. */
export function begin(state: TaskState, step: AgentStep, choice: Choice, as: AttemptKind, world: World): readonly TaskEvent[] {
  const first = step.attempts + 1;
  const best = choice.agents[0] as AgentChoice;
  const receipt = receiptWithWay(choice, state, step, world);
  const facts: TaskEvent[] = [{ type: "agent.selected", step: step.path, attempt: first, agent: best.agent, receipt }];
  let hasStarted = step.startedSeq !== null;
  choice.agents.forEach((agent, index) => {
    const number = first + index;
    const members = attemptMembers(state, step, choice, agent);
    if (agent.needsSlot) {
      const waiting_on = { type: "capacity", agent: agent.agent } as const;
      facts.push({ type: "step.waiting", step: step.path, attempt: number, waiting_on, ...as, ...members });
      return;
    }
    const started = attemptFacts(state, step, agent, number, wayFor(agent, state, step, world, false), as, world);
    if (!hasStarted) facts.push(...started.first);
    hasStarted = true;
    facts.push(members === NO_MEMBERS ? started.attempt : { ...started.attempt, ...members });
  });
  return facts;
}

/** How the call gets to the agent is told where that leaves it to us. */
function receiptWithWay({ agents, receipt }: Choice, state: TaskState, step: AgentStep, world: World): Receipt {
  const [best] = agents;
  if (best === undefined || best.way !== null || best.needsSlot || state.graph.rules < 1) return receipt;
  const { chosen, why } = wayFor(best, state, step, world, false);
  return { ...receipt, way: { chosen, why } };
}

/** How the next call of a step gets to an agent. */
export function wayFor(
  agent: AgentChoice,
  state: TaskState,
  step: AgentStep,
  world: World,
  hasSlot: boolean,
): ReturnType<typeof chooseWay> {
  return chooseWay(agent, state, world, {
    hasSlot,
    isLarge: () => {
      const input = step.node.input.evaluate(() => scopeOfStep(state, step, world.values));
      return input.ok && passesBound(input.value, { length: LIMITS.relayedInputBytes, depth: Number.POSITIVE_INFINITY }) !== null;
    },
  });
}

/** An attempt begins, and with it maybe its step and the task. */
export function attemptFacts(
  state: TaskState,
  step: AgentStep,
  choice: AgentChoice,
  number: number,
  way: { readonly chosen: Way },
  as: AttemptKind,
  world: World,
) {
  const first = startedFacts(state, step);
  const { hedge } = step.node;
  const afterMs = hedge === null || as.hedge ? null : hedge.after === "p95" ? choice.p95Ms : hedge.after;
  type Started = Extract<TaskEvent, { type: "attempt.started" }>;
  const attempt: { -readonly [M in keyof Started]: Started[M] } = {
    type: "attempt.started",
    step: step.path,
    attempt: number,
    agent: choice.agent,
    way: way.chosen,
  };
  if (way.chosen === "relay") attempt.relay = relayFor(state, step, number, world);
  if (as.hedge) attempt.hedge = true;
  if (as.joins) attempt.joins = true;
  if (afterMs !== null) attempt.hedge_at = world.now + Math.max(1, Math.ceil(afterMs));
  if (choice.timeoutMs !== null) attempt.timeout_ms = choice.timeoutMs;
  return { first, attempt };
}

/** But for its first the task keeps to the share exactly; what others hedge is known with some delay. */
function mayHedge(state: TaskState, step: AgentStep, maxShare: number, world: World): boolean {
  const target = targetOfStep(step);
  if (target.type !== "capability") return false; // nobody else is asked for
  const own = state.callsByCapability.get(target.capability) ?? { calls: 0, hedges: 0 };
  if (own.hedges > maxShare * own.calls) return false;
  const everywhere = world.agents?.hedging(target) ?? { calls: 0, hedges: 0 };
  return everywhere.calls < MEANINGFUL_CALLS || everywhere.hedges < maxShare * everywhere.calls;
}

const MEANINGFUL_CALLS = 20;

function stickyKeyOf(state: TaskState, step: AgentStep, world: World): { readonly text: string } | { readonly error: string } | null {
  const { sticky } = step.node;
  if (sticky === null) return null;
  const value = sticky.evaluate(scopeOfStep(state, step, world.values));
  return value.ok ? { text: JSON.stringify(value.value) } : { error: value.error };
}

/** Nobody could be found, or nobody let the step in: its next fallback, or its end. */
export function giveUpOnAgents(state: TaskState, step: AgentStep, world: World): readonly TaskEvent[] {
  const target = targetOfStep(step);
  const wanted = target.type === "agent" ? `agent "${target.agent}"` : `agent with capability "${target.capability}"`;
  const many = step.node.ensemble === null ? "no healthy" : `fewer than ${step.node.ensemble.agents} healthy`;
  const last = step.patientSince === null || step.error === null ? "" : `; the last one asked for patience: ${step.error.message}`;
  const message = excerpt(`Step "${step.path}" found ${many} ${wanted} that is free${last}`, LIMITS.errorMessageLength);
  const error: Failure = { code: "no_agent", message, retryable: false };
  const anyStarted = state.startedAt !== null || step.startedSeq !== null;
  if (anyStarted || hasFallback(step) || state.created.on_no_agent === "fail") return fallBack(state, step, error, world);
  return rejectTask(state, { ...error, step_id: step.path });
}
