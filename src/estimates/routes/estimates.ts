/** `POST /workflows/estimate`: what a task would take and cost. */
import type { Context } from "hono";
import { taskBudget } from "../../language/budget-definition.ts";
import type { Policy } from "../../language/staffing.ts";
import { KINDS_WITH, type AssumedField } from "../assumptions.ts";
import { estimate, type Estimate } from "../estimate.ts";
import { kindsByStep } from "../step-names.ts";
import { rejectionOf, type Fault, type Rejection } from "../../shared/errors.ts";
import { pointer, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { Library } from "../../language/library.ts";
import type { Result } from "../../shared/result.ts";
import { nearest } from "../../shared/text.ts";
import { durationMs } from "../../shared/time.ts";
import { inputFaults } from "../../workflows/input-schema.ts";
import {
  AS_DEFINED,
  budgetOf,
  estimateBody,
  estimateBodyOf,
  estimateView,
  type EstimateBody,
  type PolicyName,
} from "./estimate-schemas.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { libraryOf, pinWorkflow } from "../../tasks/operations/runnable.ts";
import type { Runnable } from "../../tasks/submission/plan.ts";
import type { TaskServices } from "../../tasks/services.ts";

const estimateRoute = defineRoute({
  method: "post",
  path: "/workflows/estimate",
  operationId: "estimateWorkflow",
  summary: "Estimate what a task would take and cost",
  description:
    "Simulates it a thousand times, on the present state and statistics of the agents, under each policy. Nothing is called or recorded. What only running it would tell is assumed; the answer lists what was.",
  access: "workflows:read",
  maxBodyBytes: LIMITS.bodyBytes,
  request: { body: { required: true, content: { "application/json": { schema: estimateBody } } } },
  responses: { 200: json(estimateView, "Quantiles over the runs, by policy") },
});

const DEFAULT_POLICIES: readonly PolicyName[] = [AS_DEFINED, "fastest", "cheapest"];
const DEFAULT_RUNS = 1_000;
const DEFAULT_SEED = 1;

export const estimateRoutes = createRouter<TaskServices>().openapi(estimateRoute, async (c) => {
  const body = c.req.valid("json");
  const pinned = accepted(await pinWorkflow(body, c.var.services, identityOf(c)));
  const library = accepted(await libraryOf(pinned.compiled, body, c.var.services, identityOf(c)));
  const faults = [
    ...assumptionFaults(body, pinned, library),
    ...(body.input === undefined ? [] : inputFaults(pinned.compiled.definition, body.input as Json)),
  ];
  if (faults.length > 0) throw new Refused(rejectionOf(faults, "invalid_request"));
  const seed = body.seed ?? DEFAULT_SEED;
  const found = accepted(await estimateInSlices(c, body, pinned, library, seed));
  return c.json({ workflow: pinned.workflow, seed, ...estimateBodyOf(found, budgetOf(body.budget)) }, 200);
});

/** Where versions share the starts, an estimate goes the way of most of them, always the same. */
const identityOf = (c: Context<Api<TaskServices>>) => ({ tenant: c.var.principal.tenant, task: "estimate", fingerprint: null });

/** Lets other requests of this isolate have their turn in between. */
async function estimateInSlices(
  c: Context<Api<TaskServices>>,
  body: EstimateBody,
  { compiled: workflow }: Pick<Runnable, "compiled">,
  library: Library,
  seed: number,
): Promise<Result<Estimate, Rejection>> {
  const { directory, config } = c.var.services;
  const now = Date.now();
  const deadline = body.deadline ?? workflow.definition.deadline;
  const work = estimate({
    graph: workflow.graph,
    library,
    snapshot: await directory.refresh(c.var.principal.tenant, now),
    inlinePlaces: config.inlineCalls,
    input: body.input as Json | undefined,
    runs: body.runs ?? DEFAULT_RUNS,
    seed,
    policies: (body.policies ?? DEFAULT_POLICIES).map((name) => (name === AS_DEFINED ? null : (name satisfies Policy))),
    budget: budgetOf(body.budget ?? workflow.definition.budget),
    allowance: taskBudget(undefined, workflow.definition.budget),
    assume: body.assume ?? {},
    paysForFailures: body.failed_calls === undefined ? null : body.failed_calls === "paid",
    deadlineMs: deadline === undefined ? null : durationMs(deadline),
    now,
  });
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Assumptions of steps that do not exist, or that say nothing about such a step. */
function assumptionFaults(
  { assume = {} }: EstimateBody,
  { compiled: workflow }: Pick<Runnable, "compiled">,
  library: Library,
): readonly Fault[] {
  const kinds = kindsByStep(workflow.graph, library);
  return Object.entries(assume)
    .flatMap(([step, assumed]): readonly Fault[] => {
      const at = pointer("assume", step);
      const found = kinds.get(step);
      if (found === undefined) {
        const close = nearest(step, kinds.keys());
        const hint = close === null ? "" : `; did you mean "${close}"?`;
        return [{ pointer: at, message: `there is no step "${step}"${hint}`, code: "unknown_reference" }];
      }
      return (Object.keys(assumed) as AssumedField[]).flatMap((field) => {
        const kinds = KINDS_WITH[field];
        if (kinds === "all" || kinds.includes(found)) return [];
        return [
          {
            pointer: at + pointer(field),
            message: `says nothing about a step of type ${found}, only ${kinds.join(", ")}`,
            code: "invalid_request",
          },
        ];
      });
    })
    .slice(0, LIMITS.faults);
}
