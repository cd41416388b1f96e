/** A new version of `ticket-triage`, first beside the stable one, then with a share of its work, then in its place. */
import type { Orchestrator } from "../setup/orchestrator.ts";
import { definitionOf } from "./definitions.ts";

const path = "/workflows/ticket-triage";

interface Version {
  readonly version: number;
}

/** The first version is stable; another one, with another agent as its reader, is the canary, and gets no work yet. */
export async function putCanary(orchestrator: Orchestrator, reader: string): Promise<void> {
  const definition = definitionOf("ticket-triage");
  const first = await orchestrator.putYaml<Version>(path, definition);
  const next = await orchestrator.putYaml<Version>(path, definition.replace(reader, "bookkeeper"));
  await orchestrator.call("PUT", `${path}/channels/stable`, { version: first.version });
  await orchestrator.call("PUT", `${path}/channels/canary`, { version: next.version });
}

/** The canary gets that share of what asks for the stable version. */
export async function release(orchestrator: Orchestrator, percent: number): Promise<void> {
  const { version } = await canary(orchestrator);
  await orchestrator.call("PUT", `${path}/channels/canary`, { version, percent });
}

/** All of it. */
export async function promote(orchestrator: Orchestrator): Promise<void> {
  const { version } = await canary(orchestrator);
  await orchestrator.call("PUT", `${path}/channels/stable`, { version });
  await orchestrator.delete(`${path}/channels/canary`);
}

/** Which versions so many starts get that ask for the stable one. */
export async function versionsOf(orchestrator: Orchestrator, starts: number): Promise<readonly number[]> {
  const task = { type: "ticket-triage@stable", input: { message: "I was charged twice" } };
  const started = Array.from({ length: starts }, () => orchestrator.call<{ readonly workflow: Version }>("POST", "/tasks", task));
  return (await Promise.all(started)).map(({ workflow }) => workflow.version);
}

async function canary(orchestrator: Orchestrator): Promise<Version> {
  const { data } = await orchestrator.call<{ readonly data: readonly (Version & { readonly channel: string })[] }>(
    "GET",
    `${path}/channels`,
  );
  const found = data.find(({ channel }) => channel === "canary");
  if (found === undefined) throw new Error("There is no canary");
  return found;
}
