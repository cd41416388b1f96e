/**
 * The engine: inputs in; facts, commands and the next alarm out. Pure but for the state it is given, which it consumes.
 *
 *   admit    what each input establishes
 *   advance  what then follows, to a fixpoint
 *   evolve   the fold of both into the state
 */
import { lookAgainAt } from "./aspects/table.ts";
import { inTurn } from "../language/expressions/budget.ts";
import type { Rejection } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";
import { admit } from "./rules/admit.ts";
import { advance } from "./rules/advance.ts";
import { commandsFor } from "./rules/commands.ts";
import type { Command } from "./facts/command.ts";
import type { TaskEvent } from "./facts/event.ts";
import type { TaskCreated } from "./facts/created.ts";
import { begin, evolve } from "./state/evolve.ts";
import { scheduleHedge } from "./state/attempts.ts";
import type { Graph } from "../language/graph.ts";
import type { TaskInput } from "./facts/input.ts";
import { stepAt, waitersFor, type TaskState } from "./state/state.ts";
import { stageValues } from "./facts/carried-value.ts";
import { lookUntil, nextWakeAt, scheduleLook } from "./rules/wake.ts";
import type { World } from "./world.ts";

/** Whether an input changed anything, or why it may not. */
export type Answer = Result<"changed" | "unchanged", Rejection>;

export interface Transition {
  readonly state: TaskState;
  readonly events: readonly TaskEvent[];
  readonly commands: readonly Command[];
  readonly wakeAt: number | null;
  /** One per input, in order. */
  readonly answers: readonly Answer[];
}

export function transition(state: TaskState, inputs: readonly TaskInput[], world: World): Transition {
  return inTurn(() => transitionInTurn(state, inputs, world));
}

function transitionInTurn(state: TaskState, inputs: readonly TaskInput[], world: World): Transition {
  const events: TaskEvent[] = [];
  const record = (facts: readonly TaskEvent[]): void => {
    stageValues(facts, state.seq, world.values);
    evolve(state, facts, world.now);
    events.push(...facts);
  };
  const answers = inputs.map((input): Answer => {
    const admitted = admit(state, input, world);
    if (!admitted.ok) return admitted;
    record(admitted.value);
    if (input.type === "look") lookAgain(state, world.now);
    advance(state, world, record);
    return ok(admitted.value.length > 0 ? "changed" : "unchanged");
  });
  return { state, events, commands: events.flatMap(commandsFor), wakeAt: nextWakeAt(state), answers };
}

/** The agents are known afresh: whoever found none before may find one now. */
export function lookAgain(state: TaskState, now: number): void {
  for (const index of waitersFor(state, "agent")) {
    const step = stepAt(state, index);
    scheduleLook(state, step, Math.min(now, lookUntil(state, step)));
  }
  lookAgainAt(state);
  for (const index of state.hedgeable) scheduleHedge(state, stepAt(state, index));
}

/** The first transition of a task. `inputs`: what holds before it does anything. */
export function create(graph: Graph, created: TaskCreated, world: World, inputs: readonly TaskInput[] = []): Transition {
  stageValues([created], 0, world.values);
  const state = begin(graph, created, world.now);
  const { events, ...rest } = transition(state, [...inputs, { type: "wake" }], world);
  return { ...rest, events: [created, ...events] };
}

/** A state from a journal, one batch of facts after the other. */
export function fold(
  graph: Graph,
  created: TaskCreated,
  createdAt: number,
): { readonly state: TaskState; readonly add: (events: readonly TaskEvent[], at: number) => void } {
  const state = begin(graph, created, createdAt);
  return { state, add: (events, at) => evolve(state, events, at) };
}
