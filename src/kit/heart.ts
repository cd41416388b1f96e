/**
 * Shows the orchestrator that an attempt is being worked on.
 *
 * H1. At most one heartbeat is in flight. What comes meanwhile is kept, the latest only.
 * H2. A heartbeat is made by the request that made the heart. Others only leave word: a Worker must not use what belongs
 *     to another request.
 * H3. What the orchestrator does not hear is no failure of the work; only its word that nobody wants the attempt counts.
 */
import { backoffMs } from "./backoff.ts";
import type { Callback } from "./callback.ts";
import { createDeferred } from "./deferred.ts";
import { LIMITS } from "./limits.ts";

export interface Beat {
  readonly progress?: unknown;
  /** A duration such as `"10m"`: how long from now the attempt is trusted. */
  readonly extend?: string;
}

export interface HeartOptions {
  /** Asked before each regular heartbeat: none is sent for work that has died. */
  readonly isWorking: () => boolean;
  /** Called once, when the orchestrator says that nobody wants the attempt any more, or the work has died. */
  readonly onUnwanted: (reason: string) => void;
  readonly onRefused: (detail: string) => void;
}

export class Heart {
  readonly #callback: Callback;
  readonly #options: HeartOptions;
  #word: Beat | null = null;
  #regularAt = Number.POSITIVE_INFINITY;
  #notBefore = 0;
  #failures = 0;
  #isStopped = false;
  #wake = createDeferred();

  constructor(callback: Callback, options: HeartOptions) {
    this.#callback = callback;
    this.#options = options;
    void this.#beatUntilStopped();
  }

  /** Sends this with the next heartbeat, which is now unless one is in flight or was just sent. */
  say(beat: Beat): void {
    this.#word = { ...this.#word, ...beat };
    this.#wake.resolve();
  }

  /** From now on regularly. `leaseMs`: how long the attempt is trusted, if that is known. */
  keepBeating(leaseMs: number | null): void {
    this.#regularAt = Date.now() + (leaseMs === null ? LIMITS.firstHeartbeatMs : regularPauseMs(leaseMs));
    this.#wake.resolve();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake.resolve();
  }

  async #beatUntilStopped(): Promise<void> {
    while (!this.#isStopped) {
      const waitMs = this.#dueAt() - Date.now();
      if (waitMs > 0) await this.#wakeWithin(waitMs);
      else if (this.#word === null && !this.#options.isWorking()) this.#giveUp("the work has died");
      else await this.#beat();
    }
  }

  #giveUp(reason: string): void {
    if (this.#isStopped) return;
    this.stop();
    this.#options.onUnwanted(reason);
  }

  #dueAt(): number {
    return this.#word === null ? this.#regularAt : this.#notBefore;
  }

  async #wakeWithin(ms: number): Promise<void> {
    const timer = ms > LIMITS.timerMs ? undefined : setTimeout(this.#wake.resolve, ms);
    await this.#wake.promise;
    clearTimeout(timer);
    this.#wake = createDeferred();
  }

  async #beat(): Promise<void> {
    const word = this.#word ?? {};
    this.#word = null;
    const heard = await this.#callback.heartbeat(word);
    const isRegular = this.#regularAt !== Number.POSITIVE_INFINITY;
    const now = Date.now();
    switch (heard.type) {
      case "heard":
        this.#failures = 0;
        this.#notBefore = now + LIMITS.progressPauseMs;
        if (isRegular) this.#regularAt = now + (heard.leaseMs === null ? LIMITS.heartbeatMs : regularPauseMs(heard.leaseMs));
        return;
      case "unwanted":
        this.#giveUp(heard.code);
        return;
      case "refused":
        // What was said will be refused again; that the work goes on is still worth saying.
        this.#notBefore = now + LIMITS.progressPauseMs;
        if (isRegular) this.#regularAt = now + LIMITS.heartbeatMs;
        if (!this.#isStopped) this.#options.onRefused(heard.detail);
        return;
      case "unheard": {
        const pauseMs = Math.max(heard.retryAfterMs, backoffMs(++this.#failures, LIMITS.heartbeatPause));
        if ("progress" in word || "extend" in word) this.#word = { ...word, ...(this.#word as Beat | null) };
        this.#notBefore = now + pauseMs;
        if (isRegular) this.#regularAt = now + pauseMs;
      }
    }
  }
}

/** A third of the lease: two heartbeats may get lost. */
function regularPauseMs(leaseMs: number): number {
  return Math.min(Math.max(leaseMs / 3, LIMITS.heartbeatMinMs), LIMITS.heartbeatMaxMs);
}
