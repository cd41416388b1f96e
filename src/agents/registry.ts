/** The agents of a tenant in D1: register, read, list, delete. */
import { and, asc, count, eq, gt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { rejection, type Rejection } from "../shared/errors.ts";
import { randomBytes } from "node:crypto";
import type { Keyring } from "../shared/keyring.ts";
import { LIMITS } from "../shared/limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { durationMs } from "../shared/time.ts";
import { secretPlace, type AgentRecord, type AgentRegistration } from "./agent.ts";
import { BUILTIN_AGENTS, isBuiltinAgent } from "./builtin.ts";
import { agents } from "./tables.ts";
import { brokenUrlRule, type UrlPolicy } from "./url-guard.ts";

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

export class AgentRegistry {
  readonly #db: DrizzleD1Database;
  readonly #keyring: Keyring;
  readonly #policy: UrlPolicy;

  constructor(db: DrizzleD1Database, keyring: Keyring, policy: UrlPolicy) {
    this.#db = db;
    this.#keyring = keyring;
    this.#policy = policy;
  }

  /** Every agent of a tenant, built-in ones included: what a directory snapshot is made of. */
  async all(tenant: string): Promise<readonly AgentRecord[]> {
    const rows = await this.#db
      .select({ record: agents.record })
      .from(agents)
      .where(eq(agents.tenant, tenant))
      .limit(LIMITS.agentsPerTenant);
    return [...BUILTIN_AGENTS, ...rows.map((row) => row.record)];
  }

  async find(tenant: string, id: string): Promise<AgentRecord | null> {
    const builtin = BUILTIN_AGENTS.find((agent) => agent.id === id);
    if (builtin !== undefined) return builtin;
    const row = await this.#db.select({ record: agents.record }).from(agents).where(at(tenant, id)).get();
    return row?.record ?? null;
  }

  /** A page in the order of ids, after `after`. Built-in agents come first. */
  async list(
    tenant: string,
    filter: { readonly capability?: string | undefined; readonly after: string | null; readonly limit: number },
  ): Promise<readonly AgentRecord[]> {
    const { capability, after, limit } = filter;
    const offers = (agent: AgentRecord): boolean => capability === undefined || agent.capabilities.some(({ name }) => name === capability);
    const builtins = after === null ? BUILTIN_AGENTS.filter(offers) : [];
    const offersInSql =
      capability === undefined
        ? undefined
        : sql`exists (select 1 from json_each(${agents.record}, '$.capabilities') where json_extract(value, '$.name') = ${capability})`;
    const from = after === null || isBuiltinAgent(after) ? "" : after;
    const rows = await this.#db
      .select({ record: agents.record })
      .from(agents)
      .where(and(eq(agents.tenant, tenant), gt(agents.id, from), offersInSql))
      .orderBy(asc(agents.id))
      .limit(limit);
    return [...builtins, ...rows.map((row) => row.record)].slice(0, limit);
  }

  async register(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    expected: Expectation,
    now: number,
  ): Promise<Result<Registered, Rejection>> {
    if (isBuiltinAgent(id)) return err(rejection("name_reserved", `"${id}" is the id of a built-in agent; choose another`));
    const broken = this.#brokenUrl(registration);
    if (broken !== null) return err(broken);

    for (let tries = 0; tries < 3; tries++) {
      const registered = await this.#registerOver(await this.find(tenant, id), tenant, id, registration, expected, now);
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
    now: number,
  ): Promise<Result<Registered, Rejection> | "raced"> {
    const refusal = unmet(expected, id, before);
    if (refusal !== null) return err(refusal);
    if (before === null && (await this.#count(tenant)) >= LIMITS.agentsPerTenant) {
      return err(rejection("limit_reached", `A tenant has at most ${LIMITS.agentsPerTenant} agents; delete one first`));
    }
    const isSigned = before !== null && this.#keyring.open(before.signing, secretPlace(tenant, id, "signing")) !== null;
    const signingSecret =
      !isSigned && registration.signing_secret === undefined ? `whsec_${randomBytes(32).toString("base64")}` : undefined;
    const agent = this.#recordOf(tenant, id, registration, before, signingSecret, now);
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
    await this.#db.delete(agents).where(at(tenant, id));
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

  async #count(tenant: string): Promise<number> {
    const row = await this.#db.select({ agents: count() }).from(agents).where(eq(agents.tenant, tenant)).get();
    return row?.agents ?? 0;
  }

  #brokenUrl(registration: AgentRegistration): Rejection | null {
    for (const field of ["url", "cancel_url"] as const) {
      const url = registration[field];
      const rule = url === undefined ? null : brokenUrlRule(url, this.#policy);
      if (rule !== null)
        return rejection("url_refused", `The ${field} is not allowed: ${rule}`, {
          faults: [{ pointer: `/${field}`, message: rule, code: "url_refused" }],
        });
    }
    return null;
  }

  #recordOf(
    tenant: string,
    id: string,
    registration: AgentRegistration,
    before: AgentRecord | null,
    generated: string | undefined,
    now: number,
  ): AgentRecord {
    const seal = (text: string, field: "auth" | "signing"): string => this.#keyring.seal(text, secretPlace(tenant, id, field));
    const { auth, expected_latency } = registration;
    const signingSecret = registration.signing_secret ?? generated;
    return {
      v: 1,
      id,
      kind: "http",
      name: registration.name ?? id,
      description: registration.description ?? null,
      url: registration.url,
      capabilities: registration.capabilities.map((capability) => (typeof capability === "string" ? { name: capability } : capability)),
      auth:
        auth === undefined
          ? null
          : { type: auth.type, name: auth.type === "header" ? auth.name : "authorization", sealed: seal(auth.value, "auth") },
      signing: signingSecret === undefined ? (before?.signing ?? "") : seal(signingSecret, "signing"),
      cancelUrl: registration.cancel_url ?? null,
      expectedLatencyMs: expected_latency === undefined ? null : durationMs(expected_latency),
      dispatch: registration.dispatch ?? "auto",
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      revision: (before?.revision ?? 0) + 1,
    };
  }
}

const at = (tenant: string, id: string) => and(eq(agents.tenant, tenant), eq(agents.id, id));

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
