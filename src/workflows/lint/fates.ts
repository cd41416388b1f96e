/**
 * What can become of each step, whatever agents answer: a step that cannot run here can never run. It is the other way
 * round that is not certain, for steps are looked at one by one and what excludes each other is not seen.
 */
import type { Template } from "../../language/expressions/template.ts";
import type { RunIf } from "../../language/definition.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import type { EndNode, StepNode } from "../../language/graph.ts";
import { LIMITS } from "../limits.ts";
import { truthOf, UNKNOWN, type Budget, type SeenStatus, type Truth } from "./conditions.ts";
import { inOrder, placeOf, type Place, type PlacedBlock } from "./places.ts";

/** How a step may settle while the task goes on. In none of these ways: the task has ended by then. */
export interface Outcomes {
  readonly completed: boolean;
  readonly failed: boolean;
  readonly skipped: boolean;
}

export interface Fate extends Outcomes {
  /** What it needs may let it run. */
  readonly mayStart: boolean;
  /** … and its condition too. */
  readonly mayRun: boolean;
}

type Ends = Omit<Outcomes, "skipped">;

const NEVER: Ends = { completed: false, failed: false };

export class Fates {
  readonly #fates = new Map<Place, Fate>();
  readonly #truths = new Map<Expression, Truth>();
  readonly #budget: Budget = { evaluations: LIMITS.lintEvaluations };

  constructor(root: PlacedBlock) {
    this.#block(root);
  }

  /** `undefined` for what is inside of a step that never runs. */
  of(place: Place): Fate | undefined {
    return this.#fates.get(place);
  }

  /** What a condition of a step that may run can come to. */
  truth(condition: Expression): Truth {
    return this.#truths.get(condition) ?? UNKNOWN;
  }

