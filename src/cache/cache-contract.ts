/** What an object with a share of a tenant's cached results answers to: plain data in, promises of plain data out. */
/** Which object; they are named `{tenant}/{shard}`. */
export interface ShardName {
  readonly tenant: string;
  readonly shard: number;
}

/** Who asks for a result, or brings it. */
export interface Asker {
  readonly task: string;
  readonly step: string;
  readonly key: string;
}

/** What is kept of a result beside it. */
export interface Terms {
  /** What was asked for: a capability, or `agent …`. */
  readonly subject: string;
  readonly ttlMs: number;
  readonly tags: readonly string[];
}

/** `value`: JSON in UTF-8; `madeAt`: when, for `task`. */
export type CacheAnswer =
  | { readonly type: "hit"; readonly value: Uint8Array; readonly task: string; readonly madeAt: number }
  | { readonly type: "miss"; readonly reason: "first" | "skipped" | "unavailable" };

/** … or somebody else brings it: the answer comes later. */
export type AskAnswer = CacheAnswer | { readonly type: "waiting"; readonly task: string };

/** What a task says when it is told an answer: it brings the result, has brought it, or has no use for the answer (any more). */
export type Reply = { readonly type: "working" | "gone" } | { readonly type: "done"; readonly value: Uint8Array };

/** Results to drop: those that have any of what is named. */
export interface Named {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
  readonly capabilities: readonly string[];
}

export interface ShardStatistics {
  readonly entries: number;
  readonly bytes: number;
  /** Keys whose results are being made, and steps that wait for those. */
  readonly working: number;
  readonly waiting: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly invalidations: number;
}

/** Everything may be asked twice. */
export interface CacheContract {
  ask(name: ShardName, asker: Asker, terms: Terms): Promise<AskAnswer>;
  /** Who was first has the result; `null` where it is not worth keeping, so that those who wait go on by themselves. */
  fill(name: ShardName, asker: Asker, value: Uint8Array | null): Promise<void>;
  /** Who was first, or waits, does neither any more. */
  free(name: ShardName, asker: Asker): Promise<void>;
  /** How many results were dropped; what is being made of that kind will not be kept. */
  invalidate(name: ShardName, named: Named): Promise<number>;
  statistics(): Promise<ShardStatistics>;
}

/** What the object needs of the rest. */
export interface CachePorts {
  /** Tells the task of a step; what throws is trouble, and told again. */
  readonly tell: (tenant: string, asker: Asker, answer: CacheAnswer) => Promise<Reply>;
}
