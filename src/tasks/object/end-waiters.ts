/** Callers that wait for the task's end, whom the object keeps for as long as it is awake anyway. */
import { LIMITS } from "../limits.ts";

export class EndWaiters {
  readonly #isAwake: () => boolean;
  #waiters: (() => void)[] = [];

  constructor(isAwake: () => boolean) {
    this.#isAwake = isAwake;
  }

  /** Until the task has ended, or the object could sleep, or `waitMs` have passed. */
  async wait(waitMs: number): Promise<void> {
    const until = Date.now() + Math.min(waitMs, LIMITS.lingerAwakeMs);
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const leftMs = until - Date.now();
        if (leftMs > 0 && this.#isAwake()) timer = setTimeout(look, Math.min(LIMITS.lingerMs, leftMs));
        else resolve();
      };
      let timer = setTimeout(look, Math.min(LIMITS.lingerMs, waitMs));
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  ended(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
