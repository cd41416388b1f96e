/** Answers questions about a task from its journal, be it the object's or an archived one. */
import { assert } from "../shared/result.ts";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { compileWorkflow } from "../engine/compile.ts";
import { eventView, type EventView } from "../engine/event-view.ts";
import type { Graph } from "../engine/graph.ts";
import { stepStateAt, type TaskState } from "../engine/state.ts";
import { fold } from "../engine/transition.ts";
import type { StoredValue } from "../engine/value.ts";
import { errorView, stepView, stepViews, taskHead, type StepView, type TaskHead, type TaskResult } from "../engine/view.ts";
import type { JournalRow, JournalSource } from "./journal.ts";

export interface TaskView extends TaskHead {
  readonly steps: readonly StepView[];
  /** How many steps there are, where not all are shown. */
  readonly steps_total?: number;
}

export interface StepDetail extends StepView {
  readonly output?: Json;
}

/** A result whose value is kept no longer has `expired`. */
export type ResultReading = TaskResult | { readonly expired: true };

export interface Loaded {
  readonly graph: Graph;
  readonly state: TaskState;
}

/** Rebuilds a task from its journal; `null` when there is none. */
export function loadTask(source: JournalSource): Loaded | null {
  let loaded: (ReturnType<typeof fold> & { readonly graph: Graph }) | null = null;
  for (const row of source.rowsAfter(0)) {
    if (loaded === null) {
      const [created, ...rest] = row.events;
      assert(created?.type === "task.created", "a journal begins with task.created");
      const graph = graphOf(created.definition, source);
      loaded = { graph, ...fold(graph, created, row.at) };
      loaded.add(rest, row.at);
    } else {
      loaded.add(row.events, row.at);
    }
  }
  return loaded && { graph: loaded.graph, state: loaded.state };
}

/** A definition in a journal was checked when the task was created; if it no longer compiles, that is a defect of ours. */
function graphOf(definition: StoredValue, source: JournalSource): Graph {
  const value = "value" in definition ? definition.value : source.value(definition);
  assert(value !== undefined, "a definition is always kept");
  const compiled = compileWorkflow(JSON.stringify(value));
  assert(compiled.ok, "a recorded definition no longer compiles");
  return compiled.value.graph;
}

export class TaskReading {
  readonly #graph: Graph;
  readonly #state: TaskState;
  readonly #source: JournalSource;

  constructor(loaded: Loaded, source: JournalSource) {
    this.#graph = loaded.graph;
    this.#state = loaded.state;
    this.#source = source;
  }

  head(): TaskHead {
    return taskHead(this.#graph, this.#state);
  }

  task(): TaskView {
    const total = this.#graph.steps.length;
    return { ...this.head(), steps: this.steps(0, LIMITS.viewSteps), ...(total > LIMITS.viewSteps && { steps_total: total }) };
  }

  steps(from: number, limit: number): readonly StepView[] {
    return stepViews(this.#graph, this.#state, from, from + limit);
  }

  step(id: string): StepDetail | null {
    const index = this.#graph.indexById.get(id);
    if (index === undefined) return null;
    const { phase } = stepStateAt(this.#state, index);
    const output = phase.status === "completed" ? this.#value(phase.output) : undefined;
    return { ...stepView(this.#graph, this.#state, index), ...(output !== undefined && { output }) };
  }

  hasEnded(): boolean {
    return this.#state.end !== null;
  }

  /** `null` while the task has not ended. */
  result(): ResultReading | null {
    const { end } = this.#state;
    if (end === null) return null;
    const output = end.output === null ? null : this.#value(end.output);
    return output === undefined ? { expired: true } : { status: end.status, output, error: errorView(end.error) };
  }

  /** Up to `limit` events after number `after`. */
  events(after: number, limit: number): readonly EventView[] {
    const views: EventView[] = [];
    for (const row of this.#source.rowsAfter(after)) {
      for (const view of viewsOf(row)) {
        if (view.seq <= after) continue;
        if (views.length === limit) return views;
        views.push(view);
      }
    }
    return views;
  }

  #value(stored: StoredValue): Json | undefined {
    return "value" in stored ? stored.value : this.#source.value(stored);
  }
}

export function viewsOf(row: JournalRow): readonly EventView[] {
  const first = row.seq - row.events.length + 1;
  return row.events.map((event, index) => eventView(event, first + index, row.at));
}
