/** Given a workflow, when inputs come, then these facts follow: engine tests that read as sentences. */
import { expect } from "vitest";
import { CheckedFold, type WrongEvent } from "../../../src/engine/replay/checked-fold.ts";
import { compileWorkflow } from "../../../src/language/compile.ts";
import { RULES, type Rules } from "../../../src/language/rules.ts";
import type { Failure } from "../../../src/engine/facts/failure.ts";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import type { TaskCreated } from "../../../src/engine/facts/created.ts";
import type { Graph } from "../../../src/language/graph.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { inputsOfPast, pastOf } from "../../../src/engine/rules/past.ts";
import type { Past } from "../../../src/engine/facts/past.ts";
import { replay, type RecordedRow, type Replayed } from "../../../src/engine/replay/replay.ts";
import { statusOf, type TaskState } from "../../../src/engine/state/state.ts";
import { stepStatus } from "../../../src/engine/state/step-state.ts";
import { stepViews } from "../../../src/tasks/views/step-view.ts";
import { create, fold, transition, type Transition } from "../../../src/engine/transition.ts";
import { taskHead } from "../../../src/tasks/views/view.ts";
import { nextWakeAt } from "../../../src/engine/rules/wake.ts";
import type { Target } from "../../../src/language/staffing.ts";
import { LIMITS } from "../../../src/engine/limits.ts";
import { PassedOn } from "../../../src/engine/facts/passed-on.ts";
import { readValue } from "../../../src/engine/facts/value.ts";
import type { AgentChoice, AgentLookup, Choice, DeclaredCaching, Wanted, World } from "../../../src/engine/world.ts";
import { microsOf } from "../../../src/shared/money.ts";
import type { Json } from "../../../src/shared/json.ts";

export type Steps = readonly ({ readonly id: string } & Record<string, unknown>)[];

/** A step that any agent with the capability `work` carries out. */
export function step(id: string, more: Record<string, unknown> = {}): Steps[number] {
  return { id, capability: "work", ...more };
}

export function graphOf(definition: { readonly steps: Steps; readonly output?: unknown }, rules: Rules = RULES): Graph {
  const compiled = compileWorkflow(JSON.stringify(definition), rules);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return compiled.value.graph;
}

export interface Options {
  readonly input?: Json;
  /** The size of the input, where it matters. */
  readonly inputBytes?: number;
  readonly output?: unknown;
  readonly deadlineMs?: number;
  readonly queueTtlMs?: number;
  readonly onNoAgent?: "wait" | "fail";
  readonly failFast?: boolean;
  readonly budget?: TaskCreated["budget"];
  /** Capabilities that nobody offers yet. */
  readonly missing?: readonly string[];
  readonly agent?: Partial<AgentChoice>;
  /** Who offers what is wanted, in order of preference; one agent unless said. */
  readonly agents?: readonly string[];
  /** Those of them that have to be asked for a slot first. */
  readonly limited?: readonly string[];
  /** What calls are expected to cost, in millionths of a dollar. */
  readonly costs?: { readonly [agent: string]: number };
  /** The agents as selection sees them, instead of all these. */
  readonly lookup?: AgentLookup;
  /** What it runs; nothing that is registered unless said. */
  readonly workflow?: TaskCreated["workflow"];
  /** By which it decides; those of today unless said. */
  readonly rules?: Rules;
  /** The task's id, where it matters. */
  readonly id?: string;
  /** What keeps it from beginning. */
  readonly held?: Pick<TaskCreated, "start_at" | "debounce" | "gate">;
  /** What it shares with another task. */
  readonly past?: Past;
}

export const STARTED_AT = 1_000_000;

export function createdEvent(options: Options = {}): TaskCreated {
  return {
    type: "task.created",
    v: 1,
    rules: options.rules ?? RULES,
    tenant: "acme",
    task: options.id ?? "task_1",
    workflow: options.workflow ?? { name: null, version: null },
    definition: { value: null },
    input: { value: options.input ?? {}, ...(options.inputBytes !== undefined && { bytes: options.inputBytes }) },
    priority: 5,
    tags: [],
    ...(options.deadlineMs !== undefined && { deadline_at: STARTED_AT + options.deadlineMs }),
    ...(options.budget && { budget: options.budget }),
    queue_ttl_ms: options.queueTtlMs ?? 3_600_000,
    on_no_agent: options.onNoAgent ?? "wait",
    fail_fast: options.failFast ?? false,
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    origin: "https://orchestrator.example",
    ...options.held,
  };
}

