/**
 * The least that a plan can cost: what happens for certain, with the cheapest of those who qualify everywhere, and nothing
 * failing, at what a call costs on average. A run that fails, or whose calls happen to be cheap, may cost less.
 */
import { LIMITS } from "./limits.ts";
import { givenPrice } from "./figures.ts";
import { unknown, type Answer, type Knowledge, type Question, type Surrounding } from "./known.ts";
import type { AgentPlan, MapPlan, Plan, PlanBlock, PlanStep, SwitchPlan } from "./plan.ts";

export interface Least {
  readonly costUsd: number;
  readonly tokens: number;
  readonly calls: number;
}

const NOTHING: Least = { costUsd: 0, tokens: 0, calls: 0 };

/** A failure that money cannot avoid ends what follows; nobody to ask costs nothing. */
export function leastOf(plan: Plan, knowledge: Knowledge, surrounding: Surrounding): Least {
  return new Bound(knowledge).ofBlock(plan.root, surrounding, 0);
}

class Bound {
  readonly #knowledge: Knowledge;
  #looked = 0;

  constructor(knowledge: Knowledge) {
    this.#knowledge = knowledge;
  }

  ofBlock(block: PlanBlock, at: Surrounding, depth: number): Least {
    if ((this.#looked += block.steps.length) > LIMITS.estimateRunSteps) return NOTHING;
    const certain = this.#certainOf(block, at);
    return block.steps.reduce((sum, step) => (certain.has(step.index) ? plus(sum, this.#ofStep(step, at, depth)) : sum), NOTHING);
  }

  /** Steps that run whatever the unknown comes to, as long as nothing fails. */
  #certainOf(block: PlanBlock, at: Surrounding): ReadonlySet<number> {
    const needs = block.steps.map((): number[] => []);
    for (const { index, dependents } of block.steps) for (const dependent of dependents) needs[dependent]?.push(index);
    const certain = new Set<number>();
    const endsEarly = block.steps.some(({ kind }) => kind === "end");
    const pending = block.steps.map(({ needs: count }) => count);
    const ready = block.steps.filter(({ needs: count }) => count === 0);
    for (let step = ready.pop(); step !== undefined; step = ready.pop()) {
      const isFreed = isFreedFor(
        step,
        (needs[step.index] ?? []).map((index) => certain.has(index)),
      );
      if (isFreed && this.#isHeld(step, at) && !(endsEarly && step.needs > 0)) certain.add(step.index);
      for (const dependent of step.dependents) {
        pending[dependent] = (pending[dependent] ?? 0) - 1;
        if (pending[dependent] === 0) ready.push(block.steps[dependent] as PlanStep);
      }
    }
    return certain;
  }

  #isHeld({ when, whenShare }: PlanStep, at: Surrounding): boolean {
    if (when === null) return true;
    const answer = this.#ask(when, at);
    return answer.type === "known" ? answer.value === true : answer.type === "unknown" && whenShare >= 1;
  }

  #ofStep(step: PlanStep, at: Surrounding, depth: number): Least {
    switch (step.kind) {
      case "agent":
        return ofAgent(step);
      case "map":
        return this.#ofMap(step, at, depth);
      case "switch":
        return this.#ofSwitch(step, at, depth);
      case "repeat":
        return times(
          this.ofBlock(step.block, at, depth),
          step.until === null ? step.max : this.#ask(step.until, at).type === "known" ? 1 : step.iterations.min,
        );
      case "workflow": {
        const block = depth >= LIMITS.childDepth ? null : step.block();
        return block === null
          ? NOTHING
          : this.ofBlock(block, this.#knowledge.surrounding(null, { input: this.#ask(step.input, at) }), depth + 1);
      }
      case "wait":
      case "signal":
      case "approval":
      case "transform":
      case "end":
        return NOTHING;
    }
  }

  #ofMap({ over, items, block, as, indexAs, tolerate }: MapPlan, at: Surrounding, depth: number): Least {
    const list = this.#ask(over, at);
    if (list.type === "failed" || !("items" in tolerate && tolerate.items === 0)) return NOTHING;
    const known = list.type === "known" && Array.isArray(list.value) ? list.value.length : null;
    const seesItems = block.names.has(as) || block.names.has(indexAs);
    if (known === null || !seesItems) return times(this.ofBlock(block, at, depth), known ?? items.min);
    let sum = NOTHING;
    for (let index = 0; index < known && this.#looked < LIMITS.estimateRunSteps; index++) {
      const member = Object.getOwnPropertyDescriptor(list.type === "known" ? list.value : [], index);
      const item = member !== undefined && "value" in member ? this.#knowledge.known(member.value as never) : unknown("an item");
      sum = plus(sum, this.ofBlock(block, this.#knowledge.surrounding(at, { [as]: item, [indexAs]: this.#knowledge.known(index) }), depth));
    }
    return sum;
  }

  #ofSwitch({ cases, otherwise, assumedCase }: SwitchPlan, at: Surrounding, depth: number): Least {
    const possible: (PlanBlock | null)[] = [];
    let isDecided = false;
    for (const [index, { when, block }] of cases.entries()) {
      const answer = this.#ask(when, at);
      if (answer.type === "known" && answer.value !== true) continue;
      if (assumedCase === index && answer.type === "unknown") return this.ofBlock(block, at, depth);
      possible.push(block);
      if (answer.type === "known") isDecided = true;
      if (isDecided) break;
    }
    if (!isDecided) possible.push(otherwise);
    if (!isDecided && assumedCase === cases.length) return otherwise === null ? NOTHING : this.ofBlock(otherwise, at, depth);
    return possible.map((block) => (block === null ? NOTHING : this.ofBlock(block, at, depth))).reduce(smaller);
  }

  /** Before any step has settled. */
  #ask(question: Question, at: Surrounding): Answer {
    if (question.reads.length > 0) return unknown("steps");
    return this.#knowledge.ask(question, at, () => ({ status: "pending", output: unknown("steps") }));
  }
}

function isFreedFor({ runIf }: PlanStep, certain: readonly boolean[]): boolean {
  switch (runIf) {
    case "all_settled":
    case "none_failed":
      return true;
    case "all_completed":
      return certain.every(Boolean);
    case "any_completed":
      return certain.some(Boolean);
    case "any_failed":
      return false;
  }
}

/** The cheapest of the first target: a fallback is asked only when that is of no use. */
function ofAgent({ pools, ensemble, assumed }: AgentPlan): Least {
  const count = ensemble?.agents ?? 1;
  const needed = ensemble === null || ensemble.mode === "first" ? 1 : ensemble.mode === "quorum" ? ensemble.quorum : count;
  const asked = pools.filter(({ members }) => members.length >= count);
  if (asked.length === 0) return NOTHING;
  const prices = asked.map(({ members, costs, tokens }) => {
    const given = members.map(({ figures }) => givenPrice(figures, assumed));
    const said = (of: (price: (typeof given)[number]) => number | null, otherwise: readonly number[]): number => {
      const values = given.map(of).filter((value) => value !== null);
      return sumOf(values.length === members.length ? values.toSorted((a, b) => a - b) : otherwise, needed);
    };
    return { costUsd: said(({ costUsd }) => costUsd, costs), tokens: said(({ tokens }) => tokens, tokens) };
  });
  return {
    costUsd: Math.min(...prices.map(({ costUsd }) => costUsd)),
    tokens: Math.min(...prices.map(({ tokens }) => tokens)),
    calls: count,
  };
}

const sumOf = (values: readonly number[], count: number): number => values.slice(0, count).reduce((sum, value) => sum + value, 0);

const plus = (a: Least, b: Least): Least => ({ costUsd: a.costUsd + b.costUsd, tokens: a.tokens + b.tokens, calls: a.calls + b.calls });
const times = ({ costUsd, tokens, calls }: Least, count: number): Least => ({
  costUsd: costUsd * count,
  tokens: tokens * count,
  calls: calls * count,
});
const smaller = (a: Least, b: Least): Least => ({
  costUsd: Math.min(a.costUsd, b.costUsd),
  tokens: Math.min(a.tokens, b.tokens),
  calls: Math.min(a.calls, b.calls),
});
