/** A heap of moments at which something must be looked at. Entries are never removed early: who pops one checks it. */
import type { AspectTimer } from "../aspects/shapes.ts";

export type Timer =
  | { readonly at: number; readonly type: "deadline" }
  | AspectTimer
  | { readonly at: number; readonly type: "lease"; readonly step: number; readonly attempt: number }
  | { readonly at: number; readonly type: "retry"; readonly step: number; readonly attempt: number }
  | { readonly at: number; readonly type: "look"; readonly step: number }
  /** Ask a second agent. */
  | { readonly at: number; readonly type: "hedge"; readonly step: number; readonly attempt: number }
  /** Stood in line for a slot long enough. */
  | { readonly at: number; readonly type: "line"; readonly step: number; readonly attempt: number }
  /** What a step waits for, or how long it does. */
  | { readonly at: number; readonly type: "due"; readonly step: number }
  /** An open step may begin its next branch. */
  | { readonly at: number; readonly type: "next"; readonly step: number };

export class TimerHeap {
  readonly #timers: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  peek(): Timer | undefined {
    return this.#timers[0];
  }

  push(timer: Timer): void {
    const timers = this.#timers;
    let at = timers.length;
    timers.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isEarlier(timer, timers[parent] as Timer)) break;
      timers[at] = timers[parent] as Timer;
      at = parent;
    }
    timers[at] = timer;
  }

  pop(): Timer | undefined {
    const timers = this.#timers;
    const first = timers[0];
    const last = timers.pop();
    if (first === undefined || last === undefined || timers.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= timers.length) break;
      if (child + 1 < timers.length && isEarlier(timers[child + 1] as Timer, timers[child] as Timer)) child++;
      if (!isEarlier(timers[child] as Timer, last)) break;
      timers[at] = timers[child] as Timer;
      at = child;
    }
    timers[at] = last;
    return first;
  }
}

/** Timers of one moment go in the order of their steps and attempts, so that a rebuilt heap behaves like the one it replaces. */
function isEarlier(a: Timer, b: Timer): boolean {
  if (a.at !== b.at) return a.at < b.at;
  const [left, right] = ["step" in a ? a.step : -1, "step" in b ? b.step : -1];
  return left !== right ? left < right : ("attempt" in a ? a.attempt : 0) < ("attempt" in b ? b.attempt : 0);
}
