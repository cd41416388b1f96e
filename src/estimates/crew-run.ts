/**
 * An agent in a simulated run: what its calls come to, and who may use it. How well it does in this run is drawn once; how
 * each call differs from that, at every call.
 */
import type { AgentLimits } from "../agents/agent.ts";
import { LIMITS } from "./limits.ts";
import type { Attempt } from "./attempt-run.ts";
import { givenPrice, PRIOR, type CallFigures, type FailureClass } from "./figures.ts";
import { around, shareBelow } from "./chance.ts";
import type { AgentPlan, AssumedCall, CrewMember } from "./plan.ts";
import type { Run } from "./run.ts";

/** What a call came to, and what it cost if it is paid for. */
export interface Call {
  readonly ms: number;
  readonly failure: FailureClass | null;
  readonly costUsd: number;
  readonly tokens: number;
}

/** What is so in one run. */
interface Form {
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

/** How a call differs from others: standard normal deviates. */
interface Deviates {
  readonly latency: number;
  readonly cost: number;
}

/** Somebody in line: one of ours, or a call of another task that takes so long. */
type Waiting = Attempt | { readonly ms: number };

export class AgentRun {
  readonly #run: Run;
  readonly #limits: AgentLimits | null;
  readonly #forms = new Map<CallFigures, Form>();
  readonly #likenesses = new Map<number, Deviates>();
  #held = 0;
  #line: Waiting[] = [];
  #starts: number[] = [];
  #opensAt = 0;

  constructor(run: Run, { limits, inFlight, waiting, usual }: CrewMember) {
    this.#run = run;
    this.#limits = limits;
    if (limits === null || inFlight + waiting === 0) return;
    run.spend(inFlight + waiting);
    // Who is there already goes first.
    for (let other = 0; other < inFlight; other++) this.#take(this.#callOf(usual) * run.chance.unit());
    for (let other = 0; other < waiting; other++) this.#line.push({ ms: this.#callOf(usual) });
    this.#admit();
  }

  /** Waits for a slot, and is told when it has one. */
  join(attempt: Attempt): void {
    this.#line.push(attempt);
    this.#admit();
  }

  leaveLine(attempt: Attempt): void {
    const at = this.#line.indexOf(attempt);
    if (at !== -1) this.#line.splice(at, 1);
  }

  release(): void {
    this.#held--;
    this.#admit();
  }

  /** What a call that leaves now comes to, at most `limitMs` later. */
  call({ place, assumed }: Pick<AgentPlan, "place" | "assumed">, figures: CallFigures, limitMs: number): Call {
    const { chance } = this.#run;
    const form = this.#formOf(figures);
    const failing = assumed.succeeds === null ? form.failing : 1 - assumed.succeeds;
    const { latency, cost } = this.#deviates(place);
    const { costUsd, tokens } = priceOf(figures, assumed, form, cost);
    const replyMs =
      assumed.takesMs === null
        ? figures.latency.draw(shareBelow(latency)) * form.latency
        : assumed.takesMs.min + chance.unit() * (assumed.takesMs.max - assumed.takesMs.min);
    if (!chance.happens(failing)) {
      return replyMs > limitMs ? { ms: limitMs, failure: "timeout", costUsd, tokens } : { ms: replyMs, failure: null, costUsd, tokens };
    }
    const failure = this.#failureOf(figures);
    const ms =
      failure === "timeout"
        ? limitMs
        : Math.min(limitMs, figures.failureMs === null ? replyMs * form.failure : figures.failureMs * form.latency);
    return { ms, failure, costUsd, tokens };
  }

  #callOf(figures: CallFigures): number {
    return figures.latency.draw(this.#run.chance.unit()) * this.#formOf(figures).latency;
  }

  #formOf(figures: CallFigures): Form {
    let form = this.#forms.get(figures);
    if (form !== undefined) return form;
    const { chance } = this.#run;
    form = {
      latency: chance.factor(figures.latencyDoubt) * this.#run.agentsSpeed,
      failing:
        figures.succeeded === Number.POSITIVE_INFINITY
          ? 0
          : chance.share(figures.failed + PRIOR.failed, figures.succeeded + PRIOR.succeeded),
      cost: chance.factor(figures.costDoubt),
      failure: chance.unit(),
    };
    this.#forms.set(figures, form);
    return form;
  }

  #failureOf({ failures }: CallFigures): FailureClass {
    let left = this.#run.chance.unit();
    for (const [failure, share] of failures) if ((left -= share) < 0) return failure;
    return failures[0]?.[0] ?? "unavailable";
  }

  #deviates(place: number): Deviates {
    const task = this.#likeness(NO_PLACE);
    const step = this.#likeness(place);
    const { chance } = this.#run;
    return {
      latency: ALIKE_WEIGHTS.task * task.latency + ALIKE_WEIGHTS.step * step.latency + ALIKE_WEIGHTS.call * chance.normal(),
      cost: ALIKE_WEIGHTS.task * task.cost + ALIKE_WEIGHTS.step * step.cost + ALIKE_WEIGHTS.call * chance.normal(),
    };
  }

  #likeness(place: number): Deviates {
    let likeness = this.#likenesses.get(place);
    if (likeness === undefined)
      this.#likenesses.set(place, (likeness = { latency: this.#run.chance.normal(), cost: this.#run.chance.normal() }));
    return likeness;
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

/** Of the task as a whole. */
const NO_PLACE = -1;

function priceOf(figures: CallFigures, assumed: AssumedCall, form: Form, deviate: number): Pick<Call, "costUsd" | "tokens"> {
  const given = givenPrice(figures, assumed);
  return {
    costUsd: given.costUsd ?? around(figures.costUsd, figures.costDeviation, deviate) * form.cost,
    tokens: given.tokens ?? Math.round(around(figures.tokens, figures.tokensDeviation, deviate)),
  };
}
