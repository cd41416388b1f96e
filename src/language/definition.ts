/**
 * A workflow as its author writes it: data, strict, in JSON. The shape only; what the parts mean together is checked
 * when the graph is compiled. What a step is, is in `kinds/`.
 */
import { z } from "zod";
import { budgetDefinition } from "./budget-definition.ts";
import { concurrencyDefinition } from "./concurrency.ts";
import { identifier, positiveDuration, template, workflowReference } from "./definition-words.ts";
import type { StepListSchemas } from "./kinds/kind.ts";
import { kindOf, STEP_KINDS, type StepKind, type WrittenOf } from "./kinds/table.ts";
import { LIMITS } from "./limits.ts";
import { boundLists } from "../shared/bounded-parse.ts";

export type StepDefinition = { [K in StepKind]: WrittenOf<K> }[StepKind];
export type StepList = readonly StepDefinition[];

export const stepList: z.ZodType<StepList> = z.lazy(() => z.array(stepDefinition).min(1).max(LIMITS.steps));
const stepsOfCase: z.ZodType<StepList> = z.lazy(() => z.array(stepDefinition).max(LIMITS.steps).default([]));

const schemas = STEP_KINDS.map((kind) => {
  const { schema } = kindOf(kind);
  return typeof schema === "function" ? schema({ steps: stepList, stepsOfCase } as StepListSchemas<never>) : schema;
}) as unknown as readonly [z.ZodObject];

export const stepDefinition = z.discriminatedUnion("type", schemas, {
  error: (issue) => (issue.code === "invalid_union" ? `expected one of ${STEP_KINDS.join(", ")}` : undefined),
}) as unknown as z.ZodDiscriminatedUnion<typeof schemas> & z.ZodType<StepDefinition>;

const chain = z.strictObject({ workflow: workflowReference, input: template.optional() });
/** Workflows that are started when a task of this one ends. */
const chains = z.union([chain, z.array(chain).min(1).max(LIMITS.chains)]);

export const workflowDefinition = boundLists(
  z.strictObject({
    name: identifier.optional(),
    description: z.string().max(LIMITS.textLength).optional(),
    input_schema: z.record(z.string(), z.unknown()).optional(),
    output_schema: z.record(z.string(), z.unknown()).optional(),
    /** Of its tasks, unless they have one of their own. */
    deadline: positiveDuration.optional(),
    /** How many of its tasks run at once, unless they say so themselves. */
    concurrency: concurrencyDefinition.optional(),
    /** What its tasks may spend, at most. */
    budget: budgetDefinition.optional(),
    steps: stepList,
    output: template.optional(),
    on_completed: chains.optional(),
    on_failed: chains.optional(),
  }),
);

export type WorkflowDefinition = z.infer<typeof workflowDefinition>;
export type ChainDefinition = z.infer<typeof chain>;
