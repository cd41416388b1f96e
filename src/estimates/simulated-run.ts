/**
 * One simulated run of a task: the engine, in a world in which nothing is computed and nobody is asked, but everything takes
 * its time, in the order in which it would. What it came to is read from it afterwards.
 */
import type { TaskCreated } from "../engine/facts/created.ts";
import type { EndStatus } from "../engine/facts/event.ts";
import type { TaskBudget } from "../language/budget-definition.ts";
import { DEFAULTS } from "../shared/limits.ts";
import type { Json } from "../shared/json.ts";
import type { AssumedNodeOf, AssumedTask, KnownAgent } from "./assumed-nodes.ts";
import type { Chance } from "./chance.ts";
import { Choices } from "./choices.ts";
import { Clock } from "./clock.ts";
import type { Findings } from "./findings.ts";
import { AGENTS_DOUBT } from "./figures.ts";
import type { Knowledge } from "./known.ts";
import { LIMITS } from "./limits.ts";
import type { Member } from "./pool.ts";
import { SimulatedAgent, type Call } from "./simulated-agent.ts";
import { SimulatedCache, SimulatedGates } from "./simulated-sharing.ts";
import { SimulatedTask } from "./simulated-task.ts";

/** What all runs of an estimate have in common. */
export interface Setting {
  readonly task: AssumedTask;
  readonly knowledge: Knowledge;
  readonly findings: Findings;
  readonly input: Json;
  /** How many agents a task awaits itself at once. */
  readonly inlinePlaces: number;
  readonly deadlineMs: number | null;
  /** What its workflow allows it to spend. */
  readonly budget: TaskBudget | undefined;
  /** Whether calls that bring nothing are paid for; `null` where nobody says. */
  readonly paysForFailures: boolean | null;
  /** When the task is submitted. */
  readonly startedAt: number;
}

/** Thrown where one run has more steps than are simulated. */
export class RunTooLong extends Error {}

export class SimulatedRun {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly choices: Choices;
  readonly setting: Setting;
  readonly inlinePlaces: number;
  readonly cache = new SimulatedCache();
  readonly gates = new SimulatedGates();
  /** How much slower all agents are than they were. */
  readonly agentsSpeed: number;
  readonly root: SimulatedTask;
  /** Simulated so far: steps, and every attempt at one. */
  steps = 0;
  end: { readonly at: number; readonly status: EndStatus } | null = null;
  calls = 0;
  costUsd = 0;
  tokens = 0;
  /** By place of the step, and by agent. */
  readonly costByPlace: number[] = [];
  readonly callsByAgent: number[] = [];
  readonly costByAgent: number[] = [];
  readonly #paysForFailures: boolean;
  readonly #agents: SimulatedAgent[] = [];

  /** `number` of the run: what the engine does by chance it does by the task's id. */
  constructor(setting: Setting, chance: Chance, number: number) {
    this.setting = setting;
    this.chance = chance;
    this.clock = new Clock(setting.startedAt);
    this.inlinePlaces = setting.inlinePlaces;
    this.choices = new Choices(chance);
    this.#paysForFailures = setting.paysForFailures ?? chance.happens(0.5);
    this.agentsSpeed = chance.factor(AGENTS_DOUBT);
    const { task, input, deadlineMs, budget, startedAt } = setting;
    const created: TaskCreated = {
      ...CREATED,
      task: `run ${number}`,
      input: { value: input },
      ...(deadlineMs !== null && { deadline_at: startedAt + deadlineMs }),
      ...(budget && { budget }),
    };
    this.root = new SimulatedTask(this, task.graph, created, null);
    task.agents.forEach(({ inFlight, waiting, limits }, index) => {
      if (limits !== null && inFlight + waiting > 0) this.agent(index);
    });
    this.clock.at(this.clock.now, () => this.root.take([]));
  }

  /** Whether it has ended, after so many steps more at most. Where nothing happens any more it has failed. */
  goOn(steps = Number.POSITIVE_INFINITY): boolean {
    const until = this.steps + steps;
    while (this.end === null && this.steps < until) {
      if (!this.clock.step()) this.end = { at: this.clock.now, status: "failed" };
    }
    return this.end !== null;
  }

  get durationMs(): number {
    return (this.end?.at ?? this.clock.now) - this.setting.startedAt;
  }

  /** What takes time to simulate. */
  spend(steps: number): void {
    this.steps += steps;
    if (this.steps > LIMITS.estimateRunSteps) throw new RunTooLong("One run would have more steps and attempts than are simulated");
  }

  agent(index: number): SimulatedAgent {
    return (this.#agents[index] ??= new SimulatedAgent(this, index, this.setting.task.agents[index] as KnownAgent));
  }

  pay({ place }: Pick<AssumedNodeOf<"agent">, "place">, { agent }: Member, { costUsd, tokens }: Call, isUseful: boolean): void {
    this.callsByAgent[agent] = (this.callsByAgent[agent] ?? 0) + 1;
    if (!isUseful && !this.#paysForFailures) return;
    this.costUsd += costUsd;
    this.tokens += tokens;
    this.costByPlace[place] = (this.costByPlace[place] ?? 0) + costUsd;
    this.costByAgent[agent] = (this.costByAgent[agent] ?? 0) + costUsd;
  }

  ended(task: SimulatedTask): void {
    this.gates.leave(task);
    const { state, parent } = task;
    if (parent !== null) return parent.task.takeSoon(task.outcome());
    this.end ??= { at: this.clock.now, status: state.end?.status ?? "failed" };
  }
}

const CREATED: TaskCreated = {
  type: "task.created",
  v: 1,
  tenant: "",
  task: "",
  workflow: { name: null, version: null },
  definition: { value: null },
  input: { value: null },
  priority: DEFAULTS.priority,
  tags: [],
  queue_ttl_ms: DEFAULTS.queueTtlMs,
  on_no_agent: "wait",
  fail_fast: false,
  traceparent: "",
  origin: "",
};
