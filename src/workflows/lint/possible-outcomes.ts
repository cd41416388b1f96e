/**
 * What can become of each step, whatever agents answer: a step that cannot run here can never run. It is the other way
 * round that is not certain, for steps are looked at one by one and what excludes each other is not seen.
 */
import type { Expression } from "../../language/expressions/expression.ts";
import { mayFailToRender, type Outcomes, type Truth } from "../../language/kinds/kind.ts";
import type { RunIf } from "../../language/step-definition.ts";
import { LIMITS } from "../limits.ts";
import { truthOf, UNKNOWN, type EvaluationBudget, type SeenStatus } from "./conditions.ts";
import { inOrder, stepSeen, type SourceBlock, type SourceStep } from "./source-tree.ts";

/** How a step may settle while the task goes on. In none of these ways: the task has ended by then. */
interface Settled extends Outcomes {
  readonly skipped: boolean;
  /** … because of a failure, which is one to those that need it. */
  readonly behindFailure: boolean;
}

export interface StepOutcomes extends Settled {
  /** What it needs may let it run. */
  readonly mayStart: boolean;
  /** … and its condition too. */
  readonly mayRun: boolean;
}

const NEVER: Outcomes = { completed: false, failed: false };
const ANY: Outcomes = { completed: true, failed: true };

export class PossibleOutcomes {
  readonly #outcomes = new Map<SourceStep, StepOutcomes>();
  readonly #truths = new Map<Expression, Truth>();
  readonly #budget: EvaluationBudget = { evaluations: LIMITS.lintEvaluations };

  constructor(root: SourceBlock) {
    this.#block(root);
  }

  /** `undefined` for what is inside of a step that never runs. */
  of(step: SourceStep): StepOutcomes | undefined {
    return this.#outcomes.get(step);
  }

  /** What a condition of a step that may run can come to. */
  truth(condition: Expression): Truth {
    return this.#truths.get(condition) ?? UNKNOWN;
  }

  /** What a condition of the step could come to if the step said another `run_if`. */
  truthWith(condition: Expression, step: SourceStep, runIf: RunIf): Truth {
    return truthOf(condition, (id) => this.#seen(id, step, runIf), this.#budget);
  }

  #block(block: SourceBlock): Outcomes {
    for (const step of inOrder(block)) this.#outcomes.set(step, this.#outcomesOf(step));
    const outcomes = block.steps.map((step) => ({ step, outcome: this.#outcomes.get(step) as StepOutcomes }));
    if (outcomes.some(({ outcome }) => !maySettle(outcome))) return NEVER;
    return {
      completed: outcomes.every(({ step, outcome }) => outcome.completed || mayBeSkipped(outcome) || isForgiven(step)),
      failed: outcomes.some(({ step, outcome }) => outcome.failed && !isForgiven(step)) || mayFailToRender(block.block.output),
    };
  }

  #outcomesOf(step: SourceStep): StepOutcomes {
    const { node, within } = step;
    const needs = node.needs.map((index) => this.#outcomes.get(within.steps[index] as SourceStep) as StepOutcomes);
    const { holds, fails, failsByFailure } = mayHold(node.runIf, needs);
    const when = node.when === null || !holds ? null : this.#ask(node.when, step);
    const mayRun = holds && (when === null || when.mayHold);
    const ends = mayRun ? this.#ends(step) : NEVER;
    const mayFail = ends.failed || when?.mayFail === true;
    const { onError } = node;
    const isRescued = onError.type === "output" && mayFail;
    return {
      mayStart: holds,
      mayRun,
      completed: ends.completed || isRescued,
      failed: onError.type === "output" ? isRescued && mayFailToRender(onError.output) : mayFail,
      skipped: fails || when?.mayNotHold === true,
      behindFailure: failsByFailure,
    };
  }

  #ask(condition: Expression, step: SourceStep): Truth {
    const truth = this.truthWith(condition, step, step.node.runIf);
    this.#truths.set(condition, truth);
    return truth;
  }

  /** From a step, or from a block around it, as whose condition it is asked. */
  #seen(id: string, from: SourceStep, runIf: RunIf): readonly SeenStatus[] {
    const read = stepSeen(id, from.within);
    let reader = from;
    while (read !== null && reader.within !== read.within && reader.within.owner !== null) reader = reader.within.owner;
    const outcome = read === null ? undefined : this.#outcomes.get(read);
    return outcome === undefined ? ALL : statusesSeen(reader === from ? runIf : reader.node.runIf, outcome, reader.node.needs.length === 1);
  }

  /** How a step that runs may end. */
  #ends(step: SourceStep): Outcomes {
    return (
      step.kind.outcomes?.(step.node, {
        truth: (condition) => this.#ask(condition, step),
        truthInside: (block, condition) => this.#askInside(condition, step, step.inner[block] as SourceBlock),
        block: (block) => this.#block(step.inner[block] as SourceBlock),
      }) ?? ANY
    );
  }

