/**
 * The calls that the object itself awaits. At most `places` are under way; the others line up, first come first served,
 * because the platform holds back what exceeds its six and counts that time against their timeouts.
 */
import type { Outcome } from "../agents/protocol.ts";

interface InlineCall {
  readonly key: string;
  /** It holds a slot of its agent and goes before those that do not. */
  readonly isFirst: boolean;
  /** Must not throw. */
  readonly call: (controller: AbortController) => Promise<Outcome>;
  /** Not called once the attempt was abandoned. */
  readonly done: (outcome: Outcome) => void;
}

export class InlineCalls {
  readonly #places: number;
  readonly #held = new Map<string, AbortController>();
  readonly #calledAt = new Map<string, number>();
  #line: InlineCall[] = [];
  #underWay = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Calls as soon as a place is free. An attempt that is held already, under way or in line, is not called twice. */
  start(call: InlineCall): void {
    if (this.#held.has(call.key)) return;
    this.#held.set(call.key, new AbortController());
    const behind = call.isFirst ? this.#line.findIndex(({ isFirst }) => !isFirst) : -1;
    this.#line.splice(behind === -1 ? this.#line.length : behind, 0, call);
    this.#fill();
  }

  /** When a call left, `in_line` while it waits for a place, `null` when there is none. */
  calledAt(key: string): number | "in_line" | null {
    return this.#held.has(key) ? (this.#calledAt.get(key) ?? "in_line") : null;
  }

  /** Stops awaiting an attempt; its place is free once the request has ended. */
  abandon(key: string): void {
    this.#held.get(key)?.abort();
    this.#held.delete(key);
  }

  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  #fill(): void {
    while (this.#underWay < this.#places) {
      const next = this.#line.shift();
      if (next === undefined) return;
      const controller = this.#held.get(next.key);
      if (controller === undefined) continue; // abandoned while in line
      this.#underWay++;
      void this.#run(next, controller);
    }
  }

  async #run(next: InlineCall, controller: AbortController): Promise<void> {
    this.#calledAt.set(next.key, Date.now());
    const outcome = await next.call(controller);
    this.#calledAt.delete(next.key);
    this.#underWay--;
    const isWanted = this.#held.get(next.key) === controller;
    if (isWanted) this.#held.delete(next.key);
    // The next request leaves before this reply is recorded: a free place never waits for a commit.
    this.#fill();
    if (isWanted) next.done(outcome);
  }
}
