/** Everything that is checked of a definition before it may run. */
import { compileWorkflow, type Workflow } from "../engine/compile.ts";
import type { Fault } from "../shared/errors.ts";
import { err, type Result } from "../shared/result.ts";
import { schemaFaults } from "./input-schema.ts";

export function checkWorkflow(text: string): Result<Workflow, readonly Fault[]> {
  const compiled = compileWorkflow(text);
  const faults = compiled.ok ? schemaFaults(compiled.value.definition) : [];
  return faults.length > 0 ? err(faults) : compiled;
}
