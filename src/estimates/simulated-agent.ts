/**
 * An agent in a simulated run: what its calls come to, and who may use it. How well it does in this run is drawn once; how
 * each call differs from that, at every call.
 */
import type { AgentLimits } from "../agents/agent.ts";
import type { AssumedNodeOf, KnownAgent } from "./assumed-nodes.ts";
import { around, shareBelow } from "./chance.ts";
import { givenPrice, PRIOR, type CallFigures, type FailureClass } from "./figures.ts";
import { LIMITS } from "./limits.ts";
import type { SimulatedRun } from "./simulated-run.ts";

/** What a call came to, and what it cost if it is paid for. */
export interface Call {
  readonly ms: number;
  readonly failure: FailureClass | null;
  readonly costUsd: number;
  readonly tokens: number;
}

/** How it does in one run. */
interface RunFigures {
  readonly latency: number;
  readonly failing: number;
  readonly cost: number;
  /** How long an answered failure takes, against a reply, where none was timed. */
  readonly failure: number;
}

/**
 * What one task asks of an agent is alike, and what one step asks more so: of how calls differ, this share is common to the
 * calls of a task, and this share to those of a step. So a task does not average out what it does not know.
 */
const ALIKE = { inTask: 0.15, inStep: 0.2 };
const ALIKE_WEIGHTS = { task: Math.sqrt(ALIKE.inTask), step: Math.sqrt(ALIKE.inStep), call: Math.sqrt(1 - ALIKE.inTask - ALIKE.inStep) };

/** Somebody in line: one of ours, or a call of another task that takes so long. */
export type Waiting = { readonly granted: () => void } | { readonly ms: number };

export class SimulatedAgent {
  readonly index: number;
  readonly #run: SimulatedRun;
  readonly #limits: AgentLimits | null;
  readonly #figures = new Map<CallFigures, RunFigures>();
  /** By place of the step, how its calls differ from others, in latency and in cost: standard normal deviates; and the task's. */
  readonly #latencies: (number | undefined)[] = [];
  readonly #costs: (number | undefined)[] = [];
  readonly #latency: number;
  readonly #cost: number;
  #held = 0;
  readonly #line: Waiting[] = [];
  #starts: number[] = [];
  #opensAt = 0;

  constructor(run: SimulatedRun, index: number, { limits, inFlight, waiting, usual }: KnownAgent) {
    this.index = index;
    this.#run = run;
    this.#limits = limits;
    this.#latency = ALIKE_WEIGHTS.task * run.chance.normal();
    this.#cost = ALIKE_WEIGHTS.task * run.chance.normal();
    if (limits === null || inFlight + waiting === 0) return;
    run.spend(inFlight + waiting);
    // Who is there already goes first.
    for (let other = 0; other < inFlight; other++) this.#take(this.#callOf(usual) * run.chance.unit());
    for (let other = 0; other < waiting; other++) this.#line.push({ ms: this.#callOf(usual) });
    this.#admit();
  }

  /** Waits for a slot, and is told when it has one. */
  join(waiting: Waiting): void {
    this.#line.push(waiting);
    this.#admit();
  }

  leaveLine(waiting: Waiting): void {
    const at = this.#line.indexOf(waiting);
    if (at !== -1) this.#line.splice(at, 1);
  }

  release(): void {
    this.#held--;
    this.#admit();
  }

  /** What a call that leaves now comes to, at most `limitMs` later. */
  call({ place, assumed }: Pick<AssumedNodeOf<"agent">, "place" | "assumed">, figures: CallFigures, limitMs: number): Call {
    const { chance } = this.#run;
    const inRun = this.#figuresOf(figures);
    const failing = assumed.succeeds === null ? inRun.failing : 1 - assumed.succeeds;
    const latency = this.#latency + this.#ofStep(this.#latencies, place) + ALIKE_WEIGHTS.call * chance.normal();
    const cost = this.#cost + this.#ofStep(this.#costs, place) + ALIKE_WEIGHTS.call * chance.normal();
    const given = givenPrice(figures, assumed);
    const costUsd = given?.costUsd ?? around(figures.costUsd, figures.costDeviation, cost) * inRun.cost;
    const tokens = given?.tokens ?? Math.round(around(figures.tokens, figures.tokensDeviation, cost));
    const replyMs =
      assumed.takesMs === null
        ? figures.latency.draw(shareBelow(latency)) * inRun.latency
        : assumed.takesMs.min + chance.unit() * (assumed.takesMs.max - assumed.takesMs.min);
    if (!chance.happens(failing)) {
      return replyMs > limitMs ? { ms: limitMs, failure: "timeout", costUsd, tokens } : { ms: replyMs, failure: null, costUsd, tokens };
    }
    const failure = this.#failureOf(figures);
    const ms =
      failure === "timeout"
        ? limitMs
        : Math.min(limitMs, figures.failureMs === null ? replyMs * inRun.failure : figures.failureMs * inRun.latency);
    return { ms, failure, costUsd, tokens };
  }

  #callOf(figures: CallFigures): number {
    return figures.latency.draw(this.#run.chance.unit()) * this.#figuresOf(figures).latency;
  }

  #figuresOf(figures: CallFigures): RunFigures {
    let inRun = this.#figures.get(figures);
    if (inRun !== undefined) return inRun;
    const { chance } = this.#run;
    inRun = {
      latency: chance.factor(figures.latencyDoubt) * this.#run.agentsSpeed,
      failing:
        figures.succeeded === Number.POSITIVE_INFINITY
          ? 0
          : chance.share(figures.failed + PRIOR.failed, figures.succeeded + PRIOR.succeeded),
      cost: chance.factor(figures.costDoubt),
      failure: chance.unit(),
    };
    this.#figures.set(figures, inRun);
    return inRun;
  }

  #failureOf({ failures }: CallFigures): FailureClass {
    let left = this.#run.chance.unit();
    for (const [failure, share] of failures) if ((left -= share) < 0) return failure;
    return failures[0]?.[0] ?? "unavailable";
  }

  #ofStep(deviates: (number | undefined)[], place: number): number {
    return (deviates[place] ??= ALIKE_WEIGHTS.step * this.#run.chance.normal());
  }

  #admit(): void {
    const { clock } = this.#run;
    while (this.#line.length > 0 && this.#held < (this.#limits?.maxConcurrency ?? Number.POSITIVE_INFINITY)) {
      const rate = this.#limits?.rate;
      if (rate !== undefined) {
        const oldest = this.#starts[this.#starts.length - rate.count];
        const opensAt = oldest === undefined ? clock.now : oldest + rate.perMs + LIMITS.rateSlackMs;
        if (opensAt > clock.now) return this.#admitAt(opensAt);
        this.#starts.push(clock.now);
        if (this.#starts.length > 2 * rate.count) this.#starts = this.#starts.slice(-rate.count);
      }
      const next = this.#line.shift() as Waiting;
      if ("ms" in next) this.#take(next.ms);
      else {
        this.#held++;
        next.granted();
      }
    }
  }

  #admitAt(at: number): void {
    if (this.#opensAt >= at) return;
    this.#opensAt = at;
    this.#run.clock.at(at, () => this.#admit());
  }

  /** A call of another task. */
  #take(ms: number): void {
    this.#held++;
    this.#run.clock.at(this.#run.clock.now + ms, () => this.release());
  }
}
