/** A step that waits for something from outside. */
import { z } from "zod";
import { durationMs, durationText } from "../../shared/time.ts";
import { expression, identifier, positiveDuration } from "../definition-words.ts";
import type { Expression } from "../expressions/expression.ts";
import { ANYTHING } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, type KindDefinition } from "./kind.ts";

const schema = z.strictObject({
  ...stepFields,
  type: z.literal("signal"),
  name: identifier,
  /** CEL over `signal`, the payload: others are left for other steps. */
  match: expression.optional(),
  timeout: positiveDuration.optional(),
});

interface Signal {
  readonly name: string;
  readonly match: Expression | null;
  readonly timeoutMs: number | null;
}

export const signal: KindDefinition<z.infer<typeof schema>, Signal> = {
  synonyms: [{ words: "event wait_for_event wait_for_signal webhook listen callback receive external" }],
  schema,
  compile: (step, { name, match, timeout }) => {
    step.listen(name);
    return {
      name,
      match: match === undefined ? null : step.condition(match, "match", ["signal"]),
      timeoutMs: timeout === undefined ? null : durationMs(timeout),
    };
  },
  expressions: ({ match }) => [
    { field: "match", value: match, name: { name: "signal", shape: () => ANYTHING }, otherwise: "no signal is ever taken" },
  ],
  takes: "time",
  staysInTask: true,
  outcomes: ({ match, timeoutMs }, analysis) => ({
    completed: match === null || analysis.truth(match).mayHold,
    failed: timeoutMs !== null,
  }),
  lateness: ({ timeoutMs }, _written, deadlineMs) =>
    timeoutMs === null || timeoutMs < deadlineMs
      ? null
      : { field: "/timeout", what: `waits up to ${durationText(timeoutMs)}`, so: "it never times out, the task does" },
  box: ["(", ")"],
  label: ({ name }) => [labelText(name)],
};
