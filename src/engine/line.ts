/** Attempts in the line of an agent: let in, turned away, or there for too long. */
import { afterReply, attemptTimeoutMs, cancelAttempts, tryAgain } from "./attempt.ts";
import { begin, choose, giveUpOnAgents, startedFacts } from "./choose.ts";
import type { Failure, TaskEvent } from "./event.ts";
import type { Graph, StepNode } from "./graph.ts";
import { stepStateAt, targetOfStep, type Attempt, type StepState, type TaskState } from "./state.ts";
import { chooseWay } from "./way.ts";
import type { AgentChoice, World } from "./world.ts";

/** It got a slot; a worker of the agent that asked for work takes it along. */
export function startInLine(state: TaskState, node: StepNode, attempt: Attempt, isPull: boolean, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const choice = world.agents?.find(attempt.agent, targetOfStep(node, step)) ?? unknownAgent(attempt.agent);
  const way = isPull ? "pull" : chooseWay(choice, state, world, false);
  const as = attempt.hedge ? { hedge: true as const } : {};
  const started = startedFacts(state, node, step, choice, attempt.number, way, as, world);
  const facts: readonly TaskEvent[] = [...started.first, { ...started.attempt, slot: true }];
  if (!isPull) return facts;
  const lease_until = world.now + attemptTimeoutMs(state, node, choice, world.now);
  return [...facts, { type: "attempt.claimed", step: node.id, attempt: attempt.number, via: "pull", lease_until }];
}

/** It stood there for the task's `queue_ttl`. */
export function leaveLine(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const left = cancelAttempts(node, [attempt], "expired", world);
  if (hasBegun(step, attempt)) return [...left, ...roundWithout(graph, state, node, attempt, world)];
  const given = giveUpOnAgents(graph, state, node, step, world);
  // Whoever ends the task ends this attempt with it.
  return given.at(-1)?.type === "task.rejected" ? given : [...left, ...given];
}

/** Its agent turned it away, or turned out to be better left alone before anybody worked on it: somebody else may take it. */
export function declineAttempt(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  attempt: Attempt,
  declined: TaskEvent,
  world: World,
): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (!hasBegun(step, attempt)) return [declined]; // and the step looks elsewhere
  // While nobody may be chosen, or nobody can, it stays in line and asks again: a round is not decided for want of that.
  if (node.ensemble !== null && (state.paused || world.agents === null)) return [];
  const choice = node.ensemble === null ? null : choose(graph, state, node, step, world, null);
  if (choice !== null && choice.agents.length > 0) return [declined, ...begin(state, node, step, choice, { joins: true }, world)];
  return [declined, ...roundWithout(graph, state, node, attempt, world)];
}

/** What becomes of a round that goes on without one of its attempts. */
function roundWithout(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const others = othersOf(step, attempt);
  const error = step.roundError ?? NOBODY_ELSE;
  if (node.ensemble !== null) return afterReply(graph, state, node, others, step.replied ?? [], error, world);
  return others.length > 0 ? [] : tryAgain(graph, state, node, error, world);
}

/** Whether somebody else works, or has worked, in the same round. */
function hasBegun(step: StepState, attempt: Attempt): boolean {
  return othersOf(step, attempt).length > 0 || step.replied !== null || step.roundError !== null;
}

function othersOf(step: StepState, attempt: Attempt): readonly Attempt[] {
  return step.phase.status === "running" ? step.phase.live.filter((other) => other.number !== attempt.number) : [];
}

const NOBODY_ELSE: Failure = {
  code: "no_agent",
  message: "An agent turned the step away, and nobody else could take its place",
  retryable: true,
};

function unknownAgent(agent: string): AgentChoice {
  return { agent, way: null, expectedLatencyMs: null, needsSlot: true, p95Ms: null, timeoutMs: null };
}
