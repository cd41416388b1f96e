/** Answers questions about a task from its journal, be it the object's or an archived one. */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { approvalDetail, type ApprovalDetail } from "../views/approval-view.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import { eventView, isLastEvent, type EventView } from "../views/event-view.ts";
import { hasSaid } from "../../engine/rules/decisions.ts";
import { approvalNumbered, stepAt, type TaskState } from "../../engine/state/state.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import type { Apart, ResultReading, SelectionView, StepDetail, TaskView } from "../views/task-view.ts";
import { whyOf } from "../../agents/selection/why.ts";
import { stepViews, type StepView } from "../views/step-view.ts";
import { degradedSteps, taskHead, type TaskHead } from "../views/view.ts";
import { errorView } from "../views/waiting-view.ts";
import type { ApprovalDecision } from "../messages.ts";
import type { JournalRow, JournalSource } from "./journal-source.ts";
import type { Loaded } from "./load.ts";

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

  /** `apart`: a large output is not read; it is said where it is. */
  step(id: string, apart = false): (StepDetail & Apart) | null {
    const step = this.#state.stepByPath.get(id);
    if (step === undefined) return null;
    const { phase, index } = step;
    const output = phase.status === "completed" ? this.#output(phase.output, apart) : undefined;
    const [view] = this.steps(index, 1) as readonly [StepView];
    const selections = this.#selections(index);
    return { ...view, ...(selections.length > 0 && { selections }), ...output };
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

  /** `null` also for who reads it by a link that was withdrawn. */
  approval(number: number, link?: string): ApprovalDetail | null {
    if (link !== undefined && approvalNumbered(this.#state, number)?.withdrawn.includes(link) === true) return null;
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

  /** The number of the event with which it ended; `null` while it goes on. What follows is about its history alone. */
  lastSeq(): number | null {
    if (this.#state.end === null) return null;
    const { seq } = this.#state;
    return this.events(Math.max(0, seq - LAST_EVENTS), LAST_EVENTS).findLast(isLastEvent)?.seq ?? seq;
  }

  /** `null` while the task has not ended. `apart`: as for a step. */
  result(apart = false): ResultReading | null {
    const { end } = this.#state;
    if (end === null) return null;
    const made = end.output === null ? { output: null } : this.#output(end.output, apart);
    if (made === undefined) return { expired: true };
    const degraded = degradedSteps(this.#state);
    const more = { ...(degraded.length > 0 && { degraded }), ...(this.#state.isPartial && { partial: true as const }) };
    const { output, ...large } = made;
    return { status: end.status, output, error: errorView(end.error), ...more, ...large };
  }

  /** Up to `limit` events after number `after`. */
  events(after: number, limit: number): readonly EventView[] {
    const views: EventView[] = [];
    for (const row of this.#source.rowsAfter(after)) {
      for (const view of viewsOf(row, this.#state.created)) {
        if (view.seq <= after) continue;
        if (views.length === limit) return views;
        views.push(view);
      }
    }
    return views;
  }

  #output(stored: StoredValue, apart: boolean): ({ readonly output: Json } & Apart) | undefined {
    const isLarge = apart && !("value" in stored) && stored.bytes > LIMITS.valueChunkBytes;
    const place = isLarge ? this.#source.payloadOf?.(stored) : undefined;
    if (place) return { output: null, large: { payload: place.payload, bytes: place.bytes, life: this.#state.createdAt } };
    const output = this.#value(stored);
    return output === undefined ? undefined : { output };
  }

  #value(stored: StoredValue): Json | undefined {
    return "value" in stored ? stored.value : this.#source.value(stored);
  }
}

/** Among so many at the end of a journal is the one with which the task ended. */
const LAST_EVENTS = 10;

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

export function viewsOf(row: JournalRow, created: TaskCreated): readonly EventView[] {
  const first = row.seq - row.events.length + 1;
  return row.events.map((event, index) => eventView(event, first + index, row.at, created));
}