  /** When the steps of a block have settled, and none of them made it fail. */
  #askInside(condition: Expression, step: SourceStep, block: SourceBlock): Truth {
    const seen = (id: string): readonly SeenStatus[] => {
      const read = stepSeen(id, block);
      if (read?.within !== block) return this.#seen(id, step, step.node.runIf);
      const outcomes = this.#outcomes.get(read);
      return outcomes === undefined ? ALL : settledAs(isForgiven(read) ? outcomes : { ...outcomes, failed: false });
    };
    const truth = truthOf(condition, seen, this.#budget);
    this.#truths.set(condition, truth);
    return truth;
  }
}

const ALL: readonly SeenStatus[] = ["pending", "completed", "failed", "skipped"];

const isForgiven = ({ node }: SourceStep): boolean => node.onError.type === "continue";

const isFailure = ({ failed, behindFailure }: Settled): boolean => failed || behindFailure;
const mayBeSkipped = ({ skipped, behindFailure }: Settled): boolean => skipped || behindFailure;
const maySettle = (outcome: Settled): boolean => outcome.completed || outcome.failed || mayBeSkipped(outcome);

/** Whether what a step needs may let it run, whether it may not, and whether that may be because of a failure. */
function mayHold(
  runIf: RunIf,
  needs: readonly Settled[],
): { readonly holds: boolean; readonly fails: boolean; readonly failsByFailure: boolean } {
  const settle = needs.every(maySettle);
  const isOther = (need: Settled): boolean => isFailure(need) || need.skipped;
  switch (runIf) {
    case "all_completed":
      return {
        holds: needs.every(({ completed }) => completed),
        fails: needs.some(({ skipped }) => skipped),
        failsByFailure: needs.some(isFailure),
      };
    case "all_settled":
      return { holds: settle, fails: false, failsByFailure: false };
    case "none_failed":
      return { holds: needs.every(({ completed, skipped }) => completed || skipped), fails: false, failsByFailure: needs.some(isFailure) };
    case "any_completed": {
      const fails = settle && needs.every(isOther);
      return {
        holds: needs.some(({ completed }) => completed),
        fails: fails && needs.every(({ skipped }) => skipped),
        failsByFailure: fails && needs.some(isFailure),
      };
    }
    case "any_failed":
      return {
        holds: needs.some(isFailure),
        fails: settle && needs.every(({ completed, skipped }) => completed || skipped),
        failsByFailure: false,
      };
  }
}

/** The statuses that a need may have once a `run_if` holds. */
function statusesSeen(runIf: RunIf, outcome: Settled, isOnly: boolean): readonly SeenStatus[] {
  switch (runIf) {
    case "all_completed":
      return ["completed"];
    case "all_settled":
      return settledAs(outcome);
    case "none_failed":
      return settledAs({ ...outcome, failed: false, behindFailure: false });
    case "any_completed":
      return isOnly ? ["completed"] : ["pending", ...settledAs(outcome)];
    case "any_failed":
      return isOnly ? settledAs({ ...outcome, completed: false, skipped: false }) : ["pending", ...settledAs(outcome)];
  }
}

function settledAs({ completed, failed, skipped, behindFailure }: Settled): readonly SeenStatus[] {
  return [
    ...(completed ? (["completed"] as const) : []),
    ...(failed ? (["failed"] as const) : []),
    ...(skipped || behindFailure ? (["skipped"] as const) : []),
  ];
}
