/** What the result cache adds to the shapes of the engine. */
import type { StoredValue } from "../../facts/value.ts";

type OfStep = { readonly step: string };

/** PERSISTED. */
export type CacheEvent =
  /** The cache has no result: the step gets one itself. */
  | (OfStep & { readonly type: "cache.missed"; readonly reason: CacheMiss })
  /** What the steps made out of date is not in the cache any more. */
  | { readonly type: "cache.invalidated"; readonly steps: readonly string[] };

/** PERSISTED: the step had to bring a result for the cache, or waited for one: `fill` when its output is that. */
export interface CacheOfSettled {
  readonly cache?: "fill" | "free";
}

/** PERSISTED. */
export interface CacheOfCompleted extends CacheOfSettled {
  /** The cache had it. */
  readonly cached?: CachedFrom;
  /** Tags of kept results that are out of date with it. */
  readonly invalidates?: readonly string[];
}

/** The task that a result was made for, and when. */
export interface CachedFrom {
  readonly key: string;
  readonly task: string;
  readonly made_at: number;
}

/**
 * `first`: others wait for what this one brings · `skipped`: what was brought is not worth keeping · `unavailable`: the cache
 * did not answer · `expired`: nobody brought it in time.
 */
export type CacheMiss = "first" | "skipped" | "unavailable" | "expired";

/** PERSISTED: for what the cache says: it has the result, or who asked before brings it. How the key and the terms came about. */
export interface WaitingForCache {
  readonly type: "cache";
  readonly key: string;
  readonly ttl_ms: number;
  readonly tags?: readonly string[];
  /** The versions of those who could have been asked, where they are a part of the key. */
  readonly versions?: string;
  readonly until: number;
}

export type CacheInput =
  /** The result cache has what a step asked it for; `madeAt`: when, for `task`. */
  | (OfStep & { readonly type: "cached"; readonly output: StoredValue; readonly task: string; readonly madeAt: number })
  /** … or has not. */
  | (OfStep & { readonly type: "uncached"; readonly reason: Exclude<CacheMiss, "expired"> })
  /** The cache has dropped what these steps made out of date. */
  | { readonly type: "invalidated"; readonly steps: readonly string[] };

export type CacheCommand =
  /** Ask the result cache. */
  | (OfStep & { readonly type: "ask_cache" })
  /** Give it what the step came to, or say that it gives nothing and waits for nothing. */
  | (OfStep & { readonly type: "fill_cache" | "free_cache" })
  /** Have it drop what is out of date. */
  | (OfStep & { readonly type: "invalidate_cache" });

export interface CacheState {
  /** What steps have asked for, by index: each asks once. And when the last of them asked. */
  readonly asked: Map<number, AskedOfCache>;
  askedAt: number;
  /** Tags of kept results that steps have made out of date, until the cache has heard of it; by path. And since when. */
  readonly outdated: Map<string, readonly string[]>;
  outdatedAt: number;
}

export interface AskedOfCache {
  readonly key: string;
  /** Others wait for what it brings. */
  readonly isFirst: boolean;
  /** Whose result it has got. */
  readonly from: CachedFrom | null;
}

export function nothingAsked(): CacheState {
  return { asked: new Map(), askedAt: 0, outdated: new Map(), outdatedAt: 0 };
}
