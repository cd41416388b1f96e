/**
 * Errands: what an object owes to others until they have heard it. What is owed follows from the object's state, so that
 * a new instance finds it again; nothing else about it is stored.
 *
 * E1. To carry an errand out once more does no harm.
 * E2. What a change asks for is carried out at once, in the order of the errands.
 * E3. What is owed still is carried out again by every new instance, and by the alarm once nothing was heard for long.
 * E4. As long as anything is owed the alarm is set.
 */
import { backoffMs, pauseOfWait } from "../shared/backoff.ts";
import { log, messageOf } from "../shared/log.ts";
import { earliest } from "./alarm.ts";
import { LIMITS } from "./limits.ts";

/** One kind of errand. `State`: of the object. `Command`: what a change of it asks for. */
export interface Errand<State, Command> {
  /** Carries out its share of what a change asks for. */
  readonly run: (state: State, commands: readonly Command[]) => void;
  /** Carries out what is owed and was not asked for lately. */
  readonly again?: (state: State, now: number) => void;
  /** When to look at it again; `null` while nothing is owed. A function of the state, and quick: every change asks. */
  readonly nextAt?: (state: State, now: number) => number | null;
  /** The object was emptied, and may be used anew: whatever this instance remembers is of another one. */
  readonly startOver?: () => void;
}

type ByType<State, Command extends { readonly type: string }> = {
  readonly [T in Command["type"]]: readonly Errand<State, Extract<Command, { readonly type: T }>>[];
};

/** All errands of an object. */
export class Errands<State, Command extends { readonly type: string }> {
  readonly #inOrder: readonly Errand<State, never>[];
  readonly #byType: ByType<State, Command>;

  /** `byType`: who carries out which commands. */
  constructor(inOrder: readonly Errand<State, never>[], byType: ByType<State, Command>) {
    this.#inOrder = inOrder;
    this.#byType = byType;
  }

  run(state: State, commands: readonly Command[]): void {
    const shares = new Map<Errand<State, never>, Command[]>();
    for (const command of commands) {
      for (const errand of this.#byType[command.type as Command["type"]]) {
        const share = shares.get(errand);
        if (share === undefined) shares.set(errand, [command]);
        else share.push(command);
      }
    }
    for (const errand of this.#inOrder) {
      const share = shares.get(errand);
      if (share !== undefined) errand.run(state, share as never[]);
    }
  }

  again(state: State, now: number): void {
    for (const errand of this.#inOrder) errand.again?.(state, now);
  }

  nextAt(state: State, now: number): number | null {
    return earliest(...this.#inOrder.map((errand) => errand.nextAt?.(state, now) ?? null));
  }

  startOver(): void {
    for (const errand of this.#inOrder) errand.startOver?.();
  }
}

/** When this instance carried out which errand last. */
export class Reminders {
  readonly #at = new Map<string, number>();

  carriedOut(key: string): void {
    this.#at.set(key, Date.now());
  }

  /** Whether to carry it out again: it is owed since `since`. */
  isDue(key: string, since: number, now: number): boolean {
    return now - (this.#at.get(key) ?? 0) >= againMs(since, now) / 2;
  }

  heard(key: string): void {
    this.#at.delete(key);
  }

  clear(): void {
    this.#at.clear();
  }
}

/** When the alarm looks at what is owed since `since`: the longer nothing is heard, the less likely it got lost. */
export function againAt(since: number, now: number): number {
  return now + againMs(since, now);
}

function againMs(since: number, now: number): number {
  return pauseOfWait({ leastMs: LIMITS.againMs, share: 1, mostMs: LIMITS.againMaxMs }, since, now);
}

/** A request that is worth a few tries, further and further apart; whether it was answered. What was not, the alarm finds again. */
export async function tryToTell(failure: string, request: () => Promise<void>): Promise<boolean> {
  for (let failures = 1; ; failures++) {
    try {
      await request();
      return true;
    } catch (error) {
      log("warn", failure, { error: messageOf(error) });
      if (failures === LIMITS.tellTries) return false;
    }
    await scheduler.wait(backoffMs({ firstMs: LIMITS.tellAgainMs, factor: 4, mostMs: LIMITS.againMs }, failures));
  }
}

/** Does what nobody waits for: a failure is found again by the alarm. */
export async function aside(failure: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    log("warn", failure, { error: messageOf(error) });
  }
}
