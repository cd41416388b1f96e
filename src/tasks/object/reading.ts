/** Answers questions about a task from its journal, be it the object's or an archived one. */
import { assert } from "../../shared/result.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { approvalDetail, type ApprovalDetail } from "../views/approval-view.ts";
import { compileWorkflow } from "../../language/compile.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { Receipt } from "../../engine/facts/receipt.ts";
import { eventView, type EventView } from "../views/event-view.ts";
import type { Graph } from "../../language/graph.ts";
import { hasSaid } from "../../engine/kinds/approval.ts";
import { graphOfPart } from "../../language/part-graph.ts";
import { approvalNumbered, stepAt, type TaskState } from "../../engine/state/state.ts";
import { fold } from "../../engine/transition.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import { whyOf } from "../views/why.ts";
import { stepViews, type StepView } from "../views/step-view.ts";
import { degradedSteps, taskHead, type TaskHead, type TaskResult } from "../views/view.ts";
import { errorView } from "../views/waiting-view.ts";
import type { ApprovalDecision } from "../contract.ts";
import type { JournalRow, JournalSource } from "./journal.ts";

export interface TaskView extends TaskHead {
  readonly steps: readonly StepView[];
  /** How many steps there are, where not all are shown. */
  readonly steps_total?: number;
}

export interface StepDetail extends StepView {
  readonly output?: Json;
  /** Every choice of an agent, in order. */
  readonly selections?: readonly SelectionView[];
}

export interface SelectionView {
  readonly attempt: number;
  readonly agent: string;
  readonly why: string;
  readonly receipt: Receipt;
}

/** A result whose value is kept no longer has `expired`. */
export type ResultReading = TaskResult | { readonly expired: true };

export interface Loaded {
  readonly state: TaskState;
}

/** Rebuilds a task from its journal, as it stood after event `last`; `null` when there is none. */
export function loadTask(source: JournalSource, last = Number.POSITIVE_INFINITY): Loaded | null {
  let loaded: ReturnType<typeof fold> | null = null;
  for (const row of source.rowsAfter(0)) {
    const first = row.seq - row.events.length + 1;
    if (first > last) break;
    const events = row.seq > last ? row.events.slice(0, last - first + 1) : row.events;
    if (loaded === null) {
      const [created, ...rest] = events;
      assert(created?.type === "task.created", "a journal begins with task.created");
      loaded = fold(graphOf(created, source), created, row.at);
      loaded.add(rest, row.at);
    } else {
      loaded.add(events, row.at);
    }
  }
  return loaded && { state: loaded.state };
}

/** The first fact, with its values: a state keeps none of them. */
export function createdIn(source: JournalSource): TaskCreated {
  const created = source.rowWith(1)?.events[0];
  assert(created?.type === "task.created", "a journal begins with task.created");
  return created;
}

/** A definition in a journal was checked when the task was created; if it no longer compiles, that is a defect of ours. */
export function graphOf({ definition, spread }: TaskCreated, source: JournalSource): Graph {
  const value = "value" in definition ? definition.value : source.value(definition);
  assert(value !== undefined, "a definition is always kept");
  const compiled = compileWorkflow(JSON.stringify(value));
  assert(compiled.ok, "a recorded definition no longer compiles");
  return graphFor(compiled.value.graph, spread?.path ?? null);
}

/** Of the whole workflow, or of one of its maps. */
export function graphFor(graph: Graph, part: readonly string[] | null): Graph {
  const found = part === null ? graph : graphOfPart(graph, part);
  assert(found !== null, "a part of a workflow that is not there");
  return found;
}

export class TaskReading {
  readonly #state: TaskState;
  readonly #source: JournalSource;

  constructor(loaded: Loaded, source: JournalSource) {
    this.#state = loaded.state;
    this.#source = source;
  }

