/** The way to the objects that keep results. Whoever asks bounds how long that may take; here nothing is tried again. */
import { LIMITS } from "./limits.ts";
import { hashText } from "../shared/random.ts";
import type { AskAnswer, Asker, CacheContract, Named, ShardName, ShardStatistics, Terms } from "./cache-contract.ts";

export class CacheGateway {
  readonly #stub: (name: string) => CacheContract;

  constructor(stub: (name: string) => CacheContract) {
    this.#stub = stub;
  }

  async ask(tenant: string, asker: Asker, terms: Terms): Promise<AskAnswer> {
    return this.#at(tenant, asker, (shard, name) => shard.ask(name, asker, terms));
  }

  async fill(tenant: string, asker: Asker, value: Uint8Array | null): Promise<void> {
    return this.#at(tenant, asker, (shard, name) => shard.fill(name, asker, value));
  }

  async free(tenant: string, asker: Asker): Promise<void> {
    return this.#at(tenant, asker, (shard, name) => shard.free(name, asker));
  }

  /** How many results were dropped. */
  async invalidate(tenant: string, named: Named): Promise<number> {
    const dropped = await this.#all(tenant, (shard, name) => shard.invalidate(name, named));
    return dropped.reduce((sum, count) => sum + count, 0);
  }

  async statistics(tenant: string): Promise<ShardStatistics> {
    const all = await this.#all(tenant, (shard) => shard.statistics());
    return all.reduce((sum, one) => {
      const names = Object.keys(one) as (keyof ShardStatistics)[];
      return Object.fromEntries(names.map((name) => [name, sum[name] + one[name]])) as unknown as ShardStatistics;
    });
  }

  async #at<T>(tenant: string, { key }: Asker, question: (shard: CacheContract, name: ShardName) => Promise<T>): Promise<T> {
    const shard = hashText(key, 41) % LIMITS.cacheShards;
    return question(this.#stub(`${tenant}/${shard}`), { tenant, shard });
  }

  async #all<T>(tenant: string, question: (shard: CacheContract, name: ShardName) => Promise<T>): Promise<readonly T[]> {
    const shards = Array.from({ length: LIMITS.cacheShards }, (_, shard) => ({ tenant, shard }));
    return Promise.all(shards.map((name) => question(this.#stub(`${tenant}/${name.shard}`), name)));
  }
}
