/** A task that a step starts in a simulated run: another workflow, or some of a map's items. */
import type { Failure } from "../engine/facts/failure.ts";
import { parentOf, type TaskCreated } from "../engine/facts/created.ts";
import { loanOf } from "../engine/aspects/table.ts";
import { concurrencyOfChild, toleratedInPart } from "../engine/kinds/map.ts";
import { partOf, scopeOfStep } from "../engine/state/scope.ts";
import { isKind, type Step } from "../engine/state/step-state.ts";
import { smaller } from "../language/budget-definition.ts";
import { gateOf } from "../language/concurrency.ts";
import type { NodeOf } from "../language/graph.ts";
import { graphOfPart } from "../language/part-graph.ts";
import type { Json } from "../shared/json.ts";
import type { AssumedGraph, AssumedWorkflow } from "./assumed-nodes.ts";
import { LIMITS } from "./limits.ts";
import type { SimulatedTask } from "./simulated-task.ts";

interface Child {
  readonly graph: AssumedGraph;
  readonly created: TaskCreated;
}

export function childOf(parent: SimulatedTask, step: Step, branch: number, task: string): Child | { readonly error: Failure } {
  return isKind(step, "map") ? partOfMap(parent, step, branch, task) : taskOf(parent, step as Step<NodeOf<"workflow">>, branch, task);
}

function partOfMap(parent: SimulatedTask, step: Step<NodeOf<"map">>, branch: number, task: string): Child | { readonly error: Failure } {
  const { state, run } = parent;
  const { path } = step.node;
  const graph = partGraphOf(state.graph as AssumedGraph, path);
  const chunk = step.branches?.chunk ?? LIMITS.mapChunk;
  const first = branch * chunk;
  const input = run.setting.knowledge.reading(() => partOf(state, step, first, first + chunk, NO_VALUES)) as unknown as Json;
  if (graph === null) return { error: failure("unknown_workflow") };
  const spread = { path, first, concurrency: concurrencyOfChild(step.node), tolerate: toleratedInPart(state, step) };
  return { graph, created: { ...common(parent, step, branch, task, input), ...deadline(state.created.deadline_at), spread } };
}

function taskOf(parent: SimulatedTask, step: Step<NodeOf<"workflow">>, branch: number, task: string): Child | { readonly error: Failure } {
  const { state, run } = parent;
  const workflow = run.setting.task.workflow(step.node.workflow);
  if ((state.created.parent?.depth ?? 0) >= LIMITS.childDepth) return { error: failure("nested_too_deep") };
  const input = step.node.input.evaluate(() => scopeOfStep(state, step, NO_VALUES));
  if (workflow === null || !input.ok) return { error: failure("unknown_workflow") };
  const begun = step.startedAt ?? run.clock.now;
  const ownAt = workflow.deadlineMs === null ? undefined : begun + workflow.deadlineMs;
  const deadlineAt = Math.min(ownAt ?? Number.POSITIVE_INFINITY, state.created.deadline_at ?? Number.POSITIVE_INFINITY);
  const budget = smaller(smaller(loanOf(state, task, begun), step.node.budget ?? undefined), workflow.budget);
  return {
    graph: workflow.graph,
    created: {
      ...common(parent, step, branch, task, input.value),
      ...deadline(deadlineAt),
      ...(budget !== undefined && { budget }),
      ...gateFor(workflow, task, input.value),
    },
  };
}

function common({ state: { created } }: SimulatedTask, step: Step, branch: number, task: string, input: Json): TaskCreated {
  const { type, v, tenant, workflow, definition, priority, tags, queue_ttl_ms, on_no_agent, fail_fast, traceparent, origin } = created;
  const parent = parentOf(created, step.path, branch);
  return {
    type,
    v,
    tenant,
    task,
    workflow,
    definition,
    input: { value: input },
    priority,
    tags,
    queue_ttl_ms,
    on_no_agent,
    fail_fast,
    traceparent,
    origin,
    parent,
  };
}

const deadline = (at: number | undefined) => (at === undefined || at === Number.POSITIVE_INFINITY ? {} : { deadline_at: at });

/** Its key is made of what it is given; where that is not known, nothing holds it up. */
function gateFor({ name, version, graph: { concurrency } }: AssumedWorkflow, task: string, input: Json): Pick<TaskCreated, "gate"> {
  if (concurrency === null) return {};
  try {
    const gate = gateOf(concurrency, { task, type: name, workflow: { name, version }, input, priority: 0, tags: [] });
    return gate.ok ? { gate: gate.value } : {};
  } catch {
    return {};
  }
}

/** Of a map, and what is around it in none: made once for all runs. */
const partGraphs = new WeakMap<AssumedGraph, Map<string, AssumedGraph | null>>();

function partGraphOf(graph: AssumedGraph, path: readonly string[]): AssumedGraph | null {
  let parts = partGraphs.get(graph);
  if (parts === undefined) partGraphs.set(graph, (parts = new Map()));
  const key = path.join("/");
  let part = parts.get(key);
  if (part === undefined) parts.set(key, (part = graphOfPart(graph, path) as AssumedGraph | null));
  return part;
}

const failure = (code: string): Failure => ({ code, message: "as it is", retryable: false });
const NO_VALUES = { read: () => null, stage: () => undefined, write: (value: Json) => ({ value }) };
