/**
 * A task in a simulated run: the engine itself, told what the outside would tell it, at the time at which it would. What the
 * engine asks for is done by the clock, so nothing that follows from an input happens while that is taken in.
 */
import type { Command } from "../engine/facts/command.ts";
import type { EventOf, TaskEvent } from "../engine/facts/event.ts";
import type { InputOf, TaskInput } from "../engine/facts/input.ts";
import type { TaskCreated } from "../engine/facts/created.ts";
import { admit } from "../engine/rules/admit.ts";
import { advance } from "../engine/rules/advance.ts";
import { commandsFor } from "../engine/rules/commands.ts";
import { nextHedgeAt, nextWakeAt } from "../engine/rules/wake.ts";
import { begin, evolve } from "../engine/state/evolve.ts";
import { stepNamed, type TaskState } from "../engine/state/state.ts";
import { targetOfStep, type AgentStep, type Step } from "../engine/state/step-state.ts";
import type { World } from "../engine/world.ts";
import type { AskedTarget, AssumedGraph, AssumedNode, AssumedNodeOf } from "./assumed-nodes.ts";
import { ASSUMED, rangeText, timeOf, type Range } from "./assumptions.ts";
import { drawnFrom } from "./assumed-expressions.ts";
import { SimulatedCalls } from "./simulated-calls.ts";
import { childOf } from "./simulated-child.ts";
import type { SimulatedRun } from "./simulated-run.ts";

export class SimulatedTask {
  readonly run: SimulatedRun;
  readonly state: TaskState;
  /** Tasks that its steps have started. */
  readonly children: SimulatedTask[] = [];
  /** The step that started it, and the task of that. */
  readonly parent: { readonly task: SimulatedTask; readonly step: Step } | null;
  readonly #world: { now: number } & World;
  readonly #calls: SimulatedCalls;
  #alarmAt = Number.POSITIVE_INFINITY;
  #steps = 0;
  #signals = 0;

