/** Workflows that are there from the start. */
import type { WorkflowDefinition } from "../language/definition.ts";
import { bulkWorkflow } from "../bulk/agent.ts";
import type { WorkflowVersion } from "./registry.ts";

/** One step that answers with its input: the shortest way to see the whole service work. */
const simple: WorkflowDefinition = {
  name: "simple",
  description: "Answers with its input.",
  steps: [{ id: "echo", capability: "echo", input: "${ input }" }],
  output: "${ steps.echo.output }",
};

export const BUILTIN_WORKFLOWS: readonly WorkflowVersion[] = [simple, bulkWorkflow].map((definition) => ({
  name: definition.name ?? "",
  version: 1,
  definition: JSON.stringify(definition),
  createdAt: 0,
  createdBy: null,
}));

export function builtinWorkflow(name: string): WorkflowVersion | null {
  return BUILTIN_WORKFLOWS.find((workflow) => workflow.name === name) ?? null;
}
