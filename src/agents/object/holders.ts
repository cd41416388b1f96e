/** What an agent's object tells the tasks that hold its slots or wait in its line, each task once for all its attempts. */
import { log, messageOf } from "../../shared/log.ts";
import { keyOfAttempt, type AttemptName, type Slot } from "./admission.ts";
import type { AgentName, Release, SlotRequest } from "./agent-contract.ts";
import type { Handed } from "./pulled-work.ts";
import type { HoldersPort } from "../port.ts";

/** What the object does about what was found out of slots. */
interface Findings {
  /** Nobody wants them any more. */
  readonly drop: (name: AgentName, slots: readonly Slot[]) => Promise<void>;
  /** Somebody does, but no worker has them. */
  readonly putBack: (name: AgentName, slots: readonly Slot[]) => Promise<void>;
  /** Their task has answered, or could not. */
  readonly answered: (slots: readonly Slot[]) => void;
  readonly unanswered: (name: AgentName, slots: readonly Slot[], askedAt: number) => Promise<void>;
}

/** Tells a task something that nobody here waits for. */
type Aside = (what: string, task: string, message: () => Promise<void>) => void;

export class Holders {
  readonly #port: () => HoldersPort;
  readonly #aside: Aside;
  readonly #found: Findings;
  /** Attempts on their way to a worker, and whether their task has asked for them since. */
  readonly #handing = new Map<string, boolean>();

  constructor(port: () => HoldersPort, aside: Aside, found: Findings) {
    this.#port = port;
    this.#aside = aside;
    this.#found = found;
  }

  /** Tells tasks of their slots, new ones or those they have had for a while. What does not arrive, the alarm repeats. */
  grant(name: AgentName, slots: readonly Slot[]): void {
    for (const [task, granted] of byTask(slots)) {
      this.#aside("slot not delivered yet", task, async () => {
        const held = await this.#answer(name, granted, this.#port().grant(name.tenant, task, granted.map(nameOf)));
        await this.#some(this.#found.drop, name, granted, (index) => held[index] !== true);
      });
    }
  }

  /**
   * Finds out about slots that workers were to take along: only a worker may start those. What is being handed over right
   * now is somebody's already, although its task may not know it yet.
   */
  verify(name: AgentName, slots: readonly Slot[]): void {
    for (const [task, given] of byTask(slots.filter((slot) => !this.#handing.has(keyOfAttempt(slot))))) {
      this.#aside("slot not verified yet", task, async () => {
        const holdings = await this.#answer(name, given, this.#port().verify(name.tenant, task, given.map(nameOf)));
        await this.#some(this.#found.drop, name, given, (index) => holdings[index] === "gone");
        await this.#some(this.#found.putBack, name, given, (index) => holdings[index] === "wanted");
      });
    }
  }

  /** Sends attempts out of the line. What does not arrive, the task finds out when it asks again. */
  decline(name: AgentName, waiters: readonly AttemptName[], reason: string, retryAt: number): void {
    for (const [task, attempts] of byTask(waiters)) {
      this.#aside("attempts not declined yet", task, () => this.#port().decline(name.tenant, task, attempts.map(nameOf), reason, retryAt));
    }
  }

  /** Hands an attempt to a worker; `isAgain`: its claim may have been given it before. */
  async hand(name: AgentName, slot: Slot, isAgain: boolean): Promise<Handed> {
    const key = keyOfAttempt(slot);
    this.#handing.set(key, false);
    try {
      const call = await this.#port().hand(name.tenant, nameOf(slot), isAgain);
      // A task that goes on after a pause may have asked after it had declined.
      return call ?? (this.#handing.get(key) === true ? "wanted_again" : "unwanted");
    } catch (error) {
      log("warn", "attempt not handed over", { task: slot.task, error: messageOf(error) });
      return "unknown";
    } finally {
      this.#handing.delete(key);
    }
  }

  /** Attempts that no worker has after all: their tasks give them to somebody else. */
  async takeBack(tenant: string, attempts: readonly AttemptName[]): Promise<void> {
    await Promise.all([...byTask(attempts)].map(([task, given]) => this.#port().takeBack(tenant, task, given.map(nameOf))));
  }

  /** A task asks for slots. */
  asked(attempts: readonly AttemptName[]): void {
    for (const key of attempts.map(keyOfAttempt)) if (this.#handing.has(key)) this.#handing.set(key, true);
  }

  async #answer<T>(name: AgentName, slots: readonly Slot[], asked: Promise<T>): Promise<T> {
    const askedAt = Date.now();
    try {
      const answer = await asked;
      this.#found.answered(slots);
      return answer;
    } catch (error) {
      await this.#found.unanswered(name, slots, askedAt);
      throw error;
    }
  }

  async #some(
    act: (name: AgentName, slots: readonly Slot[]) => Promise<void>,
    name: AgentName,
    slots: readonly Slot[],
    isOne: (index: number) => boolean,
  ): Promise<void> {
    const some = slots.filter((_, index) => isOne(index));
    if (some.length > 0) await act(name, some);
  }
}

/** Slots for those who ask right now, who are told by their answer, and for others. */
export function whoIsTold(admitted: readonly Slot[], asking: readonly SlotRequest[]) {
  const requests = new Map(asking.map((request) => [keyOfAttempt(request), request]));
  const told = new Map<SlotRequest, number>();
  const others: Slot[] = [];
  for (const slot of admitted) {
    const request = requests.get(keyOfAttempt(slot));
    if (request === undefined) others.push(slot);
    else told.set(request, slot.grant);
  }
  return { told, others };
}

/** A slot that nothing was learned with, as it is given back. */
export const unusedSlot = ({ task, step, attempt, grant }: Slot): Release => ({
  task,
  step,
  attempt,
  grant,
  capability: null,
  outcome: null,
});

const nameOf = ({ task, step, attempt }: AttemptName): AttemptName => ({ task, step, attempt });

function byTask<T extends AttemptName>(attempts: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const attempt of attempts) {
    const group = groups.get(attempt.task);
    if (group === undefined) groups.set(attempt.task, [attempt]);
    else group.push(attempt);
  }
  return groups;
}
