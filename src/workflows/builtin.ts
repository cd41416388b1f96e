/** Workflows that are there from the start. */
import type { WorkflowDefinition } from "../language/definition.ts";
import type { WorkflowVersion } from "./registry.ts";

/** One step that answers with its input: the shortest way to see the whole service work. */
const simple: WorkflowDefinition = {
  name: "simple",
  description: "Answers with its input.",
  steps: [{ id: "echo", capability: "echo", input: "${ input }" }],
  output: "${ steps.echo.output }",
};

const builtin = new Map<string, WorkflowVersion>();

/** Adds those that a room brings. */
export function addBuiltinWorkflows(definitions: readonly WorkflowDefinition[]): void {
  for (const definition of definitions) {
    const { name = "" } = definition;
    builtin.set(name, { name, version: 1, definition: JSON.stringify(definition), createdAt: 0, createdBy: null });
  }
}

addBuiltinWorkflows([simple]);

export const builtinWorkflows = (): readonly WorkflowVersion[] => [...builtin.values()];

export const builtinWorkflow = (name: string): WorkflowVersion | null => builtin.get(name) ?? null;
