/** Attempts in the line of an agent: let in, turned away, or there for too long. */
import { afterReply, attemptTimeoutMs, cancelAttempts, othersOf, tryAgain } from "./attempt.ts";
import { attemptFacts, begin, choose, giveUpOnAgents, wayFor } from "./choose.ts";
import type { Failure } from "../facts/failure.ts";
import type { EventOf, TaskEvent } from "../facts/event.ts";
import { allowsCall } from "../aspects/table.ts";
import type { TaskState } from "../state/state.ts";
import { targetOfStep, type AgentStep, type Attempt } from "../state/step-state.ts";
import type { AgentChoice, World } from "../world.ts";

/** It got a slot; a worker of the agent that asked for work takes it along. */
export function startInLine(state: TaskState, step: AgentStep, attempt: Attempt, isPull: boolean, world: World): readonly TaskEvent[] {
  const choice = world.agents?.find(attempt.agent, targetOfStep(step)) ?? unknownAgent(attempt.agent);
  const way = isPull ? { chosen: "pull" as const } : wayFor(choice, state, step, world, true);
  const as = attempt.hedge ? { hedge: true as const } : {};
  const started = attemptFacts(state, step, choice, attempt.number, way, as, world);
  const facts: readonly TaskEvent[] = [...started.first, { ...started.attempt, slot: true }];
  if (!isPull) return facts;
  const lease_until = world.now + attemptTimeoutMs(state, step, choice, world.now);
  return [...facts, { type: "attempt.claimed", step: step.path, attempt: attempt.number, via: "pull", lease_until }];
}

/** It stood there for the task's `queue_ttl`. */
export function leaveLine(state: TaskState, step: AgentStep, attempt: Attempt, world: World): readonly TaskEvent[] {
  const left = cancelAttempts(step, [attempt], "expired", world);
  if (hasBegun(step, attempt)) return [...left, ...roundWithout(state, step, attempt, world)];
  const given = giveUpOnAgents(state, step, world);
  // Whoever ends the task ends this attempt with it.
  return given.at(-1)?.type === "task.rejected" ? given : [...left, ...given];
}

/** Its agent turned it away, or turned out to be better left alone before anybody worked on it: somebody else may take it. */
export function declineAttempt(
  state: TaskState,
  step: AgentStep,
  attempt: Attempt,
  declined: EventOf<"attempt.declined">,
  world: World,
): readonly TaskEvent[] {
  if (!hasBegun(step, attempt)) return [declined]; // and the step looks elsewhere
  // While nobody may be chosen, or nobody can, it stays in line and asks again: a round is not decided for want of that.
  const isInLine = declined.error === undefined && attempt.way === null;
  if (step.node.ensemble !== null && isInLine && (state.paused || world.agents === null)) return [];
  const choice = step.node.ensemble === null ? null : choose(state, step, world, null);
  if (choice !== null && choice.agents.length > 0 && allowsCall(state, step, choice))
    return [declined, ...begin(state, step, choice, { joins: true }, world)];
  return [declined, ...roundWithout(state, step, attempt, world, declined.error)];
}

/** What becomes of a round that goes on without one of its attempts. */
function roundWithout(state: TaskState, step: AgentStep, attempt: Attempt, world: World, why: Failure = NOBODY_ELSE): readonly TaskEvent[] {
  const others = othersOf(step, attempt);
  const error = step.roundError ?? why;
  if (step.node.ensemble !== null) return afterReply(state, step, others, step.replied ?? [], error, world);
  return others.length > 0 ? [] : tryAgain(state, step, error, world);
}

/** Whether somebody else works, or has worked, in the same round. */
function hasBegun(step: AgentStep, attempt: Attempt): boolean {
  return othersOf(step, attempt).length > 0 || step.replied !== null || step.roundError !== null;
}

const NOBODY_ELSE: Failure = {
  code: "no_agent",
  message: "An agent turned the step away, and nobody else could take its place",
  retryable: true,
};

function unknownAgent(agent: string): AgentChoice {
  return { agent, way: null, expectedLatencyMs: null, needsSlot: true, p95Ms: null, timeoutMs: null };
}
