/** Everything that is checked of a definition before it may run. */
import { compileWorkflow, type Workflow } from "../language/compile.ts";
import { blocksIn, stepsIn, type BlockHolder } from "../language/blocks.ts";
import type { Fault } from "../shared/errors.ts";
import { isJsonObject, pointer, type JsonObject } from "../shared/json.ts";
import { err, type Result } from "../shared/result.ts";
import { schemaFaults } from "./input-schema.ts";
import { impossibleFaults } from "./lint/impossible.ts";

export function checkWorkflow(text: string): Result<Workflow, readonly Fault[]> {
  const compiled = compileWorkflow(text);
  const faults = compiled.ok ? faultsIn(compiled.value) : [];
  return faults.length > 0 ? err(faults) : compiled;
}

/** As `checkWorkflow`, of one that is sent along instead of being registered. */
export function checkUnregistered(text: string): Result<Workflow, readonly Fault[]> {
  const checked = checkWorkflow(text);
  const faults = checked.ok ? sharedKeys({ holder: checked.value.definition as unknown as JsonObject, at: "" }) : [];
  return faults.length > 0 ? err(faults) : checked;
}

/** Its results would be taken by workflows whose authors do not know it. */
function sharedKeys(block: BlockHolder): readonly Fault[] {
  return stepsIn(block).flatMap((placed): readonly Fault[] => {
    const { cache } = placed.step;
    const isShared = isJsonObject(cache ?? null) && (cache as JsonObject)["scope"] === "tenant";
    const message = 'only a registered workflow shares its keys with others; leave "scope" out, or register the workflow';
    const fault: Fault = { pointer: placed.at + pointer("cache", "scope"), message, code: "invalid_definition" };
    return [...(isShared ? [fault] : []), ...blocksIn(placed).flatMap(sharedKeys)];
  });
}

/** What is wrong with a definition that compiles. */
export function faultsIn(workflow: Workflow): readonly Fault[] {
  const ofSchemas = schemaFaults(workflow.definition);
  // A schema that cannot be applied is not asked what it says.
  return ofSchemas.length > 0 ? ofSchemas : impossibleFaults(workflow);
}
