/** What goes wrong in plans, as it goes wrong: each changes a right plan in one place. */
import type { LintCode } from "../../../../src/workflows/lint/codes.ts";
import {
  anyStep,
  condition,
  fromInside,
  hasNeeds,
  inputOf,
  isKind,
  isLater,
  misspelt,
  onStep,
  renamed,
  set,
  stepsIn,
  whole,
  without,
  type Mistake,
  type Placed,
} from "./change.ts";
import type { Step } from "./plan.ts";

export interface KindOfMistake {
  readonly make: Mistake;
  /** Whether the plan is refused for it: `maybe` where it depends, or a warning does. */
  readonly isRefused: boolean | "maybe";
  /** What is suggested for it. */
  readonly suggestion?: string | RegExp;
  /** What lint says of it, where it is not refused. */
  readonly warning?: LintCode;
}

export const MISTAKES: { readonly [name: string]: KindOfMistake } = {
  misspelt_need: {
    make: onStep(hasNeeds, ({ step }) => {
      const needs = step["needs"] as string[];
      needs[0] = misspelt(needs[0] as string);
      return "/needs/0";
    }),
    isRefused: true,
    suggestion: /./,
  },
  misspelt_reference: { make: inputOf((id) => `\${ steps.${misspelt(id)}.output }`), isRefused: true, suggestion: /^steps\./ },
  inner_reference: {
    make: fromInside((step, inner) => {
      step["when"] = `steps.${inner}.output != null`;
      return "/when";
    }),
    isRefused: true,
    suggestion: /^steps\.\w+\.output/,
  },
  inner_need: {
    make: fromInside((step, inner) => {
      step["needs"] = [inner];
      return "/needs/0";
    }),
    isRefused: true,
    suggestion: /./,
  },
  outer_need: {
    make: onStep(
      ({ depth }) => depth > 0,
      ({ step }, _, plan) => {
        const owner = plan.steps[0] as Step;
        step["needs"] = [owner.id];
        return "/needs/0";
      },
    ),
    isRefused: true,
  },
  depends_on: { make: onStep(hasNeeds, renamed("needs", "depends_on")), isRefused: true, suggestion: "needs" },
  dependencies: { make: onStep(hasNeeds, renamed("needs", "dependencies")), isRefused: true, suggestion: "needs" },
  camel_need: { make: onStep(anyStep, set("runIf", "all_settled")), isRefused: true, suggestion: "run_if" },
  camel_agent: {
    make: onStep(isKind("agent"), ({ step }) => renamed("capability" in step ? "capability" : "agent", "agentId")({ step } as Placed)),
    isRefused: true,
    suggestion: "agent",
  },
  camel_retry: {
    make: onStep(isKind("agent"), (placed) => `${set("retry", { maxAttempts: 3 })(placed)}/maxAttempts`),
    isRefused: true,
    suggestion: "max_attempts",
  },
  extra_field: { make: onStep(anyStep, set("model", "large")), isRefused: true },
  step_name: {
    make: onStep((placed) => isKind("agent")(placed) && !("description" in placed.step), set("title", "Do it")),
    isRefused: true,
    suggestion: "description",
  },
  duration_number: { make: onStep(isKind("agent"), set("timeout", 30)), isRefused: true, suggestion: "30s" },
  duration_words: { make: onStep(isKind("agent"), set("timeout", "2 minutes")), isRefused: true, suggestion: "2m" },
  wait_number: {
    make: onStep(isKind("wait"), ({ step }) => (delete step["until"], set("for", 60)({ step } as Placed))),
    isRefused: true,
    suggestion: "60s",
  },
  wait_both: {
    make: onStep(isKind("wait"), ({ step }) => ((step["for"] = "5m"), (step["until"] = "2027-01-31T09:00:00Z"), "/for")),
    isRefused: true,
  },
  wait_someday: {
    make: onStep(isKind("wait"), ({ step }) => (delete step["for"], set("until", "tomorrow morning")({ step } as Placed))),
    isRefused: true,
  },
  duplicate_id: {
    make: onStep(isLater, ({ step, block }) => {
      step.id = (block[0] as Step).id;
      return "/id";
    }),
    isRefused: true,
  },
  spaced_id: { make: onStep(anyStep, ({ step }) => ((step.id = `${step.id} now`), "/id")), isRefused: true, suggestion: /_now$/ },
  number_id: {
    make: onStep(anyStep, ({ step }) => (((step as Record<string, unknown>)["id"] = 7), "/id")),
    isRefused: true,
    suggestion: "7",
  },
  no_id: { make: onStep(anyStep, without("id")), isRefused: true },
  both_targets: {
    make: onStep(isKind("agent"), ({ step }) => ((step["capability"] = "write"), (step["agent"] = "agent-2"), "")),
    isRefused: true,
  },
  no_target: { make: onStep(isKind("agent"), ({ step }) => (delete step["capability"], delete step["agent"], "")), isRefused: true },
  unclosed: { make: inputOf((id) => `\${ steps.${id}.output`), isRefused: true },
  need_text: {
    make: onStep(hasNeeds, ({ step }) => set("needs", (step["needs"] as string[])[0])({ step } as Placed)),
    isRefused: true,
    suggestion: /^\["/,
  },
  retry_number: { make: onStep(isKind("agent"), set("retry", 3)), isRefused: true, suggestion: '{"max_attempts":3}' },
  retry_zero: { make: onStep(isKind("agent"), (placed) => `${set("retry", { max_attempts: 0 })(placed)}/max_attempts`), isRefused: true },
  retry_word: {
    make: onStep(isKind("agent"), (placed) => `${set("retry", { strategy: "exponential_backoff" })(placed)}/strategy`),
    isRefused: true,
    suggestion: "exponential",
  },
  no_over: { make: onStep(isKind("map"), without("over")), isRefused: true },
  no_steps: { make: onStep(isKind("map"), without("steps")), isRefused: true },
  no_max: { make: onStep(isKind("repeat"), without("max")), isRefused: true },
  no_cases: { make: onStep(isKind("switch"), without("cases")), isRefused: true },
  no_title: { make: onStep(isKind("approval"), without("title")), isRefused: true },
  no_workflow: { make: onStep(isKind("workflow"), renamed("workflow", "workflow_id")), isRefused: true, suggestion: "workflow" },
  no_output: { make: onStep(isKind("transform"), without("output")), isRefused: true },
  no_signal_name: { make: onStep(isKind("signal"), renamed("name", "event")), isRefused: true, suggestion: "name" },
  circle: {
    make: (plan, dice) => {
      const placed = dice.pick(stepsIn(plan.steps, "").filter(hasNeeds));
      const [need] = (placed?.step["needs"] ?? []) as string[];
      const other = placed?.block.find(({ id }) => id === need);
      if (placed === undefined || other === undefined) return null;
      other["needs"] = [placed.step.id];
      // Any of them may be named.
      return placed.at.replace(/\/\d+$/, "");
    },
    isRefused: true,
  },
  needs_itself: { make: onStep(anyStep, ({ step }) => ((step["needs"] = [step.id]), "")), isRefused: true },
  wrapped_condition: { make: condition((id) => `\${ steps.${id}.output != null }`), isRefused: false },
  type_parallel: { make: onStep(isKind("map"), set("type", "parallel")), isRefused: true, suggestion: "map" },
  type_loop: { make: onStep(isKind("repeat"), set("type", "loop")), isRefused: true, suggestion: "repeat" },
  type_condition: { make: onStep(isKind("switch"), set("type", "condition")), isRefused: true, suggestion: "switch" },
  type_human: { make: onStep(isKind("approval"), set("type", "human")), isRefused: true, suggestion: "approval" },
  type_delay: { make: onStep(isKind("wait"), set("type", "delay")), isRefused: true, suggestion: "wait" },
  type_task: { make: onStep(isKind("agent"), set("type", "llm_task")), isRefused: true, suggestion: "agent" },
  type_missing: { make: onStep(isKind("map"), ({ step }) => (delete step["type"], "")), isRefused: true, suggestion: '"type": "map"' },
  curly_input: { make: inputOf((id) => `{{ steps.${id}.output }}`), isRefused: false, warning: "literal_reference" },
  bare_input: { make: inputOf((id) => `steps.${id}.output`), isRefused: false, warning: "literal_reference" },
  curly_condition: {
    make: condition((id) => `{{ steps.${id}.output }} != null`),
    isRefused: true,
    suggestion: /^steps\.\w+\.output != null$/,
  },
  script_condition: { make: condition((id) => `steps.${id}.output.count === 2`), isRefused: true, suggestion: /==/ },
  python_condition: { make: condition((id) => `steps.${id}.output.ok and not input.ok`), isRefused: true, suggestion: /&& !/ },
  python_length: { make: condition((id) => `len(steps.${id}.output.items) > 0`), isRefused: true, suggestion: /^size\(/ },
  assignment: { make: condition((id) => `steps.${id}.status = "completed"`), isRefused: true, suggestion: /==/ },
  no_condition: { make: condition(() => "'yes'"), isRefused: true },
  true_condition: { make: onStep(isLater, set("when", true)), isRefused: true, suggestion: "true" },
  null_condition: { make: onStep(isLater, set("when", null)), isRefused: true },
  step_result: { make: inputOf((id) => `\${ steps.${id}.result }`), isRefused: true, suggestion: /\.output$/ },
  step_field: { make: inputOf((id) => `\${ steps.${id}.summary }`), isRefused: true, suggestion: /\.output\.summary$/ },
  bare_step: { make: inputOf((id) => `\${ ${id}.output }`), isRefused: true, suggestion: /^steps\./ },
  inputs: { make: inputOf(() => "${ inputs.query }"), isRefused: true, suggestion: "input.query" },
  invented_field: { make: inputOf((id) => `\${ steps.${id}.output.bibliography }`), isRefused: false },
  failure_condition: { make: condition((id) => `steps.${id}.status == 'failed'`), isRefused: false, warning: "condition_never_holds" },
  run_always: { make: onStep(hasNeeds, set("run_if", "always")), isRefused: true, suggestion: "all_settled" },
  run_success: { make: onStep(hasNeeds, set("run_if", "all_success")), isRefused: true, suggestion: "all_completed" },
  any_of_nothing: {
    make: onStep(
      ({ step, block }) => block[0] === step && step["type"] === undefined,
      ({ step }) => {
        step["input"] = {};
        delete step["when"];
        return set("run_if", "any_failed")({ step } as Placed);
      },
    ),
    isRefused: true,
  },
  ignore_error: { make: onStep(anyStep, set("on_error", "ignore")), isRefused: true, suggestion: "continue" },
  error_object: { make: onStep(anyStep, set("on_error", { fallback: "none" })), isRefused: true },
  tolerate_text: { make: onStep(isKind("map"), set("tolerate", "a few")), isRefused: true },
  concurrency_zero: { make: onStep(isKind("map"), set("concurrency", 0)), isRefused: true },
  over_text: { make: onStep(isKind("map"), set("over", "'a, b, c'")), isRefused: true },
  ensemble_agent: {
    make: onStep(isKind("agent"), ({ step }) => ((step["ensemble"] = { agents: 3, mode: "vote" }), "/ensemble/mode")),
    isRefused: true,
  },
  quorum_large: {
    make: onStep(
      ({ step }) => "capability" in step,
      ({ step }) => ((step["ensemble"] = { agents: 2, mode: "quorum", quorum: 3 }), "/ensemble/quorum"),
    ),
    isRefused: true,
  },
  end_error: {
    make: onStep(
      isKind("end"),
      ({ step }) => ((step["status"] = "completed"), delete step["output"], (step["error"] = { message: "no" }), "/error"),
    ),
    isRefused: true,
  },
  case_boolean: {
    make: onStep(isKind("switch"), ({ step }) => {
      const [first] = step["cases"] as Record<string, unknown>[];
      Object.assign(first ?? {}, { when: true });
      return "/cases/0/when";
    }),
    isRefused: true,
    suggestion: "true",
  },
  assignee_name: { make: onStep(isKind("approval"), (placed) => `${set("assignees", ["bob"])(placed)}/0`), isRefused: true },
  hidden_step: {
    make: onStep(
      ({ depth }) => depth > 0,
      ({ step }, _, plan) => ((step.id = (plan.steps[0] as Step).id), "/id"),
    ),
    isRefused: true,
  },
  steps_object: {
    make: whole(
      (plan) => (((plan as Record<string, unknown>)["steps"] = Object.fromEntries(plan.steps.map((step) => [step.id, step]))), "/steps"),
    ),
    isRefused: true,
  },
  steps_tasks: {
    make: whole(
      (plan) => (((plan as Record<string, unknown>)["tasks"] = plan.steps), delete (plan as Record<string, unknown>)["steps"], "/tasks"),
    ),
    isRefused: true,
    suggestion: "steps",
  },
  no_steps_at_all: { make: whole((plan) => ((plan.steps = []), "/steps")), isRefused: true },
  schema_text: { make: whole((plan) => ((plan["input_schema"] = "an object with a query"), "/input_schema")), isRefused: true },
  output_unknown: { make: whole((plan) => ((plan["output"] = "${ steps.final_result.output }"), "/output")), isRefused: true },
  chain_text: { make: whole((plan) => ((plan["on_completed"] = "archive_flow"), "/on_completed")), isRefused: true },
};
