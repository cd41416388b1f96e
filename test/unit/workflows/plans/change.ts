/** Ways to change a plan in one place. */
import type { Dice } from "./dice.ts";
import type { Plan, Step } from "./plan.ts";

export interface Placed {
  readonly step: Step;
  readonly at: string;
  /** The steps of its block. */
  readonly block: readonly Step[];
  readonly depth: number;
}

/** Where it was made; `null`: the plan offers no occasion. */
export type Mistake = (plan: Plan, dice: Dice) => string | null;

export function stepsIn(steps: readonly Step[], at: string, depth = 0): readonly Placed[] {
  return steps.flatMap((step, index) => {
    const place = `${at}/steps/${index}`;
    const inner = [
      ...(Array.isArray(step["steps"]) ? stepsIn(step["steps"] as Step[], place, depth + 1) : []),
      ...(Array.isArray(step["cases"])
        ? (step["cases"] as { steps: Step[] }[]).flatMap((one, branch) => stepsIn(one.steps, `${place}/cases/${branch}`, depth + 1))
        : []),
      ...(step["default"] === undefined ? [] : stepsIn((step["default"] as { steps: Step[] }).steps, `${place}/default`, depth + 1)),
    ];
    return [{ step, at: place, block: steps, depth }, ...inner];
  });
}

export const misspelt = (word: string): string => word.slice(0, -2) + (word.at(-1) ?? "x") + (word.at(-2) ?? "y");

/** Changes one step that fits; `field` is where the fault is looked for. */
export function onStep(fits: (placed: Placed) => boolean, change: (placed: Placed, dice: Dice, plan: Plan) => string): Mistake {
  return (plan, dice) => {
    const fitting = stepsIn(plan.steps, "").filter(fits);
    if (fitting.length === 0) return null;
    const placed = dice.pick(fitting);
    return placed.at + change(placed, dice, plan);
  };
}

export const anyStep = (): boolean => true;
export const isKind =
  (kind: string) =>
  ({ step }: Placed): boolean =>
    (step["type"] ?? "agent") === kind;
export const hasNeeds = ({ step }: Placed): boolean => Array.isArray(step["needs"]);
export const isLater = ({ step, block }: Placed): boolean => block.indexOf(step) > 0;

export function set(field: string, value: unknown): (placed: Placed) => string {
  return ({ step }) => {
    step[field] = value;
    return `/${field}`;
  };
}

export function without(field: string): (placed: Placed) => string {
  return ({ step }) => {
    delete step[field];
    return `/${field}`;
  };
}

export function renamed(from: string, to: string): (placed: Placed) => string {
  return ({ step }) => {
    step[to] = step[from];
    delete step[from];
    return `/${to}`;
  };
}

/** An expression over an earlier step, or the input, put where conditions are. */
export const condition = (of: (id: string) => string): Mistake =>
  onStep(isLater, ({ step, block }) => {
    step["when"] = of((block[0] as Step).id);
    return "/when";
  });

export const inputOf = (of: (id: string) => string): Mistake =>
  onStep(
    (placed) => isLater(placed) && isKind("agent")(placed),
    ({ step, block }) => {
      step["input"] = { topic: of((block[0] as Step).id) };
      return "/input/topic";
    },
  );

const innerOf = (plan: Plan): readonly { readonly inner: string; readonly owner: string }[] =>
  plan.steps.flatMap((owner) =>
    stepsIn([owner], "").flatMap(({ step, depth }) => (depth > 0 ? [{ inner: step.id, owner: owner.id }] : [])),
  );

/** Told to a step after a block: what is inside of it is not seen from there. */
export const fromInside =
  (write: (step: Step, inner: string) => string): Mistake =>
  (plan, dice) => {
    const pairs = innerOf(plan).filter(({ owner }) => plan.steps.at(-1)?.id !== owner);
    if (pairs.length === 0) return null;
    const { inner } = dice.pick(pairs);
    const index = plan.steps.length - 1;
    return `/steps/${index}${write(plan.steps[index] as Step, inner)}`;
  };

export const whole =
  (change: (plan: Plan) => string): Mistake =>
  (plan) =>
    change(plan);
