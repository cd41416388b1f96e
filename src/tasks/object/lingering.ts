/** Callers that the object keeps until the task ends, for as long as it is awake anyway. */
import { LIMITS } from "../limits.ts";

export class Lingering {
  #callers: (() => void)[] = [];

  /** Until the task has ended, or the object could sleep, or `waitMs` have passed. */
  async linger(waitMs: number, isAwake: () => boolean): Promise<void> {
    const until = Date.now() + Math.min(waitMs, LIMITS.lingerAwakeMs);
    await new Promise<void>((resolve) => {
      this.#callers.push(resolve);
      const look = (): void => {
        const leftMs = until - Date.now();
        if (leftMs > 0 && isAwake()) setTimeout(look, Math.min(LIMITS.lingerMs, leftMs));
        else resolve();
      };
      setTimeout(look, Math.min(LIMITS.lingerMs, waitMs));
    });
  }

  ended(): void {
    for (const resolve of this.#callers.splice(0)) resolve();
  }
}
