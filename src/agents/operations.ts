/** What is done with agents. */
import { byOf, type Actor } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { log, messageOf } from "../shared/log.ts";
import { operation } from "../shared/operation.ts";
import { err, ok } from "../shared/result.ts";
import type { AgentRecord } from "./agent.ts";
import type { AgentRegistration } from "./registry/registration.ts";
import type { Expectation } from "./registry/registry.ts";
import type { AgentServices } from "./services.ts";

/** `later`: what goes on after the answer. */
type Later = (work: Promise<void>) => void;

export interface PutAgent {
  readonly registration: AgentRegistration;
  readonly expected: Expectation;
  /** Parts of it are changed; credentials that are not named stay. */
  readonly change?: { readonly keepsAuth: boolean };
}

export const putAgent = operation(
  "agents:write",
  async (actor, services: AgentServices, id: string, { registration, expected, change }: PutAgent, later: Later) => {
    const { agents, directory, agentObject, pokeWaiting } = services;
    const { tenant } = actor;
    const keepsAuth = change?.keepsAuth ?? false;
    const registered = await agents.register(tenant, id, registration, expected, keepsAuth, byOf(actor), Date.now());
    if (!registered.ok) return registered;
    await directory.changed(tenant, Date.now());
    const how = registered.value.isNew ? "new" : change === undefined ? "again" : "changed";
    later(told(id, agentObject(tenant, id).registered({ tenant, agent: id }, how)));
    later(pokeWaiting(tenant, registered.value.agent));
    return registered;
  },
);

export const deleteAgent = operation(
  "agents:write",
  async (actor: Actor, { agents, directory, agentObject }: AgentServices, id: string, expected: Expectation, later: Later) => {
    const { tenant } = actor;
    const deleted = await agents.delete(tenant, id, expected);
    if (!deleted.ok) return deleted;
    if (!deleted.value) return err(noAgent(id));
    await directory.changed(tenant, Date.now());
    later(told(id, agentObject(tenant, id).removed({ tenant, agent: id })));
    return ok(null);
  },
);

/** `agent`: as a file has it. What follows is done once for all of them, by `agentsRestored`. */
export const restoreAgent = operation("agents:write", async (actor, { agents }: AgentServices, agent: AgentRecord, overwrites: boolean) =>
  agents.restore(actor.tenant, agent, overwrites, byOf(actor), Date.now()),
);

/** What has to know of agents that an import has brought knows of them. */
export async function agentsRestored(
  tenant: string,
  { directory, agentObject, pokeWaiting }: AgentServices,
  restored: readonly AgentRecord[],
): Promise<void> {
  await directory.changed(tenant, Date.now());
  for (const agent of restored) {
    await told(agent.id, agentObject(tenant, agent.id).registered({ tenant, agent: agent.id }, "changed"));
    await pokeWaiting(tenant, agent);
  }
}

export const noAgent = (id: string): Rejection => rejection("not_found", `There is no agent "${id}"`);

/** If this is lost, the object finds out by itself. */
async function told(id: string, message: Promise<void>): Promise<void> {
  await message.catch((error: unknown) => log("warn", "agent's object not told", { agent: id, error: messageOf(error) }));
}
