/**
 * The attempts of a task in a simulated run, from the engine's word that one begins to its reply: in line for its agent and
 * for one of the few places of those that the task awaits itself, under way, over.
 *
 * C1. At most `inlinePlaces` calls are awaited at once; the others line up, those that hold a slot of their agent first.
 * C2. A reply is recorded at once when nothing else is in flight or it moves the task on, else with others a moment later.
 */
import type { EventOf } from "../engine/facts/event.ts";
import type { Failure } from "../engine/facts/failure.ts";
import type { TaskInput } from "../engine/facts/input.ts";
import { attemptTimeoutMs } from "../engine/rules/attempt.ts";
import { unlocksSomething } from "../engine/rules/urgency.ts";
import { stepNamed, type TaskState } from "../engine/state/state.ts";
import { targetOfStep, type AgentStep, type Step } from "../engine/state/step-state.ts";
import type { AskedTarget, AssumedNodeOf } from "./assumed-nodes.ts";
import type { FailureClass } from "./figures.ts";
import { LIMITS } from "./limits.ts";
import type { Member } from "./pool.ts";
import type { Call, SimulatedAgent, Waiting } from "./simulated-agent.ts";
import type { SimulatedRun } from "./simulated-run.ts";

interface Attempt {
  readonly step: AgentStep;
  readonly number: number;
  readonly member: Member;
  readonly agent: SimulatedAgent;
  /** What it asks its agent for a slot with. */
  waiting: Waiting | null;
  hasSlot: boolean;
  /** Of the few that the task awaits itself. */
  place: "in_line" | "held" | null;
  calledAt: number | null;
  call: Call | null;
  isOver: boolean;
  /** Another one of the same step. */
  next: Attempt | undefined;
}

/** Those of whose calls it keeps account. */
export interface CallingTask {
  readonly state: TaskState;
  readonly take: (inputs: readonly TaskInput[]) => void;
}

export class SimulatedCalls {
  readonly #run: SimulatedRun;
  readonly #task: CallingTask;
  /** By index of the step; most have one at a time. */
  readonly #live: (Attempt | undefined)[] = [];
  readonly #line: Attempt[] = [];
  #underWay = 0;
  readonly #pending: Attempt[] = [];
  #flushAt: number | null = null;

  constructor(run: SimulatedRun, task: CallingTask) {
    this.#run = run;
    this.#task = task;
  }

  askSlot(path: string, number: number, agent: string): void {
    const attempt = this.#attempt(stepNamed(this.#task.state, path) as AgentStep, number, agent);
    const { clock } = this.#run;
    const isPull = attempt.member.choice.way === "pull";
    attempt.waiting = {
      granted: () => {
        attempt.waiting = null;
        attempt.hasSlot = true;
        clock.at(clock.now, () => {
          if (!attempt.isOver) this.#task.take([{ type: "grant", step: path, attempt: number, isPull }]);
        });
      },
    };
    attempt.agent.join(attempt.waiting);
  }

  start({ step: path, attempt: number, agent, way }: EventOf<"attempt.started">): void {
    const step = stepNamed(this.#task.state, path) as AgentStep;
    const attempt = this.#findIn(step, number) ?? this.#attempt(step, number, agent);
    if (way !== "inline") return this.#call(attempt);
    attempt.place = "in_line";
    const behind = attempt.hasSlot ? this.#line.findIndex(({ hasSlot }) => !hasSlot) : -1;
    if (behind === -1) this.#line.push(attempt);
    else this.#line.splice(behind, 0, attempt);
    this.#fill();
  }

  /** As the engine asks, before it asks a second agent. */
  calledAt(path: string, number: number): number | "in_line" | null {
    const attempt = this.#find(path, number);
    return attempt === undefined ? null : attempt.place === "in_line" ? "in_line" : attempt.calledAt;
  }

  /** Nobody waits for it any more. */
  abandon(path: string, number: number): void {
    const attempt = this.#find(path, number);
    if (attempt === undefined) return;
    if (attempt.call !== null) this.#run.pay(nodeOf(attempt), attempt.member, attempt.call, false);
    this.#end(attempt);
  }

  #find(path: string, number: number): Attempt | undefined {
    return this.#findIn(stepNamed(this.#task.state, path), number);
  }

