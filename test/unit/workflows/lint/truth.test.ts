/** What lint says can never be never is, over random definitions and everything that agents may do. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileWorkflow } from "../../../../src/language/compile.ts";
import { RUN_IF } from "../../../../src/language/step-definition.ts";
import { lintWorkflow } from "../../../../src/workflows/lint/lint.ts";
import { unitFromText } from "../../../../src/shared/random.ts";
import { runs } from "../../runs.ts";
import { stepsBegun, play } from "../plans/player.ts";
import type { Plan, Step } from "../plans/plan.ts";

type Draft = Record<string, unknown>;

const { list } = fc.letrec<{ list: Draft[]; step: Draft }>((tie) => ({
  list: fc.array(tie("step"), { minLength: 1, maxLength: 4 }),
  step: fc.oneof(
    { maxDepth: 2, depthIdentifier: "blocks" },
    { weight: 5, arbitrary: fc.constant<Draft>({ capability: "work", retry: { max_attempts: 1 } }) },
    { weight: 1, arbitrary: fc.constant<Draft>({ type: "transform", output: 1 }) },
    { weight: 1, arbitrary: fc.constant<Draft>({ type: "wait", for: "1s" }) },
    { weight: 1, arbitrary: fc.record<Draft>({ type: fc.constant("end"), status: fc.constantFrom("completed", "failed") }) },
    {
      weight: 1,
      arbitrary: fc.record<Draft>({
        type: fc.constant("map"),
        over: fc.constantFrom([], [1], [1, 2]),
        steps: tie("list"),
        tolerate: fc.constantFrom(0, 1),
        on_item_failure: fc.constantFrom("finish", "cancel"),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record<Draft>({
        type: fc.constant("switch"),
        cases: fc.array(fc.record({ when: fc.constantFrom("CONDITION", "CONDITION", "true", "false", "input.ok"), steps: tie("list") }), {
          minLength: 1,
          maxLength: 2,
        }),
        default: fc.oneof(fc.constant(undefined), fc.record({ steps: tie("list") })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record<Draft>({
        type: fc.constant("repeat"),
        steps: tie("list"),
        max: fc.integer({ min: 1, max: 2 }),
        until: fc.constantFrom(undefined, "UNTIL", "true", "false"),
      }),
    },
  ),
}));

/** Throws in turn, from a list that the property shrinks. */
class Throws {
  readonly #seed: readonly number[];
  #at = 0;

  constructor(seed: readonly number[]) {
    this.#seed = seed;
  }

  pick<T>(from: readonly T[]): T {
    return from[(this.#seed[this.#at++ % this.#seed.length] ?? 0) % from.length] as T;
  }
}

const conditionOn = (id: string, throws: Throws): string =>
  throws.pick([
    `steps.${id}.status == 'failed'`,
    `steps.${id}.status != 'completed'`,
    `steps.${id}.error != null`,
    `steps.${id}.status == 'skipped' || input.no`,
    `steps.${id}.status in ['completed', 'pending']`,
    `input.ok && steps.${id}.error.code == 'boom'`,
    `steps.${id}.output == null`,
    `has(steps.${id}.output.score)`,
  ]);

function written(drafts: readonly Draft[], throws: Throws, outer: readonly string[], counter: { ids: number }): Step[] {
  const own: string[] = [];
  return drafts.map((draft) => {
    const id = `s${counter.ids++}`;
    const needs = own.filter(() => throws.pick([true, false]));
    const seen = [...outer, ...own];
    const read = seen.length === 0 ? undefined : throws.pick(seen);
    const runIf = needs.length === 0 ? undefined : throws.pick([undefined, ...RUN_IF]);
    const when =
      read === undefined
        ? throws.pick([undefined, "true", "false"])
        : throws.pick([undefined, undefined, conditionOn(read, throws), "input.ok"]);
    const onError = throws.pick([undefined, undefined, "continue", { output: 0 }, { output: "${ input.no.no }" }]);
    own.push(id);
    const inner = (steps: unknown): Step[] => written(steps as Draft[], throws, seen, counter);
    const step: Step = { ...draft, id, ...(needs.length > 0 && { needs }) };
    if (runIf !== undefined) step["run_if"] = runIf;
    if (when !== undefined) step["when"] = when;
    if (onError !== undefined) step["on_error"] = onError;
    if ("steps" in draft) step["steps"] = inner(draft["steps"]);
    if (draft["until"] === "UNTIL") step["until"] = conditionOn((step["steps"] as Step[])[0]?.id ?? "", throws);
    if ("cases" in draft) {
      step["cases"] = (draft["cases"] as Draft[]).map((one) => ({
        when: one["when"] !== "CONDITION" ? one["when"] : read === undefined ? "input.ok" : conditionOn(read, throws),
        steps: inner(one["steps"]),
      }));
    }
    if (draft["default"] !== undefined) step["default"] = { steps: inner((draft["default"] as Draft)["steps"]) };
    return step;
  });
}

const definitions = fc
  .tuple(list, fc.array(fc.nat(1_000), { minLength: 30, maxLength: 30 }))
  .map(([drafts, seed]): Plan => ({ steps: written(drafts, new Throws(seed), [], { ids: 0 }) }));

/** The ids of all steps at a place, and of those inside of them. */
function idsAt(plan: Plan, pointer: string): readonly string[] {
  const value = pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((inside, segment) => (inside as Record<string, unknown>)[segment], plan);
  const ids: string[] = [];
  JSON.stringify(value, (key, member: unknown) => {
    if (key === "id") ids.push(member as string);
    return member;
  });
  return ids;
}

/** What a warning says can never begin. */
function neverOf(plan: Plan): readonly string[] {
  const compiled = compileWorkflow(JSON.stringify(plan));
  if (!compiled.ok) return [];
  return lintWorkflow(compiled.value, { name: null, agents: null, library: null }).flatMap(({ code, pointer, message }) => {
    if (code === "unreachable_step" || code === "unreachable_case") return idsAt(plan, pointer);
    const isNever = code === "condition_never_holds" || (code === "constant_condition" && message.includes("never holds"));
    return isNever && pointer.endsWith("/when") ? idsAt(plan, pointer.replace(/\/when$/, "")) : [];
  });
}

test("what can never run never runs, whoever fails", () => {
  let claims = 0;
  fc.assert(
    fc.property(definitions, fc.nat(1_000), (plan, luck) => {
      const never = neverOf(plan);
      if (never.length === 0) return;
      claims += never.length;
      const begun = stepsBegun(play(plan, { agentFails: (step) => unitFromText(`${luck}/${step}`) < 0.5 }));
      expect(never.filter((id) => begun.has(id))).toEqual([]);
    }),
    { numRuns: runs(700) },
  );
  expect(claims).toBeGreaterThan(500);
});
