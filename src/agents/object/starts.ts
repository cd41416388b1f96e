/**
 * When calls of an agent with a rate leave, to the millisecond.
 *
 * T1. At most `count` of them leave in any `perMs`, however long it takes from being let in to leaving. So what counts is
 *     the moment at which a call leaves, and that is stored before it does.
 * T2. What was let in and has not left counts as well, from when it was let in: so people wait in line, not behind it.
 */
import { LIMITS } from "../limits.ts";
import type { AgentLimits } from "../agent.ts";

type Rate = NonNullable<AgentLimits["rate"]>;

/** Where the moments outlive the instance. Writing is synchronous. */
export interface StartStore {
  readonly starts: () => readonly number[];
  readonly addStart: (at: number) => void;
  readonly dropStartsBefore: (at: number) => void;
}

export class Starts {
  readonly #store: StartStore;
  /** When calls left, or are about to; in order. */
  #left: number[];
  /** When others were let in, or are to come back to leave. */
  #planned: number[];

  /** Plans are kept elsewhere. */
  constructor(store: StartStore, planned: readonly number[]) {
    this.#store = store;
    this.#left = [...store.starts()].toSorted(inOrder);
    this.#planned = [...planned];
  }

  /** How many more may be let in now. */
  room(rate: Rate, now: number): number {
    this.#forget(now - windowOf(rate));
    return rate.count - this.#left.length - this.#planned.length;
  }

  /** When one more may be let in; `null` while fewer were than may be. */
  opensAt(rate: Rate): number | null {
    const all = [...this.#left, ...this.#planned].toSorted(inOrder);
    const oldest = all[all.length - rate.count];
    return oldest === undefined ? null : oldest + windowOf(rate);
  }

  /** The first moment from `now` on at which one more call may leave. Who has not come by now is not waited for. */
  earliest(rate: Rate, now: number): number {
    const windowMs = windowOf(rate);
    this.#forget(now - windowMs);
    const others = [...this.#left, ...this.#planned.filter((at) => at > now)].toSorted(inOrder);
    let at = now;
    for (let first = 0; first + rate.count <= others.length; first++) {
      const [from, to] = [others[first] as number, others[first + rate.count - 1] as number];
      // One more among so many: together they must span the period.
      if (Math.max(at, to) - Math.min(at, from) < windowMs) at = from + windowMs;
    }
    return at;
  }

  plan(at: number): void {
    this.#planned.push(at);
  }

  cancel(at: number): void {
    const index = this.#planned.indexOf(at);
    if (index !== -1) this.#planned.splice(index, 1);
  }

  /** A call leaves. */
  add(at: number): void {
    this.#left = [...this.#left, at].toSorted(inOrder);
    this.#store.addStart(at);
  }

  #forget(before: number): void {
    this.#planned = this.#planned.filter((at) => at > before);
    if ((this.#left[0] ?? Number.POSITIVE_INFINITY) > before) return;
    this.#left = this.#left.filter((at) => at > before);
    this.#store.dropStartsBefore(before);
  }
}

const inOrder = (a: number, b: number): number => a - b;

/** A call takes a moment to reach the agent, who counts arrivals: a little more than the period keeps them apart. */
function windowOf(rate: Rate): number {
  return rate.perMs + LIMITS.rateSlackMs;
}
