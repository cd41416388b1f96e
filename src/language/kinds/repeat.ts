/** A step that does the same again until a condition holds. */
import { z } from "zod";
import { excerpt } from "../../shared/text.ts";
import { durationMs, durationText } from "../../shared/time.ts";
import type { StepList } from "../definition.ts";
import { duration, expression, template } from "../definition-words.ts";
import type { Expression } from "../expressions/expression.ts";
import { LIMITS } from "../limits.ts";
import type { Read } from "../reads.ts";
import { NUMBER } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, type KindDefinition, type StepListSchemas } from "./kind.ts";

const schema = ({ steps }: StepListSchemas<StepList>) =>
  z.strictObject({
    ...stepFields,
    type: z.literal("repeat"),
    steps,
    output: template.optional(),
    /** CEL over the iteration's steps: it was the last. */
    until: expression.optional(),
    max: z.int().min(1).max(LIMITS.repeatIterations),
    /** Between two iterations. */
    delay: duration.optional(),
  });

interface Repeat {
  /** Evaluated inside an iteration. */
  readonly until: Expression | null;
  readonly untilReads: readonly Read[];
  readonly max: number;
  readonly delayMs: number;
}

export const repeat: KindDefinition<z.infer<ReturnType<typeof schema>>, Repeat> = {
  synonyms: [
    {
      words: "loop while until do_while retry iteration repeat_until",
      note: "a repeat does the same until something holds; for every item of a list there is the map",
    },
  ],
  schema,
  compile: (step, written) => {
    const inner = step.inner(written, "", ["iteration", "previous"]);
    const { condition, reads } =
      written.until === undefined ? { condition: null, reads: [] } : inner.condition(written.until, "until", ["output"]);
    return {
      until: condition,
      untilReads: reads,
      max: written.max,
      delayMs: written.delay === undefined ? 0 : durationMs(written.delay),
    };
  },
  expressions: ({ until }) => [{ field: "until", value: until, inside: 0, name: { name: "output", shape: (shapes) => shapes.block(0) } }],
  blocks: (step) => [{ holder: step, field: "" }],
  isLoop: true,
  outcomes: ({ until }, analysis) => {
    const { completed, failed } = analysis.block(0);
    // An iteration may be one step too many for the task.
    if (until === null || !completed) return { completed, failed: completed || failed };
    return { completed: analysis.truthInside(0, until).mayHold, failed: true };
  },
  output: (_written, _node, shapes) => shapes.block(0),
  variables: () => ({ iteration: () => NUMBER, previous: (shapes) => shapes.block(0) }),
  mostBranches: ({ max }) => max,
  lateness: ({ delayMs, max }, _written, deadlineMs) => {
    const ms = delayMs * (max - 1);
    if (ms < deadlineMs) return null;
    return { field: "/delay", what: `pauses ${durationText(ms)} over ${max} iterations`, so: "the last ones are never reached" };
  },
  label: ({ until, max }) => {
    const parts = [
      ...(until === undefined ? [] : [`until ${excerpt(labelText(until), LIMITS.diagramLabelLength - 20)}`]),
      ...(max === undefined ? [] : [`at most ${labelText(max)}`]),
    ];
    return [parts.join(", ")];
  },
};
