/**
 * Who the agents of a tenant are, quickly: D1 behind KV and a cache in the isolate.
 *
 * D1. A snapshot that is decided on is at most `directoryAgeMs` old, so a change or deletion is felt within that time.
 * D2. KV is written when a registration changes: it spares D1 the isolates that ask in the seconds after, and answers,
 *     however old, one that knows nothing yet when D1 cannot.
 */
import { z } from "zod";
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "./limits.ts";
import type { AgentRegistry, KnownAgent } from "./registry/registry.ts";
import type { AgentState } from "./agent-state.ts";
import { snapshotOf, type DirectorySnapshot } from "./selection/selection.ts";

/** PERSISTED in KV under `directory/{tenant}`; another version is read as absent. */
const storedDirectory = z.object({ v: z.literal(2), at: z.number(), agents: z.array(z.custom<KnownAgent>()) });

/** Shared by everything in this isolate; plain data that is replaced, never changed. */
const snapshotByTenant = new Map<string, DirectorySnapshot>();

export class AgentDirectory {
  readonly #registry: AgentRegistry;
  readonly #kv: KVNamespace;

  constructor(registry: AgentRegistry, kv: KVNamespace) {
    this.#registry = registry;
    this.#kv = kv;
  }

  /** What this isolate knows, if it is fresh enough to decide on. */
  known(tenant: string, now: number): DirectorySnapshot | null {
    const snapshot = snapshotByTenant.get(tenant);
    return snapshot !== undefined && now - snapshot.at <= LIMITS.directoryAgeMs ? snapshot : null;
  }

  /** A fresh enough snapshot, from wherever it is quickest. */
  async load(tenant: string, now: number): Promise<DirectorySnapshot> {
    const known = this.known(tenant, now);
    if (known !== null) return known;
    const stored = await this.#readKv(tenant);
    if (stored !== null && now - stored.at <= LIMITS.directoryAgeMs) return remember(tenant, snapshotFrom(stored.agents, stored.at));
    return this.#refreshFrom(tenant, now, stored);
  }

  /** The present truth from D1: after a change, and before anything fails for want of an agent. */
  async refresh(tenant: string, now: number): Promise<DirectorySnapshot> {
    return this.#refreshFrom(tenant, now, null);
  }

  /** A registration changed: everything in this isolate sees it at once, others within `directoryAgeMs`. */
  async changed(tenant: string, now: number): Promise<void> {
    const agents = await this.#registry.all(tenant);
    remember(tenant, snapshotFrom(agents, now));
    await this.#writeKv(tenant, agents, now);
  }

  /** An agent's object has published its state: this isolate sees it at once. */
  learned(tenant: string, id: string, state: AgentState): void {
    const snapshot = snapshotByTenant.get(tenant);
    if (snapshot === undefined || (snapshot.states.get(id)?.at ?? 0) >= state.at) return;
    const states = new Map(snapshot.states).set(id, state);
    remember(tenant, snapshotOf([...snapshot.byId.values()], states, snapshot.at));
  }

  /** What is known of the agents turned out wrong: ask afresh next time. */
  forget(tenant: string): void {
    snapshotByTenant.delete(tenant);
  }

  async #refreshFrom(tenant: string, now: number, stored: z.infer<typeof storedDirectory> | null): Promise<DirectorySnapshot> {
    try {
      const agents = await this.#registry.all(tenant);
      return remember(tenant, withLatest(snapshotFrom(agents, now), snapshotByTenant.get(tenant)));
    } catch (error) {
      // What this isolate knew is newer than what KV was given at the last registration.
      const before = snapshotByTenant.get(tenant);
      if (before !== undefined) {
        log("warn", "directory unavailable", { tenant, error: messageOf(error), fallback_at: before.at });
        return remember(tenant, { ...before, at: now });
      }
      const fallback = stored ?? (await this.#readKv(tenant));
      log("warn", "directory unavailable", { tenant, error: messageOf(error), fallback_at: fallback?.at ?? null });
      if (fallback === null) throw error;
      return remember(tenant, snapshotFrom(fallback.agents, now));
    }
  }

  async #readKv(tenant: string): Promise<z.infer<typeof storedDirectory> | null> {
    try {
      const text = await this.#kv.get(kvKey(tenant));
      return text === null ? null : (storedDirectory.safeParse(JSON.parse(text)).data ?? null);
    } catch (error) {
      log("warn", "directory cache unreadable", { tenant, error: messageOf(error) });
      return null;
    }
  }

  async #writeKv(tenant: string, agents: readonly KnownAgent[], at: number): Promise<void> {
    try {
      await this.#kv.put(kvKey(tenant), JSON.stringify({ v: 2, at, agents: [...agents] } satisfies z.infer<typeof storedDirectory>));
    } catch (error) {
      // KV takes one write a second per key; D1 has the change, and nobody decides on an old KV value while D1 answers.
      log("warn", "directory cache not written", { tenant, error: messageOf(error) });
    }
  }
}

const kvKey = (tenant: string): string => `directory/${tenant}`;

function snapshotFrom(known: readonly KnownAgent[], at: number): DirectorySnapshot {
  const states = known.flatMap(({ agent, state }) => (state === null ? [] : [[agent.id, state] as const]));
  return snapshotOf(
    known.map(({ agent }) => agent),
    new Map(states),
    at,
  );
}

/** What an agent's object told this isolate may be ahead of what D1 answered. */
function withLatest(snapshot: DirectorySnapshot, before: DirectorySnapshot | undefined): DirectorySnapshot {
  const later = [...(before?.states ?? [])].filter(([id, state]) => snapshot.byId.has(id) && state.at > (snapshot.states.get(id)?.at ?? 0));
  if (later.length === 0) return snapshot;
  return snapshotOf([...snapshot.byId.values()], new Map([...snapshot.states, ...later]), snapshot.at);
}

function remember(tenant: string, snapshot: DirectorySnapshot): DirectorySnapshot {
  snapshotByTenant.delete(tenant);
  snapshotByTenant.set(tenant, snapshot);
  for (const oldest of snapshotByTenant.keys()) {
    if (snapshotByTenant.size <= LIMITS.directoryTenants) break;
    snapshotByTenant.delete(oldest);
  }
  return snapshot;
}
