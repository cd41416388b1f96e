/**
 * A workflow as its author writes it: data, strict, in JSON. The shape only; what the parts mean together is checked
 * when the graph is compiled. A new kind of step is one arm here, one in `kinds/`, one row in the transition table.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { concurrencyDefinition } from "./concurrency.ts";
import { agentFields, compensateDefinition } from "./agent-definition.ts";
import { budgetDefinition } from "./budget-definition.ts";
import { duration, expression, identifier, positiveDuration, template, variable, workflowReference } from "./definition-words.ts";

export const RUN_IF = ["all_completed", "all_settled", "none_failed", "any_completed", "any_failed"] as const;
export type RunIf = (typeof RUN_IF)[number];

const fallbackOutput = z.strictObject({ output: template }).refine((value) => "output" in value, 'expected {"output": …}');

/** What every kind of step has. */
const stepBase = {
  id: identifier,
  description: z.string().max(LIMITS.textLength).optional(),
  needs: z.array(identifier).max(LIMITS.steps).optional(),
  when: expression.optional(),
  run_if: z.enum(RUN_IF).optional(),
  on_error: z.union([z.enum(["fail", "continue"]), fallbackOutput]).optional(),
  /** An agent step that undoes this one when the task fails or is canceled after it. */
  compensate: compensateDefinition.optional(),
};

const agentStep = z.strictObject({ ...stepBase, type: z.literal("agent").optional(), ...agentFields });

const percent = z.string().regex(/^(100|\d{1,2})%$/, 'expected a number of items or a share such as "10%"');

const mapStep = z.strictObject({
  ...stepBase,
  type: z.literal("map"),
  /** A list: CEL, `${ … }`, or written out. */
  over: z.union([expression, z.array(template)], { error: 'expected a list, or an expression that yields one, such as "input.items"' }),
  as: variable.optional(),
  index: variable.optional(),
  get steps(): z.ZodType<StepList> {
    return stepList;
  },
  output: template.optional(),
  /** How many items at once; as many as there are unless said. */
  concurrency: z.int().min(1).max(LIMITS.mapConcurrency).optional(),
  /** How many items may fail. */
  tolerate: z.union([z.int().min(0).max(LIMITS.mapItems), percent]).optional(),
});

/** What a switch does in one case: some steps, or only what it comes to. */
const saysWhat = ({ steps, output }: { readonly steps: StepList; readonly output?: unknown }): boolean =>
  steps.length > 0 || output !== undefined;

const switchStep = z.strictObject({
  ...stepBase,
  type: z.literal("switch"),
  cases: z
    .array(
      z
        .strictObject({
          when: expression,
          get steps(): z.ZodType<StepList> {
            return stepsOfCase;
          },
          output: template.optional(),
        })
        .refine(saysWhat, 'expected "steps" or "output"'),
    )
    .min(1)
    .max(LIMITS.switchCases),
  default: z
    .strictObject({
      get steps(): z.ZodType<StepList> {
        return stepsOfCase;
      },
      output: template.optional(),
    })
    .refine(saysWhat, 'expected "steps" or "output"')
    .optional(),
});

const repeatStep = z.strictObject({
  ...stepBase,
  type: z.literal("repeat"),
  get steps(): z.ZodType<StepList> {
    return stepList;
  },
  output: template.optional(),
  /** CEL over the iteration's steps: it was the last. */
  until: expression.optional(),
  max: z.int().min(1).max(LIMITS.repeatIterations),
  /** Between two iterations. */
  delay: duration.optional(),
});

const workflowStep = z.strictObject({
  ...stepBase,
  type: z.literal("workflow"),
  workflow: workflowReference,
  input: template.optional(),
  /** What its task may spend, at most. */
  budget: budgetDefinition.optional(),
});

