/** What a task runs: a definition that was sent along or is registered, as it is now, with every workflow that it may start. */
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import type { Library } from "../../language/library.ts";
import { rejectionOf, type Fault, type Rejection } from "../../shared/errors.ts";
import { pointer, type Json } from "../../shared/json.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { checkUnregistered } from "../../workflows/check.ts";
import { loadLibrary } from "../../workflows/library.ts";
import type { TaskServices } from "../services.ts";
import type { SubmissionBody } from "../routes/task-schemas.ts";
import type { Runnable } from "../submission/plan.ts";

type What = Pick<SubmissionBody, "type" | "workflow">;
/** Where versions share the starts of a name, the task's id decides. */
interface ForTask {
  readonly tenant: string;
  readonly task: string;
}
export type DefinitionServices = Pick<TaskServices, "workflows">;

export async function runnableOf(what: What, services: DefinitionServices, task: ForTask): Promise<Result<Runnable, Rejection>> {
  const pinned = await pinWorkflow(what, services, task);
  if (!pinned.ok) return pinned;
  const library = await libraryOf(pinned.value.compiled, what, services, task);
  if (!library.ok) return library;
  return ok({ ...pinned.value, ...(Object.keys(library.value).length > 0 && { library: library.value as unknown as Json }) });
}

/** The definition that the task will run, fixed now. */
export async function pinWorkflow(
  { type, workflow }: What,
  { workflows }: DefinitionServices,
  { tenant, task }: ForTask,
): Promise<Result<Omit<Runnable, "library">, Rejection>> {
  if (workflow !== undefined) {
    const definition = JSON.stringify(workflow);
    const compiled = checkUnregistered(definition);
    if (!compiled.ok) return err(rejectionOf(insideWorkflow(compiled.error), "invalid_definition"));
    return ok({ type: null, workflow: { name: workflow.name ?? null, version: null }, definition, compiled: compiled.value });
  }
  const resolved = await workflows.resolve(tenant, type as string, task);
  if (!resolved.ok) return resolved;
  const { name, version, definition } = resolved.value;
  const compiled = compileWorkflow(definition);
  if (!compiled.ok) return err(rejectionOf(compiled.error, "invalid_definition"));
  // Its type is the name, without the version that was asked for.
  return ok({ type: name, workflow: { name, version }, definition, compiled: compiled.value });
}

/** Every workflow that it may start, as it is now. */
export async function libraryOf(
  { definition }: Workflow,
  { workflow }: Pick<What, "workflow">,
  { workflows }: DefinitionServices,
  { tenant, task }: ForTask,
): Promise<Result<Library, Rejection>> {
  const loaded = await loadLibrary(definition as unknown as Json, (reference) => workflows.resolve(tenant, reference, task));
  if (loaded.ok) return loaded;
  return err(rejectionOf(workflow === undefined ? loaded.error : insideWorkflow(loaded.error), "unknown_reference"));
}

const insideWorkflow = (faults: readonly Fault[]): readonly Fault[] =>
  faults.map((fault) => ({ ...fault, pointer: pointer("workflow") + fault.pointer }));