  head(): TaskHead {
    return taskHead(this.#state);
  }

  task(): TaskView {
    const total = this.#state.steps.length;
    return { ...this.head(), steps: this.steps(0, LIMITS.viewSteps), ...(total > LIMITS.viewSteps && { steps_total: total }) };
  }

  steps(from: number, limit: number): readonly StepView[] {
    const views = stepViews(this.#state, from, from + limit);
    return this.#withReasons(views, from);
  }

  /** With the receipts, which are in the journal: those of one row are read together. */
  #withReasons(views: readonly StepView[], from: number): readonly StepView[] {
    const wanted = views.flatMap((_, index): readonly (readonly [seq: number, index: number])[] => {
      const step = stepAt(this.#state, from + index);
      const seq = step.phase.status === "waiting" ? step.phase.seq : step.selections?.at(-1);
      return seq === undefined ? [] : [[seq, index]];
    });
    const explained = [...views];
    const events = new EventLookup(this.#source);
    for (const [seq, index] of wanted.toSorted(([a], [b]) => a - b)) {
      explained[index] = withReason(views[index] as StepView, events.at(seq));
    }
    return explained;
  }

  step(id: string): StepDetail | null {
    const step = this.#state.stepByPath.get(id);
    if (step === undefined) return null;
    const { phase, index } = step;
    const output = phase.status === "completed" ? this.#value(phase.output) : undefined;
    const [view] = this.steps(index, 1) as readonly [StepView];
    const selections = this.#selections(index);
    return { ...view, ...(selections.length > 0 && { selections }), ...(output !== undefined && { output }) };
  }

  #selections(index: number): readonly SelectionView[] {
    const events = new EventLookup(this.#source);
    return (stepAt(this.#state, index).selections ?? []).flatMap((seq): readonly SelectionView[] => {
      const event = events.at(seq);
      if (event?.type !== "agent.selected") return [];
      const { attempt, agent, receipt } = event;
      return [{ attempt, agent, why: whyOf(receipt), receipt }];
    });
  }

  approval(number: number): ApprovalDetail | null {
    return approvalDetail(this.#state, number, (stored) => this.#value(stored));
  }

  /** Whether somebody has said just this on an approval already. */
  hasSaid(number: number, word: ApprovalDecision): boolean {
    const asked = approvalNumbered(this.#state, number);
    return asked !== null && hasSaid(asked, word);
  }

  /** A question about the whole of it. */
  of<T>(question: (loaded: Loaded, source: JournalSource) => T): T {
    return question({ state: this.#state }, this.#source);
  }

  hasEnded(): boolean {
    return this.#state.end !== null;
  }

  /** `null` while the task has not ended. */
  result(): ResultReading | null {
    const { end } = this.#state;
    if (end === null) return null;
    const output = end.output === null ? null : this.#value(end.output);
    if (output === undefined) return { expired: true };
    const degraded = degradedSteps(this.#state);
    const more = { ...(degraded.length > 0 && { degraded }), ...(this.#state.isPartial && { partial: true as const }) };
    return { status: end.status, output, error: errorView(end.error), ...more };
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

/** Single events by number; those asked for in order cost one reading of each row. */
class EventLookup {
  readonly #source: JournalSource;
  #row: JournalRow | undefined;

  constructor(source: JournalSource) {
    this.#source = source;
  }

  at(seq: number): TaskEvent | undefined {
    const isInRow = this.#row !== undefined && seq <= this.#row.seq && seq > this.#row.seq - this.#row.events.length;
    if (!isInRow) this.#row = this.#source.rowWith(seq);
    return this.#row?.events[this.#row.events.length - 1 - (this.#row.seq - seq)];
  }
}

/** Why a step has this agent, or none yet. */
function withReason(view: StepView, event: TaskEvent | undefined): StepView {
  if (event?.type === "agent.selected") return { ...view, why: whyOf(event.receipt), receipt: event.receipt };
  if (event?.type !== "step.waiting" || !("receipt" in event) || event.receipt === undefined || view.waiting_on === undefined) return view;
  return { ...view, waiting_on: { ...view.waiting_on, why: whyOf(event.receipt) }, receipt: event.receipt };
}

export function viewsOf(row: JournalRow): readonly EventView[] {
  const first = row.seq - row.events.length + 1;
  return row.events.map((event, index) => eventView(event, first + index, row.at));
}
