/**
 * One simulated run of a plan: nothing is computed and nobody is asked, but everything takes its time, in the order in which
 * it would. What it came to is read from it afterwards.
 */
import { decide } from "../engine/rules/run-if.ts";
import { LIMITS } from "./limits.ts";
import { startAgent } from "./agent-work.ts";
import type { Chance } from "./chance.ts";
import { Choices } from "./choices.ts";
import { Clock } from "./clock.ts";
import { PART_COUNTS, TASK_COUNTS } from "./counts.ts";
import { AgentRun } from "./crew-run.ts";
import { DispatchRun } from "./dispatch-run.ts";
import type { Findings } from "./findings.ts";
import { isWanted, type Frame, type Instance } from "./frame.ts";
import { branchEnded, openRoot, startKind } from "./kinds.ts";
import type { Knowledge, Question, Surrounding } from "./known.ts";
import { Ledger } from "./ledger.ts";
import { answerFor } from "./outputs.ts";
import type { CrewMember, Plan, PlanBlock } from "./plan.ts";
import { Processor } from "./processor.ts";
import type { Surroundings, WayBetween, Work } from "./surroundings.ts";
import { TaskRun } from "./task-run.ts";

/** What all runs of an estimate have in common. */
export interface Setting {
  readonly plan: Plan;
  readonly knowledge: Knowledge;
  readonly surrounding: Surrounding;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
  /** Whether calls that bring nothing are paid for; `null` where nobody says. */
  readonly paysForFailures: boolean | null;
  /** When the task is submitted. */
  readonly startedAt: number;
}

/** Thrown where one run has more steps than are simulated. */
export class RunTooLong extends Error {}

export type RunStatus = "completed" | "failed" | "timed_out";

export class Run {
  readonly clock = new Clock();
  readonly chance: Chance;
  readonly ledger: Ledger;
  readonly choices: Choices;
  readonly dispatches = new DispatchRun(this);
  readonly setting: Setting;
  /** Simulated so far: steps, and every attempt at one. */
  steps = 0;
  ended: { readonly at: number; readonly status: RunStatus } | null = null;
  root: Frame | null = null;
  /** How much slower all agents are than they were. */
  readonly agentsSpeed: number;
  readonly #speed: number;
  readonly #machine = new Processor();
  readonly #agents: AgentRun[] = [];
  readonly #toDecide: Instance[] = [];
  readonly #toConclude: Frame[] = [];

  constructor(setting: Setting, chance: Chance) {
    this.setting = setting;
    this.chance = chance;
    this.choices = new Choices(chance);
    this.ledger = new Ledger(setting.paysForFailures ?? chance.happens(0.5));
    this.agentsSpeed = chance.factor(setting.surroundings.agentsDoubt);
    this.#speed = chance.factor(setting.surroundings.speedDoubt);
  }

