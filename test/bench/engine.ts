/** What the engine costs by itself, in this process: no object, no journal, no network. */
import { BUILTIN_AGENTS } from "../../src/agents/transports/builtin.ts";
import type { AgentRecord } from "../../src/agents/agent.ts";
import { lookupIn, snapshotOf } from "../../src/agents/selection/selection.ts";
import { compileWorkflow } from "../../src/language/compile.ts";
import type { TaskEvent } from "../../src/engine/facts/event.ts";
import type { TaskCreated } from "../../src/engine/facts/created.ts";
import type { Graph } from "../../src/language/graph.ts";
import { create, fold, transition } from "../../src/engine/transition.ts";
import type { World } from "../../src/engine/world.ts";
import { statusOf } from "../../src/engine/state/state.ts";
import { median } from "./statistics.ts";
import type { Shape } from "./targets.ts";

const [echo] = BUILTIN_AGENTS as readonly [AgentRecord];
const world: World = {
  now: 0,
  agents: lookupIn(snapshotOf([{ ...echo, id: "agent_1", kind: "http", capabilities: [{ name: "work" }] }], new Map(), 0)),
  values: { read: () => null, stage: () => undefined, write: (value) => ({ value }) },
  inlinePlaces: 6,
  relayMostMs: 60_000,
  relayFor: () => "relay",
  calledAt: () => null,
  childTask: (step, branch) => `task_${step}_${branch}`,
};

const created: TaskCreated = {
  type: "task.created",
  v: 1,
  tenant: "bench",
  task: "task_1",
  workflow: { name: null, version: null },
  definition: { value: null },
  input: { value: {} },
  priority: 5,
  tags: [],
  queue_ttl_ms: 3_600_000,
  on_no_agent: "wait",
  fail_fast: false,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  origin: "https://orchestrator.example",
};

/** A chain, or one step that frees all the others and one that needs all of them. */
function graphOf(shape: Shape, count: number): Graph {
  const ids = Array.from({ length: count }, (_, index) => `s${index}`);
  const last = count - 1;
  const needs = (index: number): string[] => {
    if (index === 0) return [];
    if (shape === "chain") return [`s${index - 1}`];
    return index === last ? ids.slice(1, last) : ["s0"];
  };
  const steps = ids.map((id, index) => ({ id, capability: "work", needs: needs(index) }));
  const compiled = compileWorkflow(JSON.stringify({ steps }));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value.graph;
}

interface Play {
  /** Gives the task its next replies, at most `count`; false once there are none. */
  readonly replies: (count: number) => boolean;
  /** The facts of each transition, where they are kept. */
  readonly journal: readonly (readonly TaskEvent[])[];
}

/** Every reply of a task in turn. */
function play(graph: Graph, keepJournal = false): Play {
  let current = create(graph, created, world);
  const journal = keepJournal ? [current.events] : [];
  const inFlight = current.commands.flatMap((command) => (command.type === "dispatch" ? [command.step] : []));
  let next = 0;
  const replies = (count: number): boolean => {
    for (const end = next + count; next < end; next++) {
      const step = inFlight[next];
      if (step === undefined) break;
      current = transition(current.state, [{ type: "complete", step, attempt: 1, output: { value: { ok: true } } }], world);
      if (keepJournal) journal.push(current.events);
      for (const command of current.commands) if (command.type === "dispatch") inFlight.push(command.step);
    }
    if (next < inFlight.length) return true;
    if (statusOf(current.state) !== "completed") throw new Error(`The task is ${statusOf(current.state)}`);
    return false;
  };
  return { replies, journal };
}

/**
 * Time per input of ten thousand steps as one task against the same steps as a hundred tasks. A hundred inputs of the large
 * task and a whole small one take turns, and all stay in memory until the round ends: neither finds the caches warmer, the
 * machine slower or the collector kinder than the other.
 */
export function engineCostRatio(shape: Shape, rounds: number): number {
  const small = graphOf(shape, 100);
  const large = graphOf(shape, 10_000);
  const round = (): number => {
    let [largeMs, smallMs] = [0, 0];
    let task: Play | undefined;
    const kept: Play[] = [];
    for (let isLive = true; isLive;) {
      const startedAt = performance.now();
      isLive = (task ??= play(large)).replies(100);
      const betweenAt = performance.now();
      const one = play(small);
      one.replies(Number.POSITIVE_INFINITY);
      kept.push(one);
      largeMs += betweenAt - startedAt;
      smallMs += performance.now() - betweenAt;
    }
    return largeMs / smallMs;
  };
  for (let warmUp = 0; warmUp < 5; warmUp++) round();
  return median(Array.from({ length: rounds }, round));
}

/** Rebuilding a task from the rows of a journal with ten thousand facts, in milliseconds. */
export function foldMs(rounds: number): number {
  const graph = graphOf("chain", 3_333);
  const { replies, journal } = play(graph, true);
  replies(Number.POSITIVE_INFINITY);
  if (journal.flat().length < 10_000) throw new Error("Too few facts");
  const rows = journal.map((events) => JSON.stringify(events));
  return median(
    Array.from({ length: rounds }, () => {
      const startedAt = performance.now();
      const [, ...first] = JSON.parse(rows[0] as string) as TaskEvent[];
      const { add } = fold(graph, created, 0);
      add(first, 0);
      for (const row of rows.slice(1)) add(JSON.parse(row) as TaskEvent[], 0);
      return performance.now() - startedAt;
    }),
  );
}
