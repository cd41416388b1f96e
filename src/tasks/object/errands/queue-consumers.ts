/**
 * Consumers of the queue that call agents for this task. Each says now and then that it is there, which is remembered and not
 * recorded. One that is silent is looked at once more, lest it was this process that slept, and then its attempt is lost and
 * sent again. A new instance knows of nobody, and looks at all of them so.
 */
import { aside } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { AttemptOf } from "../../messages.ts";
import { consumed, keyOf } from "../attempt-lookup.ts";
import type { TaskRunner } from "../runner.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type Over = CommandOf<"abandon" | "settled">;

export class QueueConsumers implements TaskErrand<Over> {
  readonly #runner: TaskRunner;
  readonly #heardAt = new Map<string, number>();
  readonly #silentSince = new Map<string, number>();
  #isLooking = false;

  constructor(runner: TaskRunner) {
    this.#runner = runner;
  }

  heard(at: AttemptOf): void {
    this.#heardAt.set(keyOf(at), Date.now());
    this.#silentSince.delete(keyOf(at));
  }

  run(_loaded: Loaded, commands: readonly Over[]): void {
    for (const command of commands) this.#forget(keyOf(command));
  }

  again(loaded: Loaded, now: number): void {
    for (const { at } of consumed(loaded)) {
      const key = keyOf(at);
      if (now - (this.#heardAt.get(key) ?? 0) < LIMITS.consumerSilentMs) continue;
      const since = this.#silentSince.get(key) ?? now;
      if (now - since >= LIMITS.consumerLookMs) {
        this.#forget(key);
        void aside("silent consumer not given up, the alarm will", this.#runner.apply({ ...at, type: "lose" }));
      } else {
        this.#silentSince.set(key, since);
        this.#lookAgain();
      }
    }
  }

  nextAt({ state }: Pick<Loaded, "state">, now: number): number | null {
    return state.consumed > 0 ? now + LIMITS.unclaimedMs : null;
  }

  startOver(): void {
    this.#heardAt.clear();
    this.#silentSince.clear();
  }

  #lookAgain(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const look = async (): Promise<void> => {
      this.#isLooking = false;
      const loaded = await this.#runner.ready();
      if (loaded !== null) this.again(loaded, Date.now());
    };
    setTimeout(() => void aside("silent consumers not looked at, the alarm will", look()), LIMITS.consumerLookMs);
  }

  #forget(key: string): void {
    this.#heardAt.delete(key);
    this.#silentSince.delete(key);
  }
}
