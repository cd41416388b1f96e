/** A step that is a task of its own: another workflow. */
import { z } from "zod";
import { budgetDefinition, taskBudget, type TaskBudget } from "../budget-definition.ts";
import { template, workflowReference } from "../definition-words.ts";
import { NOTHING, type Template } from "../expressions/template.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, type KindDefinition } from "./kind.ts";

const schema = z.strictObject({
  ...stepFields,
  type: z.literal("workflow"),
  workflow: workflowReference,
  input: template.optional(),
  /** What its task may spend, at most. */
  budget: budgetDefinition.optional(),
});

interface Child {
  readonly workflow: string;
  readonly input: Template;
  /** What its task may spend, of the budget of this one. */
  readonly budget: TaskBudget | null;
}

export const workflow: KindDefinition<z.infer<typeof schema>, Child> = {
  synonyms: [{ words: "subworkflow sub_workflow child child_workflow call_workflow nested flow pipeline sub_process subflow" }],
  schema,
  compile: (step, { workflow: reference, input, budget }) => ({
    workflow: reference,
    input: input === undefined ? NOTHING : step.template(input, "input"),
    budget: taskBudget(budget, undefined) ?? null,
  }),
  expressions: ({ input }) => [{ field: "input", value: input }],
  takes: "work",
  startsWorkflow: true,
  output: ({ workflow: reference }, _node, shapes) => shapes.workflow(reference),
  box: ["[[", "]]"],
  label: (step) => [labelText(step["workflow"])],
};
