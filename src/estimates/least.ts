/**
 * The least that a task can cost: what happens for certain, with the cheapest of those who qualify everywhere, and nothing
 * failing, at what a call costs on average. A run that fails, or whose calls happen to be cheap, may cost less.
 */
import { LIMITS } from "./limits.ts";
import { givenPrice } from "./figures.ts";
import type { Json } from "../shared/json.ts";
import type { AssumedBlock, AssumedNode, AssumedNodeOf, AssumedTask } from "./assumed-nodes.ts";
import { scopeAtStart, unknownValue, type Answer, type Knowledge, type Question } from "./known.ts";

export interface Least {
  readonly costUsd: number;
  readonly tokens: number;
  readonly calls: number;
}

const NOTHING: Least = { costUsd: 0, tokens: 0, calls: 0 };

/** A failure that money cannot avoid ends what follows; nobody to ask costs nothing. */
export function leastOf(task: AssumedTask, knowledge: Knowledge, names: Names): Least {
  return new Bound(task, knowledge).ofBlock(task.graph, names, 0);
}

/** What expressions start from. */
type Names = { readonly [name: string]: Json };

class Bound {
  readonly #task: AssumedTask;
  readonly #knowledge: Knowledge;
  #looked = 0;

  constructor(task: AssumedTask, knowledge: Knowledge) {
    this.#task = task;
    this.#knowledge = knowledge;
  }

  ofBlock(block: AssumedBlock, at: Names, depth: number): Least {
    if ((this.#looked += block.steps.length) > LIMITS.estimateRunSteps) return NOTHING;
    const certain = this.#certainOf(block, at);
    return block.steps.reduce((sum, step) => (certain.has(step.index) ? plus(sum, this.#ofStep(step, at, depth)) : sum), NOTHING);
  }

  /** Steps that run whatever the unknown comes to, as long as nothing fails. */
  #certainOf(block: AssumedBlock, at: Names): ReadonlySet<number> {
    const certain = new Set<number>();
    const endsEarly = block.steps.some(({ kind }) => kind === "end");
    const pending = block.steps.map(({ needs }) => needs.length);
    const ready = block.steps.filter(({ needs }) => needs.length === 0);
    for (let step = ready.pop(); step !== undefined; step = ready.pop()) {
      const isFreed = isFreedFor(
        step,
        step.needs.map((index) => certain.has(index)),
      );
      if (isFreed && this.#isHeld(step, at) && !(endsEarly && step.needs.length > 0)) certain.add(step.index);
      for (const dependent of step.dependents) {
        pending[dependent] = (pending[dependent] ?? 0) - 1;
        if (pending[dependent] === 0) ready.push(block.steps[dependent] as AssumedNode);
      }
    }
    return certain;
  }

  #isHeld({ condition, conditionShare }: AssumedNode, at: Names): boolean {
    if (condition === null) return true;
    const answer = this.#ask(condition, at);
    return answer.type === "known" ? answer.value === true : answer.type === "unknown" && conditionShare >= 1;
  }

  #ofStep(step: AssumedNode, at: Names, depth: number): Least {
    const [block] = step.blocks;
    if (step.kind === "agent") return ofAgent(step);
    if (step.kind === "switch") return this.#ofSwitch(step, at, depth);
    if (step.kind === "workflow") return this.#ofWorkflow(step, at, depth);
    // The other kinds ask nobody by themselves.
    if (block === undefined) return NOTHING;
    if (step.kind === "map") return this.#ofMap(step, block, at, depth);
    return step.kind === "repeat" ? this.#ofRepeat(step, block, at, depth) : NOTHING;
  }

  #ofWorkflow({ workflow: reference, handed }: AssumedNodeOf<"workflow">, at: Names, depth: number): Least {
    const workflow = depth >= LIMITS.childDepth ? null : this.#task.workflow(reference);
    const input = this.#ask(handed, at);
    if (workflow === null) return NOTHING;
    return this.ofBlock(workflow.graph, { input: input.type === "known" ? input.value : unknownValue("input") }, depth + 1);
  }

  #ofRepeat({ again, max, iterations }: AssumedNodeOf<"repeat">, block: AssumedBlock, at: Names, depth: number): Least {
    const count = again === null ? max : this.#ask(again, at).type === "known" ? 1 : iterations.min;
    return times(this.ofBlock(block, at, depth), count);
  }

  #ofMap({ list: over, items, as, indexAs, tolerate }: AssumedNodeOf<"map">, block: AssumedBlock, at: Names, depth: number): Least {
    const list = this.#ask(over, at);
    if (list.type === "failed" || !("items" in tolerate && tolerate.items === 0)) return NOTHING;
    const known = list.type === "known" && Array.isArray(list.value) ? list.value.length : null;
    const seesItems = block.names.has(as) || block.names.has(indexAs);
    if (known === null || !seesItems) return times(this.ofBlock(block, at, depth), known ?? items.min);
    let sum = NOTHING;
    for (let index = 0; index < known && this.#looked < LIMITS.estimateRunSteps; index++) {
      const item = list.type === "known" ? ((list.value as readonly Json[])[index] as Json) : unknownValue("an item");
      sum = plus(sum, this.ofBlock(block, { ...at, [as]: item, [indexAs]: index }, depth));
    }
    return sum;
  }

  #ofSwitch({ questions, hasDefault, blocks, assumedCase }: AssumedNodeOf<"switch">, at: Names, depth: number): Least {
    const blockOf = (taken: number): AssumedBlock | null => (taken < questions.length || hasDefault ? (blocks[taken] ?? null) : null);
    const possible: (AssumedBlock | null)[] = [];
    let isDecided = false;
    for (const [index, question] of questions.entries()) {
      const answer = this.#ask(question, at);
      if (answer.type === "known" && answer.value !== true) continue;
      possible.push(blockOf(index));
      if (assumedCase === index && answer.type === "unknown") return this.#ofEither([blockOf(index)], at, depth);
      isDecided = answer.type === "known";
      if (isDecided) break;
    }
    if (!isDecided && assumedCase === questions.length) return this.#ofEither([blockOf(assumedCase)], at, depth);
    return this.#ofEither(isDecided ? possible : [...possible, blockOf(questions.length)], at, depth);
  }

  #ofEither(blocks: readonly (AssumedBlock | null)[], at: Names, depth: number): Least {
    return blocks.map((block) => (block === null ? NOTHING : this.ofBlock(block, at, depth))).reduce(smaller);
  }

  /** Before any step has settled. */
  #ask(question: Question, at: Names): Answer {
    return question.steps.length > 0 ? { type: "unknown", of: "steps" } : this.#knowledge.ask(question, scopeAtStart(at, question));
  }
}

function isFreedFor({ runIf }: AssumedNode, certain: readonly boolean[]): boolean {
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
function ofAgent({ targets, ensemble, assumed }: AssumedNodeOf<"agent">): Least {
  const count = ensemble?.agents ?? 1;
  const needed = ensemble === null || ensemble.mode === "first" ? 1 : ensemble.mode === "quorum" ? ensemble.quorum : count;
  const asked = targets.map(({ pool }) => pool).filter(({ members }) => members.length >= count);
  if (asked.length === 0) return NOTHING;
  const prices = asked.map(({ members, costs, tokens }) => {
    const given = members.map(({ figures }) => givenPrice(figures, assumed) ?? NOTHING_GIVEN);
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

const NOTHING_GIVEN = { costUsd: null, tokens: null };
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
