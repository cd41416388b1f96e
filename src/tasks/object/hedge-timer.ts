/** A second agent that is due soon is asked by a timer: the object is awake, or soon forgotten as slow. */
import { nextHedgeAt } from "../../engine/rules/wake.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { LIMITS } from "../limits.ts";

export class HedgeTimer {
  readonly #wake: () => void;
  #timer: { readonly id: number; readonly at: number } | null = null;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  keep(state: TaskState, now: number): void {
    const at = nextHedgeAt(state);
    if (at === null || at > now + LIMITS.hedgeTimerMs || (this.#timer !== null && this.#timer.at <= at)) return;
    if (this.#timer !== null) clearTimeout(this.#timer.id);
    const wake = (): void => {
      this.#timer = null;
      this.#wake();
    };
    this.#timer = { id: setTimeout(wake, Math.max(0, at - now)) as unknown as number, at };
  }
}
