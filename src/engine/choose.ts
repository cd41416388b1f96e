/** How a step gets its agents: the first time, again, a second one beside the first, or by waiting. */
import { attemptKey, attemptTimeoutMs, fallBack, holderOf } from "./attempt.ts";
import type { Failure, TaskEvent } from "./event.ts";
import type { Graph, StepNode } from "./graph.ts";
import { scopeOfStep } from "./scope.ts";
import { stepStateAt, targetOfStep, type Attempt, type StepState, type TaskState } from "./state.ts";
import { cancelSteps, expressionError, failStep } from "./step.ts";
import { nextLookAt, scheduleLook } from "./wake.ts";
import { chooseWay } from "./way.ts";
import type { AgentChoice, Choice, Wanted, World } from "./world.ts";

/** The next round of a step, or its wait for an agent. The input is evaluated to find its errors before any dispatch. */
export function startRound(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (step.startedSeq === null) {
    const input = node.input.evaluate(() => scopeOfStep(graph, state, node, world.values));
    if (!input.ok) return failStep(graph, state, node, expressionError(node, "input", input.error), world);
  }
  const key = stickyKeyOf(graph, state, node, world);
  if (key !== null && "error" in key) return failStep(graph, state, node, expressionError(node, "select.sticky", key.error), world);
  const choice = choose(graph, state, node, step, world, key?.text ?? null);
  if (choice === null || choice.agents.length < agentsOf(node)) {
    const { type: _, ...target } = targetOfStep(node, step);
    const receipt = choice === null ? {} : { receipt: choice.receipt };
    return [{ type: "step.waiting", step: node.id, waiting_on: { type: "agent", ...target }, ...receipt }];
  }
  return begin(state, node, step, choice, false, world);
}

/** A step that waits for an agent looks again; the agents it sees were fetched for this. */
export function lookForAgent(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (step.phase.status !== "waiting") return [];
  const key = stickyKeyOf(graph, state, node, world);
  const choice = choose(graph, state, node, step, world, key !== null && "text" in key ? key.text : null);
  if (choice !== null && choice.agents.length >= agentsOf(node)) return begin(state, node, step, choice, false, world);
  const until = (step.waitingSince ?? step.phase.since) + state.created.queue_ttl_ms;
  const hasFallback = step.target + 1 < node.targets.length;
  const isKnownMissing = world.agents !== null && (hasFallback || state.created.on_no_agent === "fail");
  if (world.now < until && !isKnownMissing) {
    scheduleLook(state, node.index, nextLookAt(step.phase.since, world.now, until));
    return [];
  }
  return giveUpOnAgents(graph, state, node, step, world);
}

/** The reply takes long: another agent gets the same work, unless too many calls are hedges already or nobody is left. */
export function startHedge(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (node.hedge === null || world.agents === null || !mayHedge(state, node, step, node.hedge.maxShare, world)) return [];
  const choice = choose(graph, state, node, step, world, null);
  if (choice === null || choice.agents.length === 0) return [];
  return begin(state, node, step, choice, true, world);
}

/** An attempt in line for a slot got one; a worker that asked for work takes it at once. */
export function startInLine(state: TaskState, node: StepNode, attempt: Attempt, isPull: boolean, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const choice = world.agents?.find(attempt.agent, targetOfStep(node, step)) ?? UNKNOWN_AGENT(attempt.agent);
  const started = startedFacts(
    state,
    node,
    step,
    choice,
    attempt.number,
    isPull ? "pull" : chooseWay(choice, state, world),
    attempt.hedge,
    world,
  );
  if (!isPull) return [...started.first, { ...started.attempt, slot: true }];
  const timeoutMs = attemptTimeoutMs(state, node, choice, world.now);
  return [
    ...started.first,
    { ...started.attempt, slot: true },
    { type: "attempt.claimed", step: node.id, attempt: attempt.number, via: "pull", lease_until: world.now + timeoutMs },
  ];
}

/** Stood in line for `queue_ttl` and not let in. */
export function leaveLine(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const left: TaskEvent = { type: "attempt.canceled", step: node.id, attempt: attempt.number, reason: "superseded", ...holderOf(attempt) };
  const others = step.phase.status === "running" ? step.phase.live.length - 1 : 0;
  if (others > 0) return [left];
  const given = giveUpOnAgents(graph, state, node, step, world);
  // Whoever ends the task ends this attempt with it.
  return given.at(-1)?.type === "task.rejected" ? given : [left, ...given];
}

const agentsOf = (node: StepNode): number => node.ensemble?.agents ?? 1;

const UNKNOWN_AGENT = (agent: string): AgentChoice => ({
  agent,
  way: null,
  expectedLatencyMs: null,
  needsSlot: true,
  p95Ms: null,
  timeoutMs: null,
});