  begin(): void {
    const { plan, surrounding } = this.setting;
    plan.crew.forEach(({ inFlight, waiting, limits }, index) => {
      if (limits !== null && inFlight + waiting > 0) this.agent(index);
    });
    this.ledger.counts.workerRequests++;
    const task = this.#begin(0, false, () => {
      openRoot(this, task, plan.root, { owner: null, surrounding });
      this.root = task.root;
    });
    if (plan.deadlineMs !== null) this.clock.at(plan.deadlineMs, () => this.#end("timed_out"));
  }

  /** Whether it has ended, after so many steps more at most. Where nothing happens any more it has failed. */
  goOn(steps = Number.POSITIVE_INFINITY): boolean {
    const until = this.steps + steps;
    while (this.ended === null && this.steps < until) {
      if (this.clock.step()) this.#follow();
      else this.#end("failed");
    }
    if (this.ended === null) return false;
    this.#putAway(this.ended.at);
    return true;
  }

  #putAway(at: number): void {
    const isLasting = at > LIMITS.historyQuietMs;
    const { counts, agents } = this.ledger;
    counts.d1Rows += TASK_COUNTS.d1Rows + (isLasting ? TASK_COUNTS.lastingD1Rows : 0);
    // A status row, and what became known of each agent.
    counts.messages += (isLasting ? 1 : 0) + agents;
    counts.awakeMs += LIMITS.archiveDelayMs;
  }

  // --- What takes time ---

  msOf(work: Work): number {
    return this.setting.surroundings.work[work].draw(this.chance.unit()) * this.#speed;
  }

  way(between: WayBetween): number {
    return this.setting.surroundings.way[between].draw(this.chance.unit()) * this.#speed;
  }

  /** The alarm is set, goes off, and something follows: two rows and a request. */
  wakeIn(task: TaskRun, ms: number, act: () => void): void {
    this.ledger.counts.rows += 2;
    this.ledger.counts.objectRequests++;
    this.clock.at(this.clock.now + ms + this.way("alarm"), () => this.clock.at(task.does("timer"), act));
  }

  // --- Blocks and steps ---

  mayOpen(task: TaskRun, block: PlanBlock, frames: number): boolean {
    return task.steps + frames * block.steps.length <= LIMITS.stepsOfTask;
  }

  open(frame: Frame): void {
    this.spend(frame.steps.length);
    frame.task.steps += frame.steps.length;
    for (const instance of frame.steps) if (instance.step.needs === 0) this.#toDecide.push(instance);
  }

  /** What takes time to simulate. */
  spend(steps: number): void {
    this.steps += steps;
    if (this.steps > LIMITS.estimateRunSteps) throw new RunTooLong("One run would have more steps and attempts than are simulated");
  }

  settle(instance: Instance, status: "completed" | "failed" | "skipped"): void {
    if (instance.status !== "pending" && instance.status !== "running") return;
    const { step, frame } = instance;
    const hasFallback = status === "failed" && typeof step.onError !== "string";
    instance.status = hasFallback ? "completed" : status;
    instance.isFallback = hasFallback;
    instance.endedAt = this.clock.now;
    if (instance.status === "failed" && step.onError === "fail") frame.hasFailed = true;
    frame.last = instance;
    for (const index of step.dependents) {
      const dependent = frame.steps[index] as Instance;
      dependent.unsettled--;
      if (instance.status === "completed") dependent.completed++;
      else if (instance.status === "failed") dependent.failed++;
      else dependent.absent++;
      if (dependent.status !== "pending") continue;
      dependent.freedBy = instance;
      dependent.freedAt = this.clock.now;
      this.#toDecide.push(dependent);
    }
    if (--frame.unsettled === 0) this.#toConclude.push(frame);
  }

  /** A step that ends the task it is in. */
  endTask(task: TaskRun, status: "completed" | "failed"): void {
    const { root } = task;
    if (root === null || task.hasEnded) return;
    root.hasFailed = status === "failed";
    this.#conclude(root);
    root.isOver = true;
  }

  tooManySteps(instance: Instance): void {
    const message = `Its task would have more than ${LIMITS.stepsOfTask} steps, those of items and iterations included, and fails`;
    this.setting.findings.warn({ code: "too_many_steps", step: instance.step.name, message });
    this.settle(instance, "failed");
  }

  failExpression(instance: Instance, { field }: Question, message: string): void {
    const { name } = instance.step;
    this.setting.findings.warn({ code: "expression_error", step: name, message: `"${field}" fails with this input: ${message}` });
    this.settle(instance, "failed");
  }

  agent(index: number): AgentRun {
    return (this.#agents[index] ??= new AgentRun(this, this.setting.plan.crew[index] as CrewMember));
  }

  // --- Tasks ---

  /** A task that a step starts: it is told, makes itself ready, and begins. */
  startChild(parent: TaskRun, isPart: boolean, begins: (task: TaskRun) => void): void {
    this.ledger.counts.objectRequests += 2;
    this.clock.at(parent.does("child") + this.way("object"), () => {
      const task = this.#begin(parent.depth + 1, isPart, () => begins(task));
    });
  }

  /** It has ended, and tells the task that started it. */
  endChild(child: TaskRun, parent: TaskRun, told: () => void): void {
    child.hasEnded = true;
    this.ledger.counts.awakeMs += LIMITS.archiveDelayMs;
    if (!child.isPart) this.ledger.counts.d1Rows += TASK_COUNTS.d1Rows;
    this.clock.at(child.does("end") + this.way("object"), () => parent.record(parent.does("reply"), true, told));
  }

  #begin(depth: number, isPart: boolean, begins: () => void): TaskRun {
    const { rows, objectRequests } = isPart ? PART_COUNTS : TASK_COUNTS;
    this.ledger.counts.rows += rows;
    this.ledger.counts.objectRequests += objectRequests;
    const task = new TaskRun(this, this.setting.surroundings.isOneMachine ? this.#machine : new Processor(), depth, isPart);
    this.clock.at(task.does("begin"), begins);
    return task;
  }

  #end(status: RunStatus): void {
    this.ended ??= { at: this.clock.now, status };
  }

  /** Everything that follows now, without time passing. */
  #follow(): void {
    for (;;) {
      // In the order in which they were freed.
      for (let at = 0; at < this.#toDecide.length; at++) this.#decide(this.#toDecide[at] as Instance);
      this.#toDecide.length = 0;
      const frame = this.#toConclude.pop();
      if (frame === undefined) return;
      this.#conclude(frame);
    }
  }

  #decide(instance: Instance): void {
    const { step } = instance;
    if (instance.status !== "pending" || !isWanted(instance)) return;
    const verdict = step.needs === 0 ? "run" : decide(step.runIf, instance);
    if (verdict === "undecided") return;
    if (verdict === "skip" || !this.#holds(instance)) return this.settle(instance, "skipped");
    if (instance.status !== "pending") return; // it failed of its condition
    instance.status = "running";
    if (step.kind === "agent") startAgent(this, instance);
    else startKind(this, instance);
  }

  #holds(instance: Instance): boolean {
    const { when, whenShare, name } = instance.step;
    if (when === null) return true;
    const answer = answerFor(this, when, instance.frame);
    if (answer.type === "failed") {
      this.failExpression(instance, when, answer.message);
      return true;
    }
    if (answer.type === "known") return answer.value === true;
    this.setting.findings.assumed(name, "when", whenShare, answer);
    return this.chance.happens(whenShare);
  }

  #conclude(frame: Frame): void {
    const { owner, task } = frame;
    if (frame.isOver || task.hasEnded) return;
    frame.endedAt = this.clock.now;
    if (owner === null) {
      task.hasEnded = true;
      const status = frame.hasFailed ? "failed" : "completed";
      return this.clock.at(task.does("end"), () => this.#end(status));
    }
    if (owner.step.kind === "workflow") return this.endChild(task, owner.frame.task, () => branchEnded(this, owner, frame));
    branchEnded(this, owner, frame);
  }
}
