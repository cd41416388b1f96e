/**
 * The object that keeps a share of a tenant's results. What it decides is the shard's (`shard.ts`); here that is stored, and
 * those in line are told. Who is to be told is in a row until they have answered; the alarm tells again.
 */
import { RoomObject } from "../objects/room-object.ts";
import { log, messageOf } from "../shared/log.ts";
import type { AskAnswer, Asker, CacheContract, CachePorts } from "./cache-contract.ts";
import type { CacheAnswer, Named, ShardName, ShardStatistics, Terms } from "./cache-contract.ts";
import { LIMITS } from "./limits.ts";
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

export abstract class CacheObject<Env> extends RoomObject<Env, CachePorts, ShardName> implements CacheContract {
  readonly #store = new ShardStore(this.ctx.storage);
  #shard: Shard | null = null;
  #countsAt = 0;
  readonly #telling = new Set<number>();

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
    return this.name === null ? 0 : this.#change(name, (shard) => shard.invalidate(named));
  }

  async statistics(): Promise<ShardStatistics> {
    return this.name === null ? { entries: 0, bytes: 0, working: 0, waiting: 0, ...NO_COUNTS } : this.#current.statistics();
  }

  protected override wake(name: ShardName): void {
    this.#change(name, (shard, now) => shard.trim(now));
  }

  protected override nextWake(now: number): number | null {
    return this.#current.wakeAt(now);
  }

  protected override forget(): void {
    this.#shard = null;
    this.#store.forget();
  }

  get #current(): Shard {
    return (this.#shard ??= new Shard(this.#store, BOUNDS, this.#store.entries(), this.#store.line(), this.#store.counts));
  }

  /** Afterwards those who are to be told are told. */
  #change<T>(name: ShardName, change: (shard: Shard, now: number) => T): T {
    const { result, calls } = this.atomically((now) => {
      this.identify(name);
      const shard = this.#current;
      const result = change(shard, now);
      const calls = shard.calls(now, LIMITS.cacheTelling - this.#telling.size, ({ id }) => this.#telling.has(id));
      this.#writeCounts(shard.counts, now);
      return { result, calls };
    });
    for (const { one, answer } of calls) {
      const { task, step } = one;
      this.aside("what a step said was not stored, the alarm asks again", { ...name, task, step }, () => this.#tell(name, one, answer));
    }
    return result;
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
    const reply = await this.ports.tell(name.tenant, { task, step, key }, answer).catch((error: unknown) => {
      log("info", "a step was not told what the cache has", { ...name, task, step, error: messageOf(error) });
      return null;
    });
    this.#telling.delete(id);
    this.#change(name, (shard, now) => shard.told(one, answer, reply, now));
  }
}