export class Scenario {
  readonly graph: Graph;
  readonly journal: { readonly at: number; readonly events: readonly TaskEvent[] }[] = [];
  readonly missing: Set<string>;
  /** Who offers what is wanted, in order of preference. */
  agents: readonly string[];
  /** What the object says of its own calls, by `step/attempt`. */
  readonly calledAt = new Map<string, number | "in_line">();
  /** What was asked of selection. */
  readonly asked: Target[] = [];
  /** The object has no picture of the agents that is fresh enough. */
  agentsUnknown = false;
  /** What the agents say of keeping results. */
  caching: DeclaredCaching["terms"] = null;
  /** Calls of what is wanted everywhere, and how many were hedges. */
  everywhere = { calls: 0, hedges: 0 };
  now = STARTED_AT;
  last: Transition;
  readonly #agent: AgentChoice;
  #relays = 0;
  readonly #limited: ReadonlySet<string>;
  readonly #costs: { readonly [agent: string]: number };
  readonly #lookup: AgentLookup;
  readonly #recorded = new Map<number, Json>();
  readonly #passedOn = new PassedOn();

  constructor(steps: Steps, options: Options = {}) {
    this.graph = graphOf({ steps, ...("output" in options && { output: options.output }) }, options.rules);
    this.missing = new Set(options.missing);
    const { agent } = options;
    this.agents = options.agents ?? ["agent_1"];
    this.#agent = { agent: "agent_1", way: "inline", expectedLatencyMs: null, needsSlot: false, p95Ms: null, timeoutMs: null, ...agent };
    this.#limited = new Set(options.limited);
    this.#costs = options.costs ?? {};
    this.#lookup = options.lookup ?? {
      choose: (wanted) => this.#choose(wanted),
      find: (agent) => this.#known(agent),
      refusal: () => null,
      caching: () => ({ versions: "", terms: this.caching }),
      hedging: () => this.everywhere,
    };
    const { past } = options;
    this.last = create(this.graph, createdEvent(options), this.world(), past === undefined ? [] : inputsOfPast(past));
    this.journal.push({ at: this.now, events: this.last.events });
  }

  get state(): TaskState {
    return this.last.state;
  }

  get status(): string {
    return statusOf(this.state);
  }

  world(): World {
    return {
      now: this.now,
      agents: this.agentsUnknown ? null : this.#lookup,
      values: {
        read: (recorded) => this.#passedOn.read(recorded, "seq" in recorded ? (this.#recorded.get(recorded.seq) ?? null) : null),
        recorded: (value) => this.#passedOn.placeOf(value),
        stage: (seq, value) => void this.#recorded.set(seq, value),
        write: (value) => {
          const bytes = JSON.stringify(value).length;
          return bytes > LIMITS.residentValueBytes ? { value, bytes } : { value };
        },
      },
      inlinePlaces: 6,
      relayMostMs: 60_000,
      relayFor: () => `relay_${++this.#relays}`,
      calledAt: (step, attempt) => this.calledAt.get(`${step}/${attempt}`) ?? null,
      childTask: (step, branch) => `task_${step}_${branch}`,
    };
  }

  #known(agent: string): AgentChoice {
    const cost_micros = this.#costs[agent];
    return {
      ...this.#agent,
      agent,
      needsSlot: this.#agent.needsSlot || this.#limited.has(agent),
      ...(cost_micros !== undefined && { cost: { cost_micros, tokens: 0 } }),
    };
  }

  /** In order, without those that are out of the question; who is preferred first, those who failed the step last. */
  #choose({ target, count, barred, tried, prefer, selection }: Wanted): Choice {
    this.asked.push(target);
    const isMissing = this.missing.has(target.type === "capability" ? target.capability : target.agent);
    const named = target.type === "agent" ? [target.agent] : this.agents;
    const most = selection.maxCostUsd === null ? Number.POSITIVE_INFINITY : microsOf(selection.maxCostUsd);
    const eligible = isMissing ? [] : named.filter((agent) => !barred.has(agent) && (this.#costs[agent] ?? 0) <= most);
    const rank = (agent: string): number => (agent === prefer ? 0 : tried.has(agent) ? 2 : 1);
    const order = eligible.toSorted((a, b) => rank(a) - rank(b));
    const agents = order.slice(0, count).map((agent) => this.#known(agent));
    const chosen = agents.map(({ agent }) => ({ agent, verdict: "chosen" as const }));
    const declined = named.filter((agent) => barred.get(agent) === "declined").map((agent) => ({ agent, verdict: "declined" as const }));
    const candidates = [...chosen, ...declined];
    return { agents, receipt: { policy: selection.policy, candidates } };
  }

  /** Inputs of one flush. */
  when(...inputs: readonly TaskInput[]): this {
    this.last = transition(this.state, inputs, this.world());
    this.journal.push({ at: this.now, events: this.last.events });
    return this;
  }

  /** Time passes and the alarm rings. */
  after(ms: number): this {
    this.now += ms;
    return this.when({ type: "wake" });
  }

  /** Time passes until the task wakes by itself. */
  untilWake(): this {
    const wakeAt = nextWakeAt(this.state);
    expect(wakeAt, "the task has nothing to wake for").not.toBeNull();
    return this.after((wakeAt as number) - this.now);
  }

  /** The facts of the last flush, e.g. `attempt.started b#1`; why an agent was chosen goes without saying. */
  then(...facts: readonly string[]): this {
    expect(this.last.events.filter((event) => event.type !== "agent.selected").map(factOf)).toEqual(facts);
    return this;
  }

  /** Statuses of all steps: the workflow's own in its order, then those inside them as they were opened. */
  steps(): readonly string[] {
    return this.state.steps.map(stepStatus);
  }

  view() {
    return { ...taskHead(this.state), steps: stepViews(this.state, 0, this.state.steps.length) };
  }

  /** What a task that shares its past would be given; `again`: the step that is done again, and what depends on it. */
  past(again: string | null = null): Past {
    const events = this.journal.flatMap((row) => row.events);
    const step = again === null ? undefined : this.state.stepByPath.get(again);
    const { values } = this.world();
    return pastOf(this.state, events, step === undefined ? [] : [step], values, (stored) => readValue(stored, values));
  }

  /** Its journal as it is stored: rows by the number of their last event. */
  rows(): readonly RecordedRow[] {
    let seq = 0;
    return this.journal.filter(({ events }) => events.length > 0).map(({ at, events }) => ({ seq: (seq += events.length), at, events }));
  }

  /** Its journal, played again by nobody but the engine. */
  replayed(rows: readonly RecordedRow[] = this.rows()): Replayed {
    return replay(this.graph, rows[0]?.events[0] as TaskCreated, rows, (recorded) => this.world().values.read(recorded));
  }

  /** Its journal, folded by whoever does not trust it. */
  checked(rows: readonly RecordedRow[] = this.rows()): { readonly wrong: WrongEvent | null; readonly state: TaskState } {
    const [created, ...rest] = rows.flatMap(({ at, events }) => events.map((event) => ({ at, event })));
    const fold = new CheckedFold(this.graph, created?.event as TaskCreated, STARTED_AT);
    for (const { at, event } of rest) {
      const wrong = fold.add([event], at);
      if (wrong !== null) return { wrong, state: fold.state };
    }
    return { wrong: null, state: fold.state };
  }

  /** The same task, rebuilt from its journal. */
  rebuilt(): TaskState {
    const [first, ...rest] = this.journal;
    const [created, ...others] = (first as (typeof this.journal)[number]).events;
    const folded = fold(this.graph, created as TaskCreated, STARTED_AT);
    folded.add(others, STARTED_AT);
    for (const { at, events } of rest) folded.add(events, at);
    return folded.state;
  }
}

export function given(steps: Steps, options: Options = {}): Scenario {
  return new Scenario(steps, options);
}

export const completes = (id: string, output: Json = { done: id }, attempt = 1): TaskInput => ({
  type: "complete",
  step: id,
  attempt,
  output: { value: output },
});
export const fails = (id: string, error: Partial<Failure> = {}, attempt = 1): TaskInput => ({
  type: "fail",
  step: id,
  attempt,
  error: { code: "boom", message: "it broke", retryable: true, ...error },
});
export const failsForGood = (id: string, attempt = 1): TaskInput => fails(id, { retryable: false }, attempt);

export function factOf(event: TaskEvent): string {
  const attempt = "attempt" in event && event.attempt !== undefined ? `#${event.attempt}` : "";
  const branch = "branch" in event ? `[${event.branch}]` : "";
  const place = "step" in event ? ` ${event.step}${attempt}${branch}` : "name" in event ? ` ${event.name}` : "";
  const detail = "reason" in event && event.reason !== undefined ? ` (${event.reason})` : "error" in event ? ` (${event.error.code})` : "";
  return `${event.type}${place}${detail}`;
}

export const decides = (
  approval: number,
  decision: "approve" | "reject",
  more: { readonly payload?: Json; readonly by?: string } = {},
): TaskInput => ({
  type: "decide",
  approval,
  decision,
  by: "key_1",
  roles: ["admin"],
  ...more,
});
