/** A step that goes one of several ways. */
import { z } from "zod";
import type { Json } from "../../shared/json.ts";
import type { StepList } from "../definition.ts";
import { expression, template } from "../definition-words.ts";
import type { Expression } from "../expressions/expression.ts";
import { LIMITS } from "../limits.ts";
import { either, NULL } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import type { KindDefinition, Outcomes, StepListSchemas } from "./kind.ts";

/** What is done in one case: some steps, or only what it comes to. */
const saysWhat = ({ steps, output }: { readonly steps: StepList; readonly output?: unknown }): boolean =>
  steps.length > 0 || output !== undefined;

const schema = ({ stepsOfCase }: StepListSchemas<StepList>) => {
  const way = { steps: stepsOfCase, output: template.optional() };
  return z.strictObject({
    ...stepFields,
    type: z.literal("switch"),
    cases: z
      .array(z.strictObject({ when: expression, ...way }).refine(saysWhat, 'expected "steps" or "output"'))
      .min(1)
      .max(LIMITS.switchCases),
    default: z.strictObject(way).refine(saysWhat, 'expected "steps" or "output"').optional(),
  });
};

interface Switch {
  /** The conditions of the cases; each has the block of its number. */
  readonly cases: readonly Expression[];
  /** Whether there is a block for when none of them holds. */
  readonly hasDefault: boolean;
}

export const switchKind: KindDefinition<z.infer<ReturnType<typeof schema>>, Switch> = {
  synonyms: [{ words: "condition conditional if branch choice decision case if_else router route gateway" }],
  schema,
  compile: (step, written) => {
    const cases = written.cases.map((one, index) => {
      const when = step.condition(one.when, `cases/${index}/when`);
      step.inner(one, `cases/${index}`);
      return when ?? NEVER;
    });
    if (written.default !== undefined) step.inner(written.default, "default");
    return { cases, hasDefault: written.default !== undefined };
  },
  expressions: ({ cases }) => cases.map((when, index) => ({ field: `cases/${index}/when`, value: when, guards: index })),
  blocks: ({ cases, default: otherwise }) => [
    ...(Array.isArray(cases) ? [...(cases as readonly Json[]).entries()] : []).map(([index, holder]) => ({
      holder,
      field: `/cases/${index}`,
    })),
    { holder: otherwise, field: "/default" },
  ],
  outcomes: ({ cases, hasDefault }, analysis) => {
    const branches: Outcomes[] = [];
    let mayFail = false;
    let goesOn = true;
    for (const [index, when] of cases.entries()) {
      if (!goesOn) break;
      const truth = analysis.truth(when);
      if (truth.mayHold) branches.push(analysis.block(index));
      mayFail ||= truth.mayFail;
      goesOn = truth.mayNotHold;
    }
    if (goesOn) branches.push(hasDefault ? analysis.block(cases.length) : { completed: true, failed: false });
    return {
      completed: branches.some(({ completed }) => completed),
      failed: mayFail || branches.some(({ failed }) => failed),
    };
  },
  output: (_written, { cases, hasDefault }, shapes) =>
    either([...cases.map((_, index) => shapes.block(index)), hasDefault ? shapes.block(cases.length) : NULL]),
};

/** In the place of an expression that did not compile: the definition is refused anyway. */
const NEVER = null as unknown as Expression;
