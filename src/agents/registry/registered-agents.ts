/** The agents of a tenant as records of a file. */
import { z } from "zod";
import { changesInFile, exported, registeredKind, type RegisteredKind } from "../../records/registered.ts";
import { LIMITS } from "../limits.ts";
import { registrationOf, declaredOf, secretPlace, type AgentRecord } from "../agent.ts";
import { restoreAgent, agentsRestored } from "../operations.ts";
import type { AgentServices } from "../services.ts";
import { agentRegistration } from "./registration.ts";
import { registrationFaults } from "./registration-check.ts";
import type { UrlPolicy } from "../../shared/url-guard.ts";

/** PERSISTED in files. Secrets are sealed as they are in D1. */
const agentInFile = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+$/)
    .max(LIMITS.idLength),
  registration: agentRegistration,
  auth: z.strictObject({ type: z.enum(["bearer", "header"]), name: z.string().min(1).max(64), sealed: z.string() }).nullable(),
  /** Empty for an agent that is not called. */
  signing: z.string(),
  ...changesInFile,
});
type AgentInFile = z.infer<typeof agentInFile>;

export function registeredAgents(services: AgentServices, policy: UrlPolicy): RegisteredKind {
  return registeredKind<AgentInFile>({
    name: "agent",
    schema: agentInFile,
    nameOf: ({ id }) => id,
    exportPage: async (tenant, after, limit) => exported(await services.agents.page(tenant, after, limit), limit, ({ id }) => id, inFile),
    secretsOf: (tenant, { id, auth, signing }) => [
      ...(auth === null ? [] : [{ at: "/auth/sealed", sealed: auth.sealed, place: secretPlace(tenant, id, "auth") }]),
      ...(signing === "" ? [] : [{ at: "/signing", sealed: signing, place: secretPlace(tenant, id, "signing") }]),
    ],
    faultsOf: (_, { registration }) =>
      registrationFaults(registration, policy).map((fault) => ({ ...fault, pointer: `/registration${fault.pointer}` })),
    restore: (actor, record, overwrites) => restoreAgent(actor, services, fromFile(record), overwrites),
    settle: (tenant, records) => agentsRestored(tenant, services, records.map(fromFile)),
  });
}

function inFile(record: AgentRecord): AgentInFile {
  const { id, auth, signing, createdAt, createdBy, updatedAt, updatedBy, revision } = record;
  return {
    id,
    registration: registrationOf(record),
    auth: auth && { ...auth },
    signing,
    created_at: createdAt,
    created_by: createdBy ?? null,
    updated_at: updatedAt,
    updated_by: updatedBy ?? null,
    revision,
  };
}

function fromFile({ id, registration, auth, signing, ...changes }: AgentInFile): AgentRecord {
  return {
    v: 1,
    id,
    name: registration.name ?? id,
    ...declaredOf(registration),
    auth,
    signing,
    createdAt: changes.created_at,
    ...(changes.created_by && { createdBy: changes.created_by }),
    updatedAt: changes.updated_at,
    ...(changes.updated_by && { updatedBy: changes.updated_by }),
    revision: changes.revision,
  };
}
