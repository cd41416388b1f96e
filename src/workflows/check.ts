/** Everything that is checked of a definition before it may run. */
import { compileWorkflow, type Workflow } from "../language/compile.ts";
import type { Fault } from "../shared/errors.ts";
import { err, type Result } from "../shared/result.ts";
import { schemaFaults } from "./input-schema.ts";
import { impossibleFaults } from "./lint/impossible.ts";

export function checkWorkflow(text: string): Result<Workflow, readonly Fault[]> {
  const compiled = compileWorkflow(text);
  const faults = compiled.ok ? faultsIn(compiled.value) : [];
  return faults.length > 0 ? err(faults) : compiled;
}

/** What is wrong with a definition that compiles. */
export function faultsIn(workflow: Workflow): readonly Fault[] {
  const ofSchemas = schemaFaults(workflow.definition);
  // A schema that cannot be applied is not asked what it says.
  return ofSchemas.length > 0 ? ofSchemas : impossibleFaults(workflow);
}
