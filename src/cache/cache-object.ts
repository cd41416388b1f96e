/**
 * The object that keeps a share of a tenant's results. What it decides is the shard's (`shard.ts`); here that is stored in
 * one transaction, and those in line are told.
 *
 * C1. Memory and rows change together: what throws drops the memory, and the rows are read again.
 * C2. Who is to be told is in a row until they have answered; the alarm tells again.
 */
import { DurableObject } from "cloudflare:workers";
import { Alarm } from "../objects/alarm.ts";
import { LIMITS } from "./limits.ts";
import { log, messageOf } from "../shared/log.ts";
import { factsOf, type AskAnswer, type Asker, type CacheContract, type CachePorts } from "./cache-contract.ts";
import type { CacheAnswer, Named, ShardName, ShardStatistics, Terms } from "./cache-contract.ts";
import type { InLine } from "./lines.ts";
import { NO_COUNTS, Shard, type Counts, type ShardBounds } from "./shard.ts";
import { ShardStore } from "./shard-store.ts";

const BOUNDS: ShardBounds = {
  entries: LIMITS.cacheEntries,
  bytes: LIMITS.cacheBytes,
  line: LIMITS.cacheLine,
  valueBytes: LIMITS.cacheValueBytes,
  touchMs: LIMITS.cacheTouchMs,
  trimMs: LIMITS.cacheIdleMs,
  againMs: LIMITS.cacheAskMs,
  leaseMs: LIMITS.cacheLeaseMs,
  idleMs: LIMITS.cacheIdleMs,
  tells: LIMITS.cacheTells,
};

export abstract class CacheObject<Env> extends DurableObject<Env> implements CacheContract {
  readonly #ports: CachePorts;
  readonly #store: ShardStore;
  readonly #alarm: Alarm;
  #shard: Shard | null = null;
  #countsAt = 0;
  readonly #telling = new Set<number>();

  constructor(ctx: DurableObjectState, env: Env, ports: CachePorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#store = new ShardStore(ctx.storage);
    this.#alarm = new Alarm(ctx.storage);
  }

  async ask(name: ShardName, asker: Asker, terms: Terms): Promise<AskAnswer> {
    return this.#change(name, (shard, now) => shard.ask(asker, terms, now));
  }

  async fill(name: ShardName, asker: Asker, value: Uint8Array | null): Promise<void> {
    this.#change(name, (shard, now) => shard.fill(asker, value, now));
  }

  async free(name: ShardName, asker: Asker): Promise<void> {
    this.#change(name, (shard, now) => shard.free(asker, now));
  }

  async invalidate(name: ShardName, named: Named): Promise<number> {
    return this.#store.exists ? this.#change(name, (shard) => shard.invalidate(named)) : 0;
  }

  async statistics(): Promise<ShardStatistics> {
    const shard = this.#store.exists ? this.#loaded() : null;
    return shard?.statistics() ?? { entries: 0, bytes: 0, working: 0, waiting: 0, ...NO_COUNTS };
  }

  override async alarm(): Promise<void> {
    this.#alarm.forget();
    const name = this.ctx.storage.kv.get<ShardName>("name");
    if (name === undefined || !this.#store.exists) return;
    this.#change(name, (shard, now) => shard.trim(now));
  }

  /** One transaction; afterwards those who are to be told are told. */
  #change<T>(name: ShardName, change: (shard: Shard, now: number) => T): T {
    const now = Date.now();
    try {
      const { result, calls } = this.ctx.storage.transactionSync(() => {
        const shard = this.#loaded(name);
        const result = change(shard, now);
        const calls = shard.calls(now, LIMITS.cacheTelling - this.#telling.size, ({ id }) => this.#telling.has(id));
        this.#writeCounts(shard.counts, now);
        this.#alarm.ringBy(shard.wakeAt(now), now);
        return { result, calls };
      });
      for (const { one, answer } of calls) void this.#tell(name, one, answer);
      return result;
    } catch (error) {
      this.#shard = null;
      this.#alarm.forget();
      throw error;
    }
  }

  #loaded(name?: ShardName): Shard {
    if (this.#shard !== null) return this.#shard;
    if (!this.#store.exists && name !== undefined) {
      this.#store.create();
      this.ctx.storage.kv.put("name", name);
    }
    return (this.#shard = new Shard(this.#store, BOUNDS, this.#store.entries(), this.#store.line(), this.#store.counts));
  }

  /** They are for people: what an instance has counted in its last minute may be lost. */
  #writeCounts(counts: Counts, now: number): void {
    if (now - this.#countsAt < LIMITS.cacheTouchMs) return;
    this.#countsAt = now;
    this.#store.counts = counts;
  }

  async #tell(name: ShardName, one: InLine, answer: CacheAnswer): Promise<void> {
    const { id, task, step, key } = one;
    this.#telling.add(id);
    const reply = await this.#ports.tell(name.tenant, { task, step, key }, answer).catch((error: unknown) => {
      log("info", "a step was not told what the cache has", { ...factsOf(name), task, step, error: messageOf(error) });
      return null;
    });
    this.#telling.delete(id);
    try {
      this.#change(name, (shard, now) => shard.told(one, answer, reply, now));
    } catch (error) {
      log("error", "what a step said was not stored, the alarm asks again", { ...factsOf(name), error: messageOf(error) });
      this.#alarm.ringBy(Date.now() + LIMITS.cacheLeaseMs, Date.now());
    }
  }
}
