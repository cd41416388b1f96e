/** The way to the objects that keep results. Whoever asks bounds how long that may take. */
import { ObjectStubs, type ObjectNamespace } from "../objects/stub.ts";
import { hashText } from "../shared/random.ts";
import type { AskAnswer, Asker, CacheContract, Named, ShardName, ShardStatistics, Terms } from "./cache-contract.ts";
import { LIMITS } from "./limits.ts";

export class CacheGateway {
  readonly #shards: ObjectStubs<ShardName, CacheContract>;

  constructor(namespace: ObjectNamespace) {
    this.#shards = new ObjectStubs(namespace, "The cache's object", ({ tenant, shard }) => `${tenant}/${shard}`);
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
    const name = { tenant, shard: hashText(key, 41) % LIMITS.cacheShards };
    return this.#shards.ask(name, (shard) => question(shard, name));
  }

  async #all<T>(tenant: string, question: (shard: CacheContract, name: ShardName) => Promise<T>): Promise<readonly T[]> {
    const names = Array.from({ length: LIMITS.cacheShards }, (_, shard) => ({ tenant, shard }));
    return Promise.all(names.map((name) => this.#shards.ask(name, (shard) => question(shard, name))));
  }
}
