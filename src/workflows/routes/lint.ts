/** Warnings about a definition, with the agents and workflows of its tenant looked up as far as that is possible now. */
import { z } from "@hono/zod-openapi";
import type { DirectorySnapshot } from "../../agents/selection/selection.ts";
import type { Workflow } from "../../language/compile.ts";
import type { Fault } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import type { Library } from "../../language/library.ts";
import { log, messageOf } from "../../shared/log.ts";
import { ok, type Result } from "../../shared/result.ts";
import { loadLibrary } from "../library.ts";
import { LINT_CODES, type LintCode, type Warning } from "../lint/codes.ts";
import { lintWorkflow } from "../lint/lint.ts";
import { isItself } from "../lint/references.ts";
import type { LintContext } from "../lint/lint-context.ts";
import { isTrouble } from "../../objects/trouble.ts";
import { faultSchema } from "../../http/problem.ts";
import type { WorkflowServices } from "../services.ts";

export const warningSchema = faultSchema.extend({ code: z.enum(Object.keys(LINT_CODES) as LintCode[]) }).openapi("Warning");

/** For people who read the documentation: what each code means. */
export const LINT_TABLE = Object.entries(LINT_CODES)
  .map(([code, meaning]) => `- \`${code}\`: ${meaning}`)
  .join("\n");

/** `name`: as which the definition is registered or will be, so that it may refer to itself. */
export async function warningsFor(
  workflow: Workflow,
  name: string | null,
  tenant: string,
  services: WorkflowServices,
): Promise<readonly Warning[]> {
  const now = Date.now();
  const [known, library] = await Promise.all([
    softly(services.directory.load(tenant, now)),
    softly(libraryOf(workflow, name, tenant, services)),
  ]);
  const context: LintContext = { name, agents: known, library };
  const warnings = lintWorkflow(workflow, context);
  const unchecked = [...(known === null ? ["agents"] : []), ...(library === null ? ["workflows"] : [])].map(notChecked);
  if (known === null || !warnings.some(({ code }) => ABOUT_AGENTS.includes(code))) return [...warnings, ...unchecked];
  // Somebody may have registered a moment ago.
  const latest = await softly<DirectorySnapshot>(services.directory.refresh(tenant, now));
  return [...(latest === null ? warnings : lintWorkflow(workflow, { ...context, agents: latest })), ...unchecked];
}

const ABOUT_AGENTS: readonly LintCode[] = ["unknown_capability", "unknown_agent", "too_few_agents", "no_fitting_agent", "missing_input"];

function libraryOf(
  { definition }: Workflow,
  name: string | null,
  tenant: string,
  { workflows }: WorkflowServices,
): Promise<Result<Library, readonly Fault[]>> {
  const text = JSON.stringify(definition);
  return loadLibrary(definition as unknown as Json, async (reference) =>
    isItself(reference, name) ? ok({ name: name ?? "", version: 0, definition: text }) : workflows.resolve(tenant, reference, name ?? ""),
  );
}

/** Warnings are no reason to fail: without what could not be looked up there are fewer. */
async function softly<T>(lookUp: Promise<T>): Promise<T | null> {
  try {
    return await lookUp;
  } catch (error) {
    if (!isTrouble(error)) throw error;
    log("warn", "lint without a look-up", { error: messageOf(error) });
    return null;
  }
}

function notChecked(what: string): Warning {
  return {
    code: "not_checked",
    pointer: "",
    message: `the ${what} could not be looked up just now, so what depends on them was not checked`,
  };
}