function choose(graph: Graph, state: TaskState, node: StepNode, step: StepState, world: World, stickyKey: string | null): Choice | null {
  if (world.agents === null) return null;
  const live = step.phase.status === "running" ? step.phase.live : [];
  const barred = new Map<string, "busy_with_it" | "declined">(live.map((attempt) => [attempt.agent, "busy_with_it"]));
  for (const [agent, until] of step.declined ?? []) if (until > world.now) barred.set(agent, "declined");
  const { meet } = node.selection;
  const untilDeadlineMs = state.created.deadline_at === undefined ? null : state.created.deadline_at - world.now;
  const wanted: Wanted = {
    target: targetOfStep(node, step),
    selection: node.selection,
    count: live.length > 0 ? 1 : agentsOf(node),
    seed: attemptKey(state, node, step.attempts + 1),
    turn: state.choices,
    stickyKey,
    barred,
    tried: step.tried ?? NOBODY,
    prefer: node.retry.on === "same" && step.tried !== null ? step.agent : null,
    input: () => {
      const input = node.input.evaluate(() => scopeOfStep(graph, state, node, world.values));
      return input.ok ? input.value : undefined;
    },
    withinMs: meet === null ? null : (meet.withinMs ?? untilDeadlineMs),
    now: world.now,
    evidence: state.evidenceByAgent,
    busy: state.busyByAgent,
  };
  return world.agents.choose(wanted);
}

const NOBODY: ReadonlySet<string> = new Set();

/** The choice and what it leads to, for one agent or several. */
function begin(state: TaskState, node: StepNode, step: StepState, choice: Choice, isHedge: boolean, world: World): readonly TaskEvent[] {
  const facts: TaskEvent[] = [];
  const first = step.attempts + 1;
  const [best] = choice.agents as readonly [AgentChoice, ...AgentChoice[]];
  facts.push({ type: "agent.selected", step: node.id, attempt: first, agent: best.agent, receipt: choice.receipt });
  let hasStarted = step.startedSeq !== null;
  choice.agents.forEach((agent, index) => {
    const number = first + index;
    if (agent.needsSlot) {
      const waiting_on = { type: "capacity", agent: agent.agent } as const;
      facts.push({ type: "step.waiting", step: node.id, attempt: number, waiting_on, ...(isHedge && { hedge: true }) });
      return;
    }
    const started = startedFacts(state, node, step, agent, number, chooseWay(agent, state, world), isHedge, world);
    if (!hasStarted) facts.push(...started.first);
    hasStarted = true;
    facts.push(started.attempt);
  });
  return facts;
}

function startedFacts(
  state: TaskState,
  node: StepNode,
  step: StepState,
  choice: AgentChoice,
  number: number,
  way: Extract<TaskEvent, { type: "attempt.started" }>["way"],
  isHedge: boolean,
  world: World,
) {
  const first: TaskEvent[] = [];
  if (state.startedAt === null) first.push({ type: "task.started" });
  if (step.startedSeq === null) first.push({ type: "step.started", step: node.id });
  const afterMs = node.hedge === null || isHedge ? null : node.hedge.after === "p95" ? choice.p95Ms : node.hedge.after;
  const attempt: Extract<TaskEvent, { type: "attempt.started" }> = {
    type: "attempt.started",
    step: node.id,
    attempt: number,
    agent: choice.agent,
    way,
    ...(isHedge && { hedge: true }),
    ...(afterMs !== null && { hedge_at: world.now + Math.max(1, Math.ceil(afterMs)) }),
    ...(choice.timeoutMs !== null && { timeout_ms: choice.timeoutMs }),
  };
  return { first, attempt };
}

/** The task keeps to the share exactly; what others hedge is known with some delay. */
function mayHedge(state: TaskState, node: StepNode, step: StepState, maxShare: number, world: World): boolean {
  const target = targetOfStep(node, step);
  if (target.type !== "capability") return false; // nobody else is asked for
  const own = state.callsByCapability.get(target.capability) ?? { calls: 0, hedges: 0 };
  if (own.hedges >= 1 + maxShare * own.calls) return false;
  const everywhere = world.agents?.hedging(target) ?? { calls: 0, hedges: 0 };
  return everywhere.calls < MEANINGFUL_CALLS || everywhere.hedges < maxShare * everywhere.calls;
}

const MEANINGFUL_CALLS = 20;

function stickyKeyOf(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  world: World,
): { readonly text: string } | { readonly error: string } | null {
  if (node.sticky === null) return null;
  const value = node.sticky.evaluate(scopeOfStep(graph, state, node, world.values));
  return value.ok ? { text: JSON.stringify(value.value) } : { error: value.error };
}

function giveUpOnAgents(graph: Graph, state: TaskState, node: StepNode, step: StepState, world: World): readonly TaskEvent[] {
  const target = targetOfStep(node, step);
  const wanted = target.type === "agent" ? `agent "${target.agent}"` : `agent with capability "${target.capability}"`;
  const many = node.ensemble === null ? "no healthy" : `fewer than ${node.ensemble.agents} healthy`;
  const error: Failure = { code: "no_agent", message: `Step "${node.id}" found ${many} ${wanted} that is free`, retryable: false };
  const anyStarted = state.startedAt !== null || step.startedSeq !== null;
  const hasFallback = step.target + 1 < node.targets.length;
  if (anyStarted || hasFallback || state.created.on_no_agent === "fail") return fallBack(graph, state, node, error, world);
  return [...cancelSteps(graph, state, "task_rejected"), { type: "task.rejected", error: { ...error, step_id: node.id } }];
}
