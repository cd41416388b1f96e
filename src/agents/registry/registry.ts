/** The agents of a tenant in D1: register, read, delete; and what their objects publish about them. */
import { and, count, eq, lt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { rejection, rejectionOf, type Rejection } from "../../shared/errors.ts";
import type { Keyring } from "../../shared/keyring.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { newSigningSecret } from "../../shared/signing.ts";
import type { AgentState } from "../agent-state.ts";
import { declaredOf, secretPlace, type AgentRecord } from "../agent.ts";
import { BUILTIN_AGENTS, isBuiltinAgent } from "../transports/builtin.ts";
import { registrationFaults } from "./registration-check.ts";
import type { AgentRegistration } from "./registration.ts";
import { agents, agentStates } from "./tables.ts";
import type { UrlPolicy } from "../../shared/url-guard.ts";

export interface Registered {
  readonly agent: AgentRecord;
  readonly isNew: boolean;
  /** Present once: when the service made the secret itself. */
  readonly signingSecret?: string;
}

/** What a write requires of what is there. */
export type Expectation =
  | { readonly type: "none" }
  | { readonly type: "absent" }
  | { readonly type: "revision"; readonly revision: number };

/** An agent and what is known of how it does. */
export interface KnownAgent {
  readonly agent: AgentRecord;
  readonly state: AgentState | null;
}

export class AgentRegistry {
  readonly #db: DrizzleD1Database;
  readonly #keyring: Keyring;
  readonly #policy: UrlPolicy;

  constructor(db: DrizzleD1Database, keyring: Keyring, policy: UrlPolicy) {
    this.#db = db;
    this.#keyring = keyring;
    this.#policy = policy;
  }

  /** Every agent of a tenant, built-in ones included, with its state: what a directory snapshot is made of. */
  async all(tenant: string): Promise<readonly KnownAgent[]> {
    const rows = await this.#db
      .select({ agent: agents.record, state: agentStates.state })
      .from(agents)
      .leftJoin(agentStates, and(eq(agentStates.tenant, agents.tenant), eq(agentStates.id, agents.id)))
      .where(eq(agents.tenant, tenant))
      .limit(LIMITS.agentsPerTenant);
    return [...BUILTIN_AGENTS.map((agent) => ({ agent, state: null })), ...rows];
  }

  /** Keeps what an agent's object says of it, unless something later is there already, or the agent is not there any more. */
  async publish(tenant: string, id: string, state: AgentState): Promise<void> {
    const row = { tenant: agents.tenant, id: agents.id, at: sql`${state.at}`.as("at"), state: sql`${JSON.stringify(state)}`.as("state") };
    await this.#db
      .insert(agentStates)
      .select(this.#db.select(row).from(agents).where(at(tenant, id)))
      .onConflictDoUpdate({
        target: [agentStates.tenant, agentStates.id],
        set: { at: state.at, state },
        setWhere: lt(agentStates.at, state.at),
      });
  }

  async find(tenant: string, id: string): Promise<AgentRecord | null> {
    const builtin = BUILTIN_AGENTS.find((agent) => agent.id === id);
    if (builtin !== undefined) return builtin;
    const row = await this.#db.select({ record: agents.record }).from(agents).where(at(tenant, id)).get();
    return row?.record ?? null;
  }

  /** `keepsAuth`: credentials that are not given again stay, as a change of something else means. */
  async register(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    expected: Expectation,
    keepsAuth: boolean,
    now: number,
  ): Promise<Result<Registered, Rejection>> {
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is the id of a built-in agent; choose another`));
    const faults = registrationFaults(registration, this.#policy);
    if (faults.length > 0) return err(rejectionOf(faults, "invalid_request"));

    for (let tries = 0; tries < 3; tries++) {
      const registered = await this.#registerOver(await this.find(tenant, id), tenant, id, registration, expected, keepsAuth, now);
      if (registered !== "raced") return registered;
    }
    return err(rejection("unavailable", `Agent "${id}" is being registered by many at once; try again`, { retryAfterMs: 1_000 }));
  }

  /** `raced`: somebody else has written since `before` was read, and whether that matters is to be seen again. */
  async #registerOver(
    before: AgentRecord | null,
    tenant: string,
    id: string,
    registration: AgentRegistration,
    expected: Expectation,
    keepsAuth: boolean,
    now: number,
  ): Promise<Result<Registered, Rejection> | "raced"> {
    const refusal = unmet(expected, id, before);
    if (refusal !== null) return err(refusal);
    const isSigned = before !== null && this.#keyring.open(before.signing, secretPlace(tenant, id, "signing")) !== null;
    const needsSecret = registration.kind !== "pull" && !isSigned && registration.signing_secret === undefined;
    const signingSecret = needsSecret ? newSigningSecret() : undefined;
    const agent = this.#recordOf(tenant, id, registration, before, signingSecret, keepsAuth, now);
    const exposed = keepsAuth && before !== null && before.auth !== null ? newOrigin(before, agent) : null;
    if (exposed !== null) {
      return err(
        rejection(
          "invalid_request",
          `Its credentials would be sent to ${exposed}, where they have not been sent before; give "auth" again`,
          {
            faults: [{ pointer: "/auth", message: "required with a URL elsewhere", code: "invalid_request" }],
          },
        ),
      );
    }
    const excess = await this.#excess(tenant, agent, before);
    if (excess !== null) return err(rejection("limit_reached", excess));
    if (!(await this.#write(tenant, agent, before))) return "raced";
    return ok({ agent, isNew: before === null, ...(signingSecret !== undefined && { signingSecret }) });
  }

  /** Whether there was something to delete. */
  async delete(tenant: string, id: string, expected: Expectation): Promise<Result<boolean, Rejection>> {
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is a built-in agent and stays`));
    const before = await this.find(tenant, id);
    if (before === null) return ok(false);
    const refusal = unmet(expected, id, before);
    if (refusal !== null) return err(refusal);
    await this.#db.batch([
      this.#db.delete(agents).where(at(tenant, id)),
      this.#db.delete(agentStates).where(and(eq(agentStates.tenant, tenant), eq(agentStates.id, id))),
    ]);
    return ok(true);
  }

  /** Writes only over the revision that was read, so that of two writers at once one is told. */
  async #write(tenant: string, agent: AgentRecord, before: AgentRecord | null): Promise<boolean> {
    const row = { tenant, id: agent.id, revision: agent.revision, record: agent };
    const result =
      before === null
        ? await this.#db.insert(agents).values(row).onConflictDoNothing().run()
        : await this.#db
            .update(agents)
            .set(row)
            .where(and(at(tenant, agent.id), eq(agents.revision, before.revision)))
            .run();
    return result.meta.changes > 0;
  }

  /** The limit that an agent would pass. All of a tenant's agents together are what every isolate keeps at hand. */
  async #excess(tenant: string, agent: AgentRecord, before: AgentRecord | null): Promise<string | null> {
    const bytes = JSON.stringify(agent).length;
    const beforeBytes = before === null ? 0 : JSON.stringify(before).length;
    if (bytes > LIMITS.agentRecordBytes) return `An agent's registration is at most ${LIMITS.agentRecordBytes} bytes; shorten its schemas`;
    if (before !== null && bytes <= beforeBytes) return null;
    const total = sql<number | null>`sum(length(${agents.record}))`;
    const row = await this.#db.select({ agents: count(), bytes: total }).from(agents).where(eq(agents.tenant, tenant)).get();
    if (before === null && (row?.agents ?? 0) >= LIMITS.agentsPerTenant) {
      return `A tenant has at most ${LIMITS.agentsPerTenant} agents; delete one first`;
    }
    if ((row?.bytes ?? 0) - beforeBytes + bytes <= LIMITS.directoryBytes) return null;
    return `The agents of a tenant are at most ${LIMITS.directoryBytes} bytes together; shorten their schemas`;
  }

  #recordOf(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    before: AgentRecord | null,
    generated: string | undefined,
    keepsAuth: boolean,
    now: number,
  ): AgentRecord {
    const seal = (text: string, field: "auth" | "signing"): string => this.#keyring.seal(text, secretPlace(tenant, id, field));
    const { auth } = registration;
    const signingSecret = registration.signing_secret ?? generated;
    return {
      v: 1,
      id,
      name: registration.name ?? id,
      ...declaredOf(registration),
      auth:
        auth === undefined
          ? keepsAuth
            ? (before?.auth ?? null)
            : null
          : { type: auth.type, name: auth.type === "header" ? auth.name : "authorization", sealed: seal(auth.value, "auth") },
      signing: signingSecret === undefined ? (before?.signing ?? "") : seal(signingSecret, "signing"),
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      revision: (before?.revision ?? 0) + 1,
    };
  }
}

const at = (tenant: string, id: string) => and(eq(agents.tenant, tenant), eq(agents.id, id));

/** Where a changed registration would send what it sent elsewhere before. */
function newOrigin(before: AgentRecord, after: AgentRecord): string | null {
  const originsOf = ({ url, cancelUrl }: AgentRecord): readonly string[] =>
    [url, cancelUrl].flatMap((text) => (text === null || text === "" ? [] : [new URL(text).origin]));
  return originsOf(after).find((origin) => !originsOf(before).includes(origin)) ?? null;
}

function unmet(expected: Expectation, id: string, before: AgentRecord | null): Rejection | null {
  switch (expected.type) {
    case "none":
      return null;
    case "absent":
      return before === null ? null : rejection("already_exists", `Agent "${id}" is registered already; use PUT to replace it`);
    case "revision":
      if (before?.revision === expected.revision) return null;
      return rejection(
        "precondition_failed",
        `Agent "${id}" is at revision ${before?.revision ?? 0}, not ${expected.revision}; read it again`,
      );
  }
}