  #findIn({ index }: Step, number: number): Attempt | undefined {
    let attempt = this.#live[index];
    while (attempt !== undefined && attempt.number !== number) attempt = attempt.next;
    return attempt;
  }

  #attempt(step: AgentStep, number: number, agent: string): Attempt {
    this.#run.spend(1);
    const target = targetOfStep(step) as AskedTarget;
    const member = (target.pool.byId.get(agent) ?? target.cheapest().byId.get(agent)) as Member;
    const attempt: Attempt = {
      step,
      number,
      member,
      agent: this.#run.agent(member.agent),
      waiting: null,
      hasSlot: false,
      place: null,
      calledAt: null,
      call: null,
      isOver: false,
      next: this.#live[step.index],
    };
    this.#live[step.index] = attempt;
    return attempt;
  }

  #fill(): void {
    while (this.#underWay < this.#run.inlinePlaces) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#underWay++;
      next.place = "held";
      this.#call(next);
    }
  }

  #freePlace(attempt: Attempt): void {
    if (attempt.place === "in_line") this.#line.splice(this.#line.indexOf(attempt), 1);
    if (attempt.place === "held") this.#underWay--;
    attempt.place = null;
    this.#fill();
  }

  #call(attempt: Attempt): void {
    const { clock } = this.#run;
    const { step, member } = attempt;
    const limitMs = attemptTimeoutMs(this.#task.state, step, member.choice, clock.now);
    const call = attempt.agent.call(nodeOf(attempt), member.figures, limitMs);
    attempt.call = call;
    attempt.calledAt = clock.now;
    this.#run.calls++;
    clock.at(clock.now + call.ms, () => this.#replied(attempt, call));
  }

  #replied(attempt: Attempt, { failure }: Call): void {
    if (attempt.isOver) return;
    const { state } = this.#task;
    // The next request leaves before this reply is recorded.
    this.#freePlace(attempt);
    const isUrgent = failure !== null || unlocksSomething(state, attempt.step.path, this.#pending.length);
    this.#pending.push(attempt);
    if (state.live <= 1) return this.#flush();
    this.#flushBy(this.#run.clock.now + (isUrgent ? 0 : LIMITS.companyMs));
  }

  #flushBy(at: number): void {
    if (this.#flushAt !== null && this.#flushAt <= at) return;
    this.#flushAt = at;
    this.#run.clock.at(at, () => {
      if (this.#flushAt === at) this.#flush();
    });
  }

  #flush(): void {
    this.#flushAt = null;
    const inputs: TaskInput[] = [];
    for (const { isOver, call, step, number } of this.#pending) {
      if (!isOver && call !== null) inputs.push(this.#inputOf(step, number, call));
    }
    this.#pending.length = 0;
    this.#task.take(inputs);
  }

  #inputOf(step: AgentStep, attempt: number, { ms, failure, costUsd, tokens }: Call): TaskInput {
    if (failure !== null) return { type: "fail", step: step.path, attempt, ms, error: FAILURES[failure] };
    const { reply: output } = step.node as AssumedNodeOf<"agent">;
    // Where nothing limits what it spends, nobody asks.
    if (this.#task.state.budget === null) return { type: "complete", step: step.path, attempt, ms, output };
    return { type: "complete", step: step.path, attempt, ms, output, usage: { cost_usd: costUsd, input_tokens: tokens } };
  }

  /** What it came to is recorded. */
  settled(path: string, number: number): void {
    const attempt = this.#find(path, number);
    if (attempt === undefined || attempt.call === null) return;
    this.#run.pay(nodeOf(attempt), attempt.member, attempt.call, attempt.call.failure === null);
    this.#end(attempt);
  }

  #remove(attempt: Attempt): void {
    const { index } = attempt.step;
    let before = this.#live[index];
    if (before === attempt) {
      this.#live[index] = attempt.next;
      return;
    }
    while (before !== undefined && before.next !== attempt) before = before.next;
    if (before !== undefined) before.next = attempt.next;
  }

  #end(attempt: Attempt): void {
    attempt.isOver = true;
    this.#remove(attempt);
    if (attempt.place !== null) this.#freePlace(attempt);
    if (attempt.waiting !== null) attempt.agent.leaveLine(attempt.waiting);
    if (attempt.hasSlot) attempt.agent.release();
  }
}

const nodeOf = ({ step }: Attempt): AssumedNodeOf<"agent"> => step.node as AssumedNodeOf<"agent">;

const failure = (code: string, retryable = true): Failure => ({ code, message: "as it happens", retryable });
const FAILURES: { readonly [C in FailureClass]: Failure } = {
  timeout: failure("timeout"),
  unavailable: failure("agent_unreachable"),
  invalid: failure("reply_invalid"),
  refused: failure("refused", false),
  throttled: { ...failure("throttled"), status: 429 },
};
