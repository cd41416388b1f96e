/** Two thousand plans as models make them, right ones and wrong ones. */
import { describe, expect, test } from "vitest";
import type { Workflow } from "../../../src/language/compile.ts";
import type { Fault } from "../../../src/shared/errors.ts";
import { segmentsOf } from "../../../src/shared/json.ts";
import { unitFromText } from "../../../src/shared/random.ts";
import { checkWorkflow } from "../../../src/workflows/check.ts";
import { lintWorkflow } from "../../../src/workflows/lint/lint.ts";
import { MISTAKES } from "./plans/mistakes.ts";
import { planOf, type Plan } from "./plans/plan.ts";
import { play, tooEarly } from "./plans/player.ts";

const PLANS = 2_000;

interface Made {
  readonly seed: number;
  readonly plan: Plan;
  /** What was made wrong, and where. */
  readonly mistakes: readonly { readonly name: string; readonly at: string }[];
}

/** A third has no mistake, a third one, the others several. */
function madeFrom(seed: number): Made {
  const { plan, dice } = planOf(seed);
  const count = dice.pick([0, 0, 1, 1, 2, 3]);
  const mistakes = Array.from({ length: count }, () => dice.pick(Object.keys(MISTAKES))).flatMap((name) => {
    // A second one may find nothing left of what the first has broken.
    const at = Array.isArray(plan.steps) ? MISTAKES[name]?.make(plan, dice) : null;
    return at === null || at === undefined ? [] : [{ name, at }];
  });
  return { seed, plan, mistakes };
}

const plans = Array.from({ length: PLANS }, (_, index) => madeFrom(index + 1));
const checked = plans.map((made) => ({ ...made, result: checkWorkflow(JSON.stringify(made.plan)) }));
const rejected = checked.flatMap(({ result, ...made }) => (result.ok ? [] : [{ ...made, faults: result.error }]));
const accepted = checked.flatMap(({ result, ...made }) => (result.ok ? [{ ...made, workflow: result.value }] : []));

const shown = ({ seed, mistakes }: Made, fault?: Fault): string => JSON.stringify({ seed, mistakes, fault });

test("there are many of both, and every mistake was made", () => {
  expect(accepted.length).toBeGreaterThan(PLANS / 4);
  expect(rejected.length).toBeGreaterThan(PLANS / 4);
  const made = new Set(plans.flatMap(({ mistakes }) => mistakes.map(({ name }) => name)));
  expect(Object.keys(MISTAKES).filter((name) => !made.has(name))).toEqual([]);
});

describe("a rejected plan", () => {
  test("names places that exist, or what they lack", () => {
    for (const made of rejected) {
      expect(made.faults.length, shown(made)).toBeGreaterThan(0);
      for (const fault of made.faults) {
        const path = segmentsOf(fault.pointer);
        const holder = path
          .slice(0, -1)
          .reduce<unknown>((value, segment) => (value as Record<string, unknown> | undefined)?.[segment], made.plan);
        expect(typeof holder === "object" && holder !== null, shown(made, fault)).toBe(true);
      }
    }
  });

  test("says what was expected and what to do, in words of this language", () => {
    for (const made of rejected) {
      for (const fault of made.faults) {
        expect(fault.message, shown(made, fault)).toMatch(
          /expected|did you mean|choose another|names a "capability"|take one of these|has to|from here|needs name|say in|write |starts from|only |at most|it has no|is read as|test for it|leave one/,
        );
        expect(fault.message, shown(made, fault)).not.toMatch(
          /Invalid|invalid_|Too (small|big)|Unrecognized|undefined|nonoptional|>=|\[object/,
        );
      }
    }
  });

  test("with one mistake is told that one, with what was meant", () => {
    for (const made of rejected) {
      const [mistake, ...others] = made.mistakes;
      if (mistake === undefined || others.length > 0) continue;
      const kind = MISTAKES[mistake.name];
      expect(
        made.faults.some(({ pointer }) => pointer.startsWith(mistake.at)),
        shown(made, made.faults[0]),
      ).toBe(true);
      const { suggestion } = kind ?? {};
      if (suggestion === undefined) continue;
      const matches = (text = ""): boolean => (typeof suggestion === "string" ? text === suggestion : suggestion.test(text));
      expect(
        made.faults.some((fault) => matches(fault.suggestion)),
        shown(made, made.faults[0]),
      ).toBe(true);
    }
  });

  test("has a mistake", () => {
    for (const made of rejected)
      expect(
        made.mistakes.some(({ name }) => MISTAKES[name]?.isRefused !== false),
        shown(made),
      ).toBe(true);
  });
});

describe("an accepted plan", () => {
  const lint = (workflow: Workflow) => lintWorkflow(workflow, { name: null, agents: null, library: null });

  test("has no mistake that has to be refused", () => {
    // What was made later may have replaced what was made before.
    for (const made of accepted) expect(MISTAKES[made.mistakes.at(-1)?.name ?? ""]?.isRefused ?? false, shown(made)).not.toBe(true);
  });

  test("without any mistake is not warned of", () => {
    const spotless = accepted.filter(({ mistakes }) => mistakes.length === 0);
    expect(spotless.length).toBeGreaterThan(100);
    for (const made of spotless) expect(lint(made.workflow), shown(made)).toEqual([]);
  });

  test("that looks like what was meant in another way is warned of at its place", () => {
    for (const made of accepted) {
      const [mistake, ...others] = made.mistakes;
      const code = others.length > 0 ? undefined : MISTAKES[mistake?.name ?? ""]?.warning;
      if (code === undefined) continue;
      expect(lint(made.workflow), shown(made)).toContainEqual(expect.objectContaining({ code, pointer: mistake?.at }));
    }
  });

  test("runs to its end, and no step begins before what it needs", () => {
    const codes = accepted.flatMap((made) => {
      const task = play(made.plan);
      expect(tooEarly(task), shown(made)).toEqual([]);
      const { status, error } = task.state.end ?? {};
      if (status === "completed") return [];
      // What a plan reads may not be there: that is the one thing which nobody can know before.
      const isByData = error?.code === "expression_error" && made.mistakes.some(({ name }) => name === "invented_field");
      expect(isByData || error?.code === "ended", shown(made) + JSON.stringify(error)).toBe(true);
      return [error?.code];
    });
    expect(codes.filter((code) => code === "expression_error").length).toBeLessThan(accepted.length / 20);
    expect(codes.filter((code) => code === "ended").length).toBeGreaterThan(0);
  });

  test("comes to an end when agents fail, too", () => {
    for (const made of accepted) {
      const task = play(made.plan, { agentFails: (step) => unitFromText(`${made.seed}/${step}`) < 0.3 });
      expect(tooEarly(task), shown(made)).toEqual([]);
      expect(["completed", "failed"], shown(made)).toContain(task.state.end?.status);
    }
  });
});
