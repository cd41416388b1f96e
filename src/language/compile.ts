/** From JSON to a graph, remembered by text and rules: tasks of one workflow share its compiled form. */
import type { Fault } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { z } from "zod";
import { compileGraph } from "./compile-graph.ts";
import { faultsBeyond } from "./wording/further-faults.ts";
import { shapeFaults, type Checked } from "./wording/shape-faults.ts";
import { workflowDefinition, type WorkflowDefinition } from "./definition.ts";
import type { Graph } from "./graph.ts";
import { RULES, type Rules } from "./rules.ts";

export interface Workflow {
  readonly definition: WorkflowDefinition;
  readonly graph: Graph;
}

/**
 * Validates and compiles a definition given as JSON text; every fault with its pointer. Whoever has read the text already
 * gives the value, too, so that it is read once; nobody changes it afterwards. A task that has begun is compiled by its own rules.
 */
export function compileWorkflow(text: string, rules = RULES, value?: Json): Result<Workflow, readonly Fault[]> {
  const known = workflowByText.get(keyOf(text, rules));
  if (known !== undefined) return ok(known);
  const workflow = compile(value ?? (JSON.parse(text) as Json), rules);
  if (workflow.ok) remember(keyOf(text, rules), workflow.value);
  return workflow;
}

/** Most ask by the rules of today: their text is the key itself. */
const keyOf = (text: string, rules: Rules): string => (rules === RULES ? text : `${rules} ${text}`);

function compile(value: Json, rules: Rules): Result<Workflow, readonly Fault[]> {
  const parsed = workflowDefinition.safeParse(value);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error, "", { value, schema: workflowDefinition });
    return err(faults.length < LIMITS.faults ? [...faults, ...faultsBeyond(value, faults)].slice(0, LIMITS.faults) : faults);
  }
  const graph = compileGraph(parsed.data, rules);
  return graph.ok ? ok({ definition: parsed.data, graph: graph.value }) : graph;
}

/** Shape faults of any strict schema, in the words of this project; with what was `checked` they say what came, too. */
export function faultsOf(error: z.ZodError, root = "", checked: Checked | null = null): readonly Fault[] {
  return shapeFaults(error.issues, checked, root);
}

const workflowByText = new Map<string, Workflow>();
let rememberedBytes = 0;

function remember(key: string, workflow: Workflow): void {
  if (key.length > LIMITS.compiledGraphBytes) return;
  workflowByText.set(key, workflow);
  rememberedBytes += key.length;
  for (const oldest of workflowByText.keys()) {
    if (rememberedBytes <= LIMITS.compiledGraphBytes) break;
    workflowByText.delete(oldest);
    rememberedBytes -= oldest.length;
  }
}