const waitStep = z
  .strictObject({
    ...stepBase,
    type: z.literal("wait"),
    /** A duration, or `${ … }` that yields one. */
    for: z.union([duration, z.string().regex(/\$\{/)], { error: 'expected a duration such as "10m"' }).optional(),
    /** RFC 3339, or `${ … }` that yields that. */
    until: z.string().min(1).optional(),
  })
  .refine((step) => (step.for === undefined) !== (step.until === undefined), {
    message: 'expected "for" (a duration) or "until" (a time), and only one of them',
    path: ["for"],
  });

const signalStep = z.strictObject({
  ...stepBase,
  type: z.literal("signal"),
  name: identifier,
  /** CEL over `signal`, the payload: others are left for other steps. */
  match: expression.optional(),
  timeout: positiveDuration.optional(),
});

/** `role:operator` or `subject:key_…`. */
const assignees = z
  .array(z.string().regex(/^(role|subject):[A-Za-z0-9_.@-]+$/, 'expected "role:operator" or "subject:<a key\'s id>"'))
  .min(1)
  .max(LIMITS.assignees);

const approvalStep = z.strictObject({
  ...stepBase,
  type: z.literal("approval"),
  title: z.string().min(1).max(LIMITS.textLength),
  /** What is to be approved. */
  payload: template.optional(),
  /** Who may decide; whoever may decide approvals unless said. */
  assignees: assignees.optional(),
  /** How many have to approve; one who rejects is enough. */
  quorum: z.int().min(1).max(LIMITS.quorum).optional(),
  due: positiveDuration.optional(),
  on_expiry: z.enum(["fail", "approve", "reject"]).optional(),
  /** Who is asked as well when it is due; then it is due once more. */
  escalate_to: assignees.optional(),
  /** Whether who approves may change the payload. */
  editable: z.boolean().optional(),
});

const transformStep = z.strictObject({ ...stepBase, type: z.literal("transform"), output: template });

const endStep = z.strictObject({
  ...stepBase,
  type: z.literal("end"),
  status: z.enum(["completed", "failed"]).optional(),
  output: template.optional(),
  error: z.strictObject({ code: identifier.optional(), message: z.string().min(1).max(LIMITS.textLength) }).optional(),
});

export const STEP_KINDS = ["agent", "map", "switch", "repeat", "workflow", "wait", "signal", "approval", "transform", "end"] as const;
export type StepKind = (typeof STEP_KINDS)[number];

export const stepDefinition = z.discriminatedUnion(
  "type",
  [agentStep, mapStep, switchStep, repeatStep, workflowStep, waitStep, signalStep, approvalStep, transformStep, endStep],
  { error: (issue) => (issue.code === "invalid_union" ? `expected one of ${STEP_KINDS.join(", ")}` : undefined) },
);

export const stepList: z.ZodType<StepList> = z.lazy(() => z.array(stepDefinition).min(1).max(LIMITS.steps));
const stepsOfCase: z.ZodType<StepList> = z.lazy(() => z.array(stepDefinition).max(LIMITS.steps).default([]));

const chain = z.strictObject({ workflow: workflowReference, input: template.optional() });
/** Workflows that are started when a task of this one ends. */
const chains = z.union([chain, z.array(chain).min(1).max(LIMITS.chains)]);

export const workflowDefinition = z.strictObject({
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
});

export type AgentStepDefinition = z.infer<typeof agentStep>;
export type MapStepDefinition = z.infer<typeof mapStep>;
export type SwitchStepDefinition = z.infer<typeof switchStep>;
export type RepeatStepDefinition = z.infer<typeof repeatStep>;
export type WorkflowStepDefinition = z.infer<typeof workflowStep>;
export type WaitStepDefinition = z.infer<typeof waitStep>;
export type SignalStepDefinition = z.infer<typeof signalStep>;
export type ApprovalStepDefinition = z.infer<typeof approvalStep>;
export type TransformStepDefinition = z.infer<typeof transformStep>;
export type EndStepDefinition = z.infer<typeof endStep>;
export type StepDefinition =
  | AgentStepDefinition
  | MapStepDefinition
  | SwitchStepDefinition
  | RepeatStepDefinition
  | WorkflowStepDefinition
  | WaitStepDefinition
  | SignalStepDefinition
  | ApprovalStepDefinition
  | TransformStepDefinition
  | EndStepDefinition;
export type StepList = readonly StepDefinition[];
export type WorkflowDefinition = z.infer<typeof workflowDefinition>;
export type ChainDefinition = z.infer<typeof chain>;
