/** What is done with workflows, their versions and channels. `expected`: what the caller has seen of it, to change nothing else. */
import type { Expected } from "../shared/expected.ts";
import { byOf } from "../shared/actor.ts";
import type { Workflow } from "../language/compile.ts";
import { rejection, rejectionOf, type Fault, type Rejection } from "../shared/errors.ts";
import { operation } from "../shared/operation.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { ChannelTarget } from "./channels.ts";
import { checkWorkflow } from "./check.ts";
import type { NameCopy, WorkflowCopies } from "./copies.ts";
import { endlessFaults } from "./lint/endless.ts";
import type { WorkflowVersion } from "./registry.ts";
import type { WorkflowServices } from "./services.ts";

type Workflows = Pick<WorkflowServices, "workflows">;
type Channels = Pick<WorkflowServices, "channels">;

interface Copies {
  readonly copies: WorkflowCopies;
}

export interface PutWorkflow {
  readonly registered: WorkflowVersion & { readonly isNew: boolean };
  readonly workflow: Workflow;
}

/** `definition`: JSON text. */
export const putWorkflow = operation(
  "workflows:write",
  async (
    actor,
    { workflows }: Workflows,
    name: string,
    definition: string,
    expected: Expected,
  ): Promise<Result<PutWorkflow, Rejection>> => {
    const checked = checkedDefinition(name, definition);
    if (!checked.ok) return err(rejectionOf(checked.error, "invalid_definition"));
    const registered = await workflows.register(actor.tenant, name, definition, expected, byOf(actor), Date.now());
    return registered.ok ? ok({ registered: registered.value, workflow: checked.value }) : registered;
  },
);

export const deleteWorkflow = operation("workflows:write", async (actor, { workflows }: Workflows, name: string, expected: Expected) =>
  deleted(await workflows.delete(actor.tenant, name, expected), noWorkflow(name)),
);

/** `version`: `null` where what was asked for cannot be one. */
export const deleteVersion = operation(
  "workflows:write",
  async (actor, { workflows }: Workflows, name: string, version: number | null, written: string, expected: Expected) =>
    deleted(
      version === null ? ok(false) : await workflows.deleteVersion(actor.tenant, name, version, expected),
      noWorkflow(`${name} version ${written}`),
    ),
);

export const setChannel = operation(
  "workflows:write",
  async (actor, { channels }: Channels, name: string, target: ChannelTarget, expected: Expected) =>
    channels.set(actor.tenant, name, target, expected, byOf(actor), Date.now()),
);

export const deleteChannel = operation(
  "workflows:write",
  async (actor, { channels }: Channels, name: string, channel: string, expected: Expected) =>
    deleted(
      await channels.delete(actor.tenant, name, channel, expected),
      rejection("not_found", `Workflow "${name}" has no channel "${channel}"`),
    ),
);

/** `copy`: as a file has it. */
export const restoreVersion = operation("workflows:write", async (actor, { copies }: Copies, copy: WorkflowVersion, overwrites: boolean) =>
  copies.restoreVersion(actor.tenant, copy, overwrites),
);

export const restoreChannels = operation("workflows:write", async (actor, { copies }: Copies, copy: NameCopy, overwrites: boolean) =>
  copies.restoreName(actor.tenant, copy, overwrites, byOf(actor), Date.now()),
);

/** What is wrong with a definition as the next version of a name. */
export function definitionFaults(name: string, definition: string): readonly Fault[] {
  const checked = checkedDefinition(name, definition);
  return checked.ok ? [] : checked.error;
}

function checkedDefinition(name: string, definition: string): Result<Workflow, readonly Fault[]> {
  const compiled = checkWorkflow(definition);
  if (!compiled.ok) return compiled;
  const named = compiled.value.definition.name;
  if (named !== undefined && named !== name) {
    const message = `expected "${name}" as in the path, or no name`;
    return err([{ pointer: "/name", message, code: "invalid_definition" }]);
  }
  const endless = endlessFaults(compiled.value, name);
  return endless.length > 0 ? err(endless) : compiled;
}

export const noWorkflow = (name: string): Rejection => rejection("not_found", `There is no workflow "${name}"`);

function deleted(result: Result<boolean, Rejection>, missing: Rejection): Result<null, Rejection> {
  if (!result.ok) return result;
  return result.value ? ok(null) : err(missing);
}
