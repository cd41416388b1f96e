/** From JSON to a graph, remembered by text: tasks of one workflow share its compiled form. */
import { pointer } from "../shared/json.ts";
import type { Fault } from "../shared/errors.ts";
import { LIMITS } from "../shared/limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { z } from "zod";
import { compileGraph } from "./compile-graph.ts";
import { workflowDefinition, type WorkflowDefinition } from "./definition.ts";
import type { Graph } from "./graph.ts";

export interface Workflow {
  readonly definition: WorkflowDefinition;
  readonly graph: Graph;
}

/** Validates and compiles a definition given as JSON text; every fault with its pointer. */
export function compileWorkflow(text: string): Result<Workflow, readonly Fault[]> {
  const known = workflowByText.get(text);
  if (known !== undefined) return ok(known);

  const parsed = workflowDefinition.safeParse(JSON.parse(text));
  if (!parsed.success) return err(faultsOf(parsed.error));
  const graph = compileGraph(parsed.data);
  if (!graph.ok) return graph;
  const workflow = { definition: parsed.data, graph: graph.value };
  remember(text, workflow);
  return ok(workflow);
}

/** Shape faults of any strict schema, in the words of this project. */
export function faultsOf(error: z.ZodError, root = ""): readonly Fault[] {
  return error.issues.flatMap((issue) => issueFaults(issue, root)).slice(0, LIMITS.faults);
}

function issueFaults(issue: z.core.$ZodIssue, root: string): readonly Fault[] {
  const at = root + pointer(...issue.path.map((segment) => (typeof segment === "symbol" ? segment.toString() : segment)));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ code: "invalid_request", pointer: at + pointer(key), message: "unknown field" }));
  }
  return [{ code: "invalid_request", pointer: at, message: issue.message }];
}

const workflowByText = new Map<string, Workflow>();
let rememberedBytes = 0;

function remember(text: string, workflow: Workflow): void {
  if (text.length > LIMITS.compiledGraphBytes) return;
  workflowByText.set(text, workflow);
  rememberedBytes += text.length;
  for (const oldest of workflowByText.keys()) {
    if (rememberedBytes <= LIMITS.compiledGraphBytes) break;
    workflowByText.delete(oldest);
    rememberedBytes -= oldest.length;
  }
}