  constructor(run: SimulatedRun, graph: AssumedGraph, created: TaskCreated, parent: SimulatedTask["parent"]) {
    this.run = run;
    this.parent = parent;
    this.state = begin(graph, created, run.clock.now);
    this.#calls = new SimulatedCalls(run, this);
    this.#world = {
      now: run.clock.now,
      agents: run.choices,
      values: VALUES,
      inlinePlaces: run.inlinePlaces,
      // A call by relay and one by queue take as long here.
      relayMostMs: Number.POSITIVE_INFINITY,
      relayFor: () => "one",
      calledAt: (step, attempt) => this.#calls.calledAt(step, attempt),
      childTask: (step, branch) => `${created.task}/${step}/${branch}`,
    };
  }

  get id(): string {
    return this.state.created.task;
  }

  /** Without inputs, time has passed. */
  readonly take = (inputs: readonly TaskInput[]): void => {
    const { state } = this;
    if (state.end !== null) return;
    this.#world.now = this.run.clock.now;
    if (inputs.length === 0) advance(state, this.#world, this.#record);
    for (const input of inputs) {
      const admitted = admit(state, input, this.#world);
      if (!admitted.ok || admitted.value.length === 0) continue;
      this.#record(admitted.value);
      advance(state, this.#world, this.#record);
    }
    this.#keepAlarm();
  };

  /** At once, but after what is going on. */
  takeSoon(input: TaskInput): void {
    this.takeAt(this.run.clock.now, input);
  }

  takeAt(at: number, input: TaskInput): void {
    this.run.clock.at(at, () => this.take([input]));
  }

  #keepAlarm(): void {
    const { state, run } = this;
    run.spend(state.steps.length - this.#steps);
    this.#steps = state.steps.length;
    if (state.end !== null) return run.ended(this);
    const at = Math.min(nextWakeAt(state) ?? Number.POSITIVE_INFINITY, nextHedgeAt(state) ?? Number.POSITIVE_INFINITY);
    if (at < this.#alarmAt) this.#wakeAt(at);
  }

  #wakeAt(at: number): void {
    this.#alarmAt = at;
    this.run.clock.at(at, () => {
      if (this.#alarmAt !== at) return; // there is an earlier one
      this.#alarmAt = Number.POSITIVE_INFINITY;
      this.take([]);
    });
  }

  readonly #record = (facts: readonly TaskEvent[]): void => {
    evolve(this.state, facts, this.#world.now);
    for (let index = 0; index < facts.length; index++) this.#follow(facts[index] as TaskEvent);
  };

  /** What the engine asks for with a fact, and what somebody outside has to do with it. */
  #follow(fact: TaskEvent): void {
    switch (fact.type) {
      case "agent.selected":
      case "step.started":
        return; // most facts are of these kinds, and ask for nothing
      case "attempt.started":
        return this.#calls.start(fact);
      case "step.waiting":
        if (fact.waiting_on.type === "signal") this.#sendSignal(stepNamed(this.state, fact.step));
        if (fact.waiting_on.type === "agent") this.#tellNobody(stepNamed(this.state, fact.step) as AgentStep);
        break;
      case "approval.requested":
        this.#decide(stepNamed(this.state, fact.step), fact);
        break;
      case "step.failed":
        this.run.setting.findings.failed(labelOf(stepNamed(this.state, fact.step)), fact.error);
        break;
      case "step.completed":
        if (fact.degraded !== undefined) this.run.setting.findings.failed(labelOf(stepNamed(this.state, fact.step)), fact.degraded);
        // Most say no more than that an attempt is over.
        if (fact.attempt !== undefined) this.#calls.settled(fact.step, fact.attempt);
        if (fact.cache === undefined && fact.children === undefined) return;
        break;
      default:
    }
    for (const command of commandsFor(fact)) this.#carryOut(command);
  }

  #carryOut(command: Command): void {
    const { run } = this;
    switch (command.type) {
      case "ask_slot":
        return this.#calls.askSlot(command.step, command.attempt, command.agent);
      case "abandon":
        return this.#calls.abandon(command.step, command.attempt);
      case "settled":
        return this.#calls.settled(command.step, command.attempt);
      case "start_child":
        return this.#startChild(command);
      case "cancel_children":
        for (const child of this.children) if (command.tasks.includes(child.id)) child.takeSoon({ type: "cancel" });
        return;
      case "ask_cache":
        return run.cache.ask(this, command.step);
      case "fill_cache":
        return run.cache.fill(this, command.step);
      case "free_cache":
        return run.cache.free(this, command.step);
      case "enter_gate":
        return run.gates.enter(this);
      // What the engine has told already, what nobody asks for here, and what nobody would notice.
      case "dispatch":
      case "ask_slots":
      case "invalidate_cache":
      case "refresh_agents":
      case "steer_children":
    }
  }

  #startChild({ task, step: path, branch }: Extract<Command, { readonly type: "start_child" }>): void {
    const step = stepNamed(this.state, path);
    const child = childOf(this, step, branch, task);
    if ("error" in child) {
      this.takeSoon({ type: "child", task, status: "failed", output: null, error: child.error, failedItems: 0 });
      return;
    }
    const started = new SimulatedTask(this.run, child.graph, child.created, { task: this, step });
    this.children.push(started);
    this.run.clock.at(this.run.clock.now, () => started.take([]));
  }

  /** To the task that started it. */
  outcome(): InputOf<"child"> {
    const { end, created, steps, budget } = this.state;
    const items = created.spread === undefined ? null : (steps[0]?.branches ?? null);
    return {
      type: "child",
      task: created.task,
      status: end?.status ?? "failed",
      output: end?.output ?? null,
      error: items?.error ?? end?.error ?? null,
      failedItems: items?.failed ?? 0,
      ...(budget !== null && { spent: budget.spent }),
    };
  }

  #sendSignal(step: Step): void {
    const { name, timeoutMs, takesMs, payload } = step.node as AssumedNodeOf<"signal">;
    this.run.setting.findings.assumed(labelOf(step), "takes", rangeText(takesMs, "ms"), "when the signal comes is up to who sends it");
    const ms = drawnFrom(takesMs, this.run.chance);
    if (timeoutMs !== null && ms > timeoutMs) return;
    this.takeAt(this.run.clock.now + ms, { type: "signal", name, payload, key: String(this.#signals++) });
  }

  /** People decide; a step that is no approval asks them for more to spend. */
  #decide(step: Step, { approval, quorum }: EventOf<"approval.requested">): void {
    const { findings } = this.run.setting;
    const isOwn = step.node.kind === "approval";
    const { takesMs, approves } = isOwn ? (step.node as AssumedNodeOf<"approval">) : MORE_TO_SPEND;
    const what = isOwn ? "what people decide" : "whether people give it more to spend";
    findings.assumed(labelOf(step), "takes", rangeText(takesMs, "ms"), "when people decide is up to them");
    findings.assumed(labelOf(step), "approves", approves, `${what} is up to them`);
    const at = this.run.clock.now + drawnFrom(takesMs, this.run.chance);
    const decision = this.run.chance.happens(approves) ? "approve" : "reject";
    for (let person = 1; person <= quorum; person++) {
      this.takeAt(at, { type: "decide", approval, decision, by: `person ${person}`, roles: ["admin"] });
    }
  }

  #tellNobody(step: AgentStep): void {
    const target = targetOfStep(step) as AskedTarget;
    this.run.setting.findings.nobody(labelOf(step), step.node.ensemble?.agents ?? 1, target.pool);
  }
}

const MORE_TO_SPEND: { readonly takesMs: Range; readonly approves: number } = {
  takesMs: timeOf(ASSUMED.takes.approval),
  approves: ASSUMED.approves,
};

export const labelOf = ({ node }: Step): string => (node as AssumedNode).label;

/** Nothing is too large, and nothing is kept. */
const VALUES: World["values"] = { read: () => null, stage: () => undefined, write: (value) => ({ value }) };
