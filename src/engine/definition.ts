/**
 * A workflow as its author writes it: data, strict, in JSON. The shape only; what the parts mean together is checked
 * when the graph is compiled.
 */
import { z } from "zod";
import { LIMITS } from "../shared/limits.ts";
import { parseDuration } from "../shared/time.ts";

export const identifier = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . -")
  .max(LIMITS.idLength);

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== null, 'expected a duration such as "500ms", "10s", "5m", "2h" or "7d"')
  .refine((text) => (parseDuration(text) ?? 0) <= LIMITS.durationMs, "a duration is at most 365d");

const positiveDuration = duration.refine((text) => (parseDuration(text) ?? 1) > 0, "expected more than zero");

export const RUN_IF = ["all_completed", "all_settled", "none_failed", "any_completed", "any_failed"] as const;

const retryDefinition = z.strictObject({
  max_attempts: z.int().min(1).max(LIMITS.attempts).optional(),
  strategy: z.enum(["fixed", "linear", "exponential"]).optional(),
  delay: duration.optional(),
  factor: z.number().min(1).max(100).optional(),
  max_delay: duration.optional(),
  jitter: z.enum(["full", "none"]).optional(),
  non_retryable: z.array(z.string().min(1).max(LIMITS.nameLength)).max(100).optional(),
});

const json = z.unknown();

const fallbackOutput = z.strictObject({ output: json }).refine((value) => "output" in value, 'expected {"output": …}');

/** What every kind of step has. */
const stepBase = {
  id: identifier,
  description: z.string().max(LIMITS.textLength).optional(),
  needs: z.array(identifier).max(LIMITS.steps).optional(),
  when: z.string().min(1).optional(),
  run_if: z.enum(RUN_IF).optional(),
  on_error: z.union([z.enum(["fail", "continue"]), fallbackOutput]).optional(),
};

const agentStepDefinition = z.strictObject({
  ...stepBase,
  type: z.literal("agent").optional(),
  capability: identifier.optional(),
  agent: identifier.optional(),
  input: json.optional(),
  timeout: positiveDuration.optional(),
  retry: retryDefinition.optional(),
});

export const workflowDefinition = z.strictObject({
  name: identifier.optional(),
  description: z.string().max(LIMITS.textLength).optional(),
  input_schema: z.record(z.string(), json).optional(),
  steps: z.array(agentStepDefinition).min(1).max(LIMITS.steps),
  output: json.optional(),
});

export type WorkflowDefinition = z.infer<typeof workflowDefinition>;
export type StepDefinition = WorkflowDefinition["steps"][number];
export type RetryDefinition = z.infer<typeof retryDefinition>;
export type RunIf = (typeof RUN_IF)[number];
