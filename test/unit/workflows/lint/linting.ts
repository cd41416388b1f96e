/** Lint as tests ask for it: of a definition, with these agents and workflows around it. */
import { rejection } from "../../../../src/shared/errors.ts";
import type { Json } from "../../../../src/shared/json.ts";
import { err, ok } from "../../../../src/shared/result.ts";
import { compileWorkflow } from "../../../../src/language/compile.ts";
import { loadLibrary } from "../../../../src/workflows/library.ts";
import type { Warning } from "../../../../src/workflows/lint/codes.ts";
import { lintWorkflow } from "../../../../src/workflows/lint/lint.ts";
import { isItself } from "../../../../src/workflows/lint/references.ts";
import type { KnownAgent, KnownAgents } from "../../../../src/workflows/lint/lint-context.ts";

export type Steps = readonly object[];

/** A step that any agent with the capability `work` carries out. */
export const step = (id: string, more: object = {}): object => ({ id, capability: "work", ...more });
export const steps = (...all: Steps): object => ({ steps: all });

export function agentsWith(...agents: readonly KnownAgent[]): KnownAgents {
  const byCapability = new Map<string, { readonly agent: KnownAgent }[]>();
  for (const agent of agents) {
    for (const { name } of agent.capabilities) byCapability.set(name, [...(byCapability.get(name) ?? []), { agent }]);
  }
  return { byId: new Map(agents.map((agent) => [agent.id, agent])), byCapability };
}

export function lint(definition: object, agents: KnownAgents | null = null): readonly Warning[] {
  const compiled = compileWorkflow(JSON.stringify(definition));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  return lintWorkflow(compiled.value, { name: null, agents, library: null });
}

/** Among registered workflows, as the one of a name. */
export async function lintAmong(workflows: Readonly<Record<string, Json>>, name: string, definition: object): Promise<readonly Warning[]> {
  const compiled = compileWorkflow(JSON.stringify(definition));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  const library = await loadLibrary(definition as Json, async (reference) => {
    if (isItself(reference, name)) return ok({ name, version: 0, definition: JSON.stringify(definition) });
    const found = workflows[reference];
    if (found === undefined) return err(rejection("unknown_type", `There is no task type "${reference}".`));
    return ok({ name: reference, version: 1, definition: JSON.stringify(found) });
  });
  return lintWorkflow(compiled.value, { name, agents: null, library });
}

export const told = (warnings: readonly Warning[]): readonly string[] => warnings.map(({ code, pointer }) => `${code} ${pointer}`);
