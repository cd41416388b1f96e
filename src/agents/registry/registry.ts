/** The agents of a tenant in D1: register, read, delete; and what their objects publish about them. */
import type { Expected } from "../../shared/expected.ts";
import type { By } from "../../shared/actor.ts";
import { and, asc, eq, gt, lt, lte, notExists, sql, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere, reachedLimit, roomIn, type Limit } from "../../records/limit.ts";
import type { Restored } from "../../records/registered.ts";
import { overLatest, unexpected } from "../../records/revision.ts";
import { rejection, rejectionOf, type Rejection } from "../../shared/errors.ts";
import type { Keyring } from "../../shared/keyring.ts";
import { LIMITS } from "../limits.ts";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { newSigningSecret } from "../../shared/signing.ts";
import type { AgentState } from "../agent-state.ts";
import { declaredOf, registrationOf, secretPlace, type AgentRecord } from "../agent.ts";
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
export type Expectation = { readonly type: "absent" } | { readonly type: "revision"; readonly revision: Expected };

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

  /** Those that were registered, in the order of ids, after one. */
  async page(tenant: string, after: string | null, limit: number): Promise<readonly AgentRecord[]> {
    const rows = await this.#db
      .select({ record: agents.record })
      .from(agents)
      .where(and(eq(agents.tenant, tenant), after === null ? undefined : gt(agents.id, after)))
      .orderBy(asc(agents.id))
      .limit(limit);
    return rows.map(({ record }) => record);
  }

  /** Puts an agent there as a file has it, its secrets sealed as they are. */
  async restore(tenant: string, agent: AgentRecord, overwrites: boolean, by: By, now: number): Promise<Result<Restored, Rejection>> {
    const { id } = agent;
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is the id of a built-in agent`));
    return overLatest(`Agent "${id}" is`, async () => {
      const before = await this.find(tenant, id);
      if (before !== null && this.#meaning(tenant, before) === this.#meaning(tenant, agent)) return ok("unchanged");
      if (before !== null && !overwrites) return err(rejection("already_exists", `Agent "${id}" is registered otherwise`));
      const record = { ...agent, updatedAt: now, updatedBy: by, revision: Math.max(before?.revision ?? 0, agent.revision) + 1 };
      const limits = this.#limits(tenant, JSON.stringify(record).length, before);
      if (await this.#write(tenant, record, before, roomIn(limits))) return ok(before === null ? "created" : "replaced");
      if ((await this.find(tenant, id))?.revision !== before?.revision) return "raced";
      const reached = await reachedLimit(this.#db, limits);
      return reached === null ? "raced" : err(reached);
    });
  }

  /** The same for what was registered alike, however often, with the same secrets. */
  #meaning(tenant: string, agent: AgentRecord): string {
    const { id, auth, signing } = agent;
    const opened = (sealed: string, field: "auth" | "signing"): string =>
      this.#keyring.open(sealed, secretPlace(tenant, id, field)) ?? `sealed ${sealed}`;
    const secrets = [auth && [auth.type, auth.name, opened(auth.sealed, "auth")], signing === "" ? null : opened(signing, "signing")];
    return canonicalJson([registrationOf(agent), secrets] as unknown as Json);
  }

  /** `keepsAuth`: credentials that are not given again stay, as a change of something else means. */
  async register(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    expected: Expectation,
    keepsAuth: boolean,
    by: By,
    now: number,
  ): Promise<Result<Registered, Rejection>> {
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is the id of a built-in agent; choose another`));
    const faults = registrationFaults(registration, this.#policy);
    if (faults.length > 0) return err(rejectionOf(faults, "invalid_request"));

    const register = async () => this.#registerOver(await this.find(tenant, id), tenant, id, registration, expected, keepsAuth, by, now);
    return overLatest(`Agent "${id}" is`, register, "registered");
  }

  /** `raced`: somebody else has written since `before` was read, and whether that matters is to be seen again. */
  async #registerOver(
    before: AgentRecord | null,
    tenant: string,
    id: string,
    registration: AgentRegistration,
    expected: Expectation,
    keepsAuth: boolean,
    by: By,
    now: number,
  ): Promise<Result<Registered, Rejection> | "raced"> {
    const refusal = unmet(expected, id, before);
    if (refusal !== null) return err(refusal);
    const moved = before === null ? null : newOrigin(before, declaredOf(registration));
    // Who knows the present secret is not who is called from now on, where it moved.
    const isSigned = before !== null && moved === null && this.#keyring.open(before.signing, secretPlace(tenant, id, "signing")) !== null;
    const needsSecret = registration.kind !== "pull" && !isSigned && registration.signing_secret === undefined;
    const signingSecret = needsSecret ? newSigningSecret() : undefined;
    const agent = this.#recordOf(tenant, id, registration, before, signingSecret, keepsAuth, by, now);
    const exposed = keepsAuth && before?.auth ? moved : null;
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
    const bytes = JSON.stringify(agent).length;
    if (bytes > LIMITS.agentRecordBytes) {
      return err(rejection("limit_reached", `An agent's registration is at most ${LIMITS.agentRecordBytes} bytes; shorten its schemas`));
    }
    const limits = this.#limits(tenant, bytes, before);
    if (await this.#write(tenant, agent, before, roomIn(limits))) {
      return ok({ agent, isNew: before === null, ...(signingSecret !== undefined && { signingSecret }) });
    }
    if ((await this.find(tenant, id))?.revision !== before?.revision) return "raced";
    const reached = await reachedLimit(this.#db, limits);
    return reached === null ? "raced" : err(reached);
  }

  /** Whether there was something to delete. */
  async delete(tenant: string, id: string, expected: Expectation): Promise<Result<boolean, Rejection>> {
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is a built-in agent and stays`));
    return overLatest(`Agent "${id}" is`, async () => {
      const before = await this.find(tenant, id);
      if (before === null) return ok(false);
      const refusal = unmet(expected, id, before);
      if (refusal !== null) return err(refusal);
      const isGone = notExists(this.#db.select({ id: agents.id }).from(agents).where(at(tenant, id)));
      const [deleted] = await this.#db.batch([
        this.#db.delete(agents).where(and(at(tenant, id), eq(agents.revision, before.revision))),
        this.#db.delete(agentStates).where(and(eq(agentStates.tenant, tenant), eq(agentStates.id, id), isGone)),
      ]);
      return deleted.meta.changes > 0 ? ok(true) : "raced";
    });
  }

  /** Writes only over the revision that was read, so that of two writers at once one is told. */
  async #write(tenant: string, agent: AgentRecord, before: AgentRecord | null, room: SQL | undefined): Promise<boolean> {
    const row = { tenant, id: agent.id, revision: agent.revision, record: agent };
    const result =
      before === null
        ? await insertWhere(this.#db, agents, row, room).onConflictDoNothing().run()
        : await this.#db
            .update(agents)
            .set(row)
            .where(and(at(tenant, agent.id), eq(agents.revision, before.revision), room))
            .run();
    return result.meta.changes > 0;
  }

  /** All of a tenant's agents together are what every isolate keeps at hand. One that becomes no larger always has room. */
  #limits(tenant: string, bytes: number, before: AgentRecord | null): readonly Limit[] {
    const added = bytes - (before === null ? 0 : JSON.stringify(before).length);
    const ofTenant = eq(agents.tenant, tenant);
    const total = sql`(select coalesce(sum(length(${agents.record})), 0) from ${agents} where ${ofTenant})`;
    const number = {
      room: lt(this.#db.$count(agents, ofTenant), LIMITS.agentsPerTenant),
      detail: `A tenant has at most ${LIMITS.agentsPerTenant} agents; delete one first`,
    };
    const size = {
      room: lte(total, LIMITS.directoryBytes - added),
      detail: `The agents of a tenant are at most ${LIMITS.directoryBytes} bytes together; shorten their schemas`,
    };
    return [...(before === null ? [number] : []), ...(added > 0 ? [size] : [])];
  }

  #recordOf(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    before: AgentRecord | null,
    generated: string | undefined,
    keepsAuth: boolean,
    by: By,
    now: number,
  ): AgentRecord {
    const seal = (text: string, field: "auth" | "signing"): string => this.#keyring.seal(text, secretPlace(tenant, id, field));
    const { auth } = registration;
    const maker = before === null ? by : before.createdBy;
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
      ...(maker && { createdBy: maker }),
      updatedBy: by,
      revision: (before?.revision ?? 0) + 1,
    };
  }
}

const at = (tenant: string, id: string) => and(eq(agents.tenant, tenant), eq(agents.id, id));

/** Where a changed registration would send what it sent elsewhere before. */
type Addresses = Pick<AgentRecord, "url" | "cancelUrl">;

function newOrigin(before: Addresses, after: Addresses): string | null {
  const originsOf = ({ url, cancelUrl }: Addresses): readonly string[] =>
    [url, cancelUrl].flatMap((text) => (text === null || text === "" ? [] : [new URL(text).origin]));
  return originsOf(after).find((origin) => !originsOf(before).includes(origin)) ?? null;
}

function unmet(expected: Expectation, id: string, before: AgentRecord | null): Rejection | null {
  if (expected.type === "revision") return unexpected(`Agent "${id}" is`, before?.revision ?? 0, expected.revision);
  return before === null ? null : rejection("already_exists", `Agent "${id}" is registered already; use PUT to replace it`);
}