  /** What a condition of the step could come to if the step said another `run_if`. */
  truthWith(condition: Expression, place: Place, runIf: RunIf): Truth {
    return truthOf(condition, (id) => this.#seen(id, place, runIf), this.#budget);
  }

  #block(block: PlacedBlock): Ends {
    for (const place of inOrder(block)) this.#fates.set(place, this.#fate(place));
    const fates = block.places.map((place) => ({ place, fate: this.#fates.get(place) as Fate }));
    if (fates.some(({ fate }) => !fate.completed && !fate.failed && !fate.skipped)) return NEVER;
    return {
      completed: fates.every(({ place, fate }) => fate.completed || fate.skipped || isForgiven(place)),
      failed: fates.some(({ place, fate }) => fate.failed && !isForgiven(place)) || mayFailToRender(block.block.output),
    };
  }

  #fate(place: Place): Fate {
    const { node, within } = place;
    const needs = node.needs.map((index) => this.#fates.get(within.places[index] as Place) as Fate);
    const { holds, fails } = mayHold(node.runIf, needs);
    const when = node.when === null || !holds ? null : this.#ask(node.when, place);
    const mayRun = holds && (when === null || when.mayHold);
    const ends = mayRun ? this.#ends(place) : NEVER;
    const mayFail = ends.failed || when?.mayFail === true;
    const { onError } = node;
    const isRescued = onError.type === "output" && mayFail;
    return {
      mayStart: holds,
      mayRun,
      completed: ends.completed || isRescued,
      failed: onError.type === "output" ? isRescued && mayFailToRender(onError.output) : mayFail,
      skipped: fails || when?.mayNotHold === true,
    };
  }

  #ask(condition: Expression, place: Place): Truth {
    const truth = this.truthWith(condition, place, place.node.runIf);
    this.#truths.set(condition, truth);
    return truth;
  }

  /** From a step, or from a block around it, as whose condition it is asked. */
  #seen(id: string, from: Place, runIf: RunIf): readonly SeenStatus[] {
    const read = placeOf(id, from.within);
    let reader = from;
    while (read !== null && reader.within !== read.within && reader.within.owner !== null) reader = reader.within.owner;
    const fate = read === null ? undefined : this.#fates.get(read);
    return fate === undefined ? ALL : statusesSeen(reader === from ? runIf : reader.node.runIf, fate, reader.node.needs.length === 1);
  }

  /** How a step that runs may end. */
  #ends(place: Place): Ends {
    const { node } = place;
    switch (node.kind) {
      case "agent":
      case "workflow":
        return { completed: true, failed: true };
      case "map": {
        const [inner] = place.inner.map((block) => this.#block(block)) as [Ends];
        const items = node.over.expressions.length === 0 ? node.over.evaluate(noScope) : null;
        const count = items?.ok === true && Array.isArray(items.value) ? items.value.length : null;
        if (count !== null && count > 0 && !inner.completed && !inner.failed) return NEVER;
        // With items there may be more steps than a task can have.
        return { completed: true, failed: count !== 0 };
      }
      case "switch":
        return this.#switchEnds(place);
      case "repeat":
        return this.#repeatEnds(place);
      case "wait":
        // A time may be too far away.
        return { completed: true, failed: node.until.type === "until" || mayFailToRender(node.until.value) };
      case "signal": {
        const match = node.match === null ? null : this.#ask(node.match, place);
        return { completed: match?.mayHold !== false, failed: node.timeoutMs !== null };
      }
      case "approval": {
        const expires = node.dueMs !== null && node.onExpiry === "fail";
        return { completed: true, failed: expires || mayFailToRender(node.title) || mayFailToRender(node.payload) };
      }
      case "transform":
        return { completed: true, failed: mayFailToRender(node.output) };
      case "end":
        return { completed: false, failed: mayFailToRender(textOf(node)) };
    }
  }

  #switchEnds(place: Place): Ends {
    const { node, inner } = place as Place & { readonly node: Extract<StepNode, { kind: "switch" }> };
    const branches: Ends[] = [];
    let mayFail = false;
    let goesOn = true;
    for (const [index, { when }] of node.cases.entries()) {
      if (!goesOn) break;
      const truth = this.#ask(when, place);
      if (truth.mayHold) branches.push(this.#block(inner[index] as PlacedBlock));
      mayFail ||= truth.mayFail;
      goesOn = truth.mayNotHold;
    }
    if (goesOn) branches.push(node.otherwise === null ? { completed: true, failed: false } : this.#block(inner.at(-1) as PlacedBlock));
    return {
      completed: branches.some(({ completed }) => completed),
      failed: mayFail || branches.some(({ failed }) => failed),
    };
  }

  #repeatEnds(place: Place): Ends {
    const { node, inner } = place as Place & { readonly node: Extract<StepNode, { kind: "repeat" }> };
    const [block] = inner as [PlacedBlock];
    const ends = this.#block(block);
    // An iteration may be one step too many for the task.
    if (node.until === null || !ends.completed) return { completed: ends.completed, failed: ends.completed || ends.failed };
    // Asked when the steps of an iteration have settled, and none of them made it fail.
    const seen = (id: string): readonly SeenStatus[] => {
      const read = placeOf(id, block);
      if (read?.within !== block) return this.#seen(id, place, node.runIf);
      const fate = this.#fates.get(read);
      return fate === undefined ? ALL : settledAs(isForgiven(read) ? fate : { ...fate, failed: false });
    };
    const truth = truthOf(node.until, seen, this.#budget);
    this.#truths.set(node.until, truth);
    return { completed: truth.mayHold, failed: true };
  }
}

const ALL: readonly SeenStatus[] = ["pending", "completed", "failed", "skipped"];

const isForgiven = ({ node }: Place): boolean => node.onError.type === "continue";
const mayFailToRender = (template: Template | null): boolean => template !== null && template.expressions.length > 0;
const textOf = ({ output, error }: EndNode): Template | null => output ?? error?.message ?? null;
const noScope = () => ({ input: null, task: null, steps: {} });

/** Whether what a step needs may let it run, and whether it may not. */
function mayHold(runIf: RunIf, needs: readonly Outcomes[]): { readonly holds: boolean; readonly fails: boolean } {
  const settle = needs.every(({ completed, failed, skipped }) => completed || failed || skipped);
  const isOther = ({ failed, skipped }: Outcomes): boolean => failed || skipped;
  switch (runIf) {
    case "all_completed":
      return { holds: needs.every(({ completed }) => completed), fails: needs.some(isOther) };
    case "all_settled":
      return { holds: settle, fails: false };
    case "none_failed":
      return { holds: needs.every(({ completed, skipped }) => completed || skipped), fails: needs.some(({ failed }) => failed) };
    case "any_completed":
      return { holds: needs.some(({ completed }) => completed), fails: settle && needs.every(isOther) };
    case "any_failed":
      return { holds: needs.some(({ failed }) => failed), fails: settle && needs.every(({ completed, skipped }) => completed || skipped) };
  }
}

/** The statuses that a need may have once a `run_if` holds. */
function statusesSeen(runIf: RunIf, fate: Outcomes, isOnly: boolean): readonly SeenStatus[] {
  switch (runIf) {
    case "all_completed":
      return ["completed"];
    case "all_settled":
      return settledAs(fate);
    case "none_failed":
      return settledAs({ ...fate, failed: false });
    case "any_completed":
      return isOnly ? ["completed"] : ["pending", ...settledAs(fate)];
    case "any_failed":
      return isOnly ? ["failed"] : ["pending", ...settledAs(fate)];
  }
}

function settledAs({ completed, failed, skipped }: Outcomes): readonly SeenStatus[] {
  return [
    ...(completed ? (["completed"] as const) : []),
    ...(failed ? (["failed"] as const) : []),
    ...(skipped ? (["skipped"] as const) : []),
  ];
}
