/**
 * The connections of the object: so many calls are under way at once; the others line up, first come first served,
 * because the platform holds back what exceeds its six and counts that time against their timeouts. A call that may not
 * leave soon, because its agent has a rate, gives its connection back and comes again.
 */
import { LIMITS } from "../../limits.ts";

/** The call could not leave yet, and should be made in so long. */
export interface Later {
  readonly type: "later";
  readonly inMs: number;
}

interface Call<Outcome extends { readonly type: string }> {
  readonly key: string;
  /** It goes before others, as one that holds a slot of its agent does. */
  readonly isFirst: boolean;
  /** Must not throw. Says when the request has left. */
  readonly call: (controller: AbortController, left: () => void) => Promise<Outcome | Later>;
  /** Not called once the call was abandoned. */
  readonly done: (outcome: Outcome) => void;
}

/** The same, whatever comes of it: what to do about that. */
interface InLine extends Pick<Call<never>, "key" | "isFirst"> {
  readonly run: (controller: AbortController, left: () => void) => Promise<Later | { readonly type: "over"; readonly tell: () => void }>;
}

export class CallPool {
  readonly #connections: number;
  readonly #held = new Map<string, AbortController>();
  readonly #calledAt = new Map<string, number>();
  #line: InLine[] = [];
  #underWay = 0;

  constructor(connections: number) {
    this.#connections = connections;
  }

  /** Calls as soon as a connection is free. An attempt that is held already, under way or in line, is not called twice. */
  start<Outcome extends { readonly type: string }>({ key, isFirst, call, done }: Call<Outcome>): void {
    if (this.#held.has(key)) return;
    this.#held.set(key, new AbortController());
    this.#enter({
      key,
      isFirst,
      run: async (controller, left) => {
        const outcome = await call(controller, left);
        return isLater(outcome) ? outcome : { type: "over", tell: () => done(outcome) };
      },
    });
    this.#fill();
  }

  /** When a call left, `in_line` while it waits for a connection, `null` when there is none. */
  calledAt(key: string): number | "in_line" | null {
    return this.#held.has(key) ? (this.#calledAt.get(key) ?? "in_line") : null;
  }

  /** Stops awaiting an attempt; its connection is free once the request has ended. */
  abandon(key: string): void {
    this.#held.get(key)?.abort();
    this.#held.delete(key);
  }

  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  #enter(call: InLine): void {
    const behind = call.isFirst ? this.#line.findIndex(({ isFirst }) => !isFirst) : -1;
    this.#line.splice(behind === -1 ? this.#line.length : behind, 0, call);
  }

  #fill(): void {
    while (this.#underWay < this.#connections) {
      const next = this.#line.shift();
      if (next === undefined) return;
      const controller = this.#held.get(next.key);
      if (controller === undefined) continue; // abandoned while in line
      this.#underWay++;
      void this.#run(next, controller);
    }
  }

  async #run(next: InLine, controller: AbortController): Promise<void> {
    const outcome = await next.run(controller, () => this.#calledAt.set(next.key, Date.now()));
    this.#calledAt.delete(next.key);
    this.#underWay--;
    const isWanted = this.#held.get(next.key) === controller;
    if (outcome.type === "later") this.#postpone(next, controller, outcome.inMs);
    else if (isWanted) this.#held.delete(next.key);
    // The next request leaves before this reply is recorded: a free connection never waits for a commit.
    this.#fill();
    if (isWanted && outcome.type !== "later") outcome.tell();
  }

  /** Its connection is somebody else's meanwhile. What would keep the object awake for long is left to the alarm, which calls again. */
  #postpone(call: InLine, controller: AbortController, inMs: number): void {
    const isHeld = (): boolean => this.#held.get(call.key) === controller;
    if (inMs > LIMITS.unclaimedMs) {
      if (isHeld()) this.#held.delete(call.key);
      return;
    }
    setTimeout(
      () => {
        if (!isHeld()) return; // abandoned
        this.#enter(call);
        this.#fill();
      },
      Math.max(0, inMs - LIMITS.startLeadMs),
    );
  }
}

function isLater(outcome: { readonly type: string }): outcome is Later {
  return outcome.type === "later";
}
