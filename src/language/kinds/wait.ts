/** A step that lets time pass. */
import { z } from "zod";
import { durationText, parseDuration } from "../../shared/time.ts";
import { duration } from "../definition-words.ts";
import type { Template } from "../expressions/template.ts";
import { dateOf } from "../expressions/timestamp.ts";
import { LIMITS } from "../limits.ts";
import { RULES } from "../rules.ts";
import { objectOf, TEXT } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, mayFailToRender, type KindDefinition } from "./kind.ts";

const schema = z
  .strictObject({
    ...stepFields,
    type: z.literal("wait"),
    /** A duration, or `${ … }` that yields one. */
    for: z.union([duration, z.string().includes("${")], { error: 'expected a duration such as "10m"' }).optional(),
    /** RFC 3339, or `${ … }` that yields that. */
    until: z.string().min(1).optional(),
  })
  .refine((step) => (step.for === undefined) !== (step.until === undefined), {
    message: 'expected "for" (a duration) or "until" (a time), and only one of them',
    path: ["for"],
  });

interface Wait {
  /** Yields a duration, or a time. */
  readonly until: { readonly type: "for" | "until"; readonly value: Template };
}

const EXPECTED = {
  for: { what: 'a duration such as "10m"', isRight: (value: unknown) => typeof value === "string" && parseDuration(value) !== null },
  until: {
    what: 'a time such as "2027-01-31T09:00:00Z", at most 730 days ahead',
    isRight: (value: unknown) => typeof value === "string" && isWithinReach(dateOf(value, RULES)),
  },
};

/** A task begins within the longest duration, and a step of it waits as long again. */
function isWithinReach(date: Date | null): boolean {
  return date !== null && date.getTime() <= Date.now() + 2 * LIMITS.durationMs;
}

export const wait: KindDefinition<z.infer<typeof schema>, Wait> = {
  synonyms: [{ words: "delay sleep timer pause" }],
  schema,
  compile: (step, written) => {
    const type = written.for === undefined ? "until" : "for";
    return { until: { type, value: step.template(written[type], type) } };
  },
  expressions: ({ until: { type, value } }) => [{ field: type, value, expected: EXPECTED[type] }],
  takes: "time",
  // A time may be too far away.
  outcomes: ({ until: { type, value } }) => ({ completed: true, failed: type === "until" || mayFailToRender(value) }),
  output: () => objectOf({ waited_until: TEXT }),
  lateness: (_node, written, deadlineMs) => {
    const ms = written.for === undefined ? null : parseDuration(written.for);
    return ms === null || ms < deadlineMs ? null : { field: "/for", what: `waits ${durationText(ms)}`, so: "it never ends" };
  },
  box: ["(", ")"],
  label: (step) => [step["until"] === undefined ? `for ${labelText(step["for"])}` : `until ${labelText(step["until"])}`],
};
