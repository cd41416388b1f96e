/**
 * A timer that counts only time in which this process was awake. After a freeze, or while a thousand things are due at once,
 * timers fire before what lies in the sockets is read: a time limit on an answer must not end so.
 */

/** Time is counted in slices, each for its own length at most: what a late one took longer was ours, not the other side's. */
const SLICE_MS = 1_000;
/** A slice that ends so late tells that the process slept. Then the end waits for one slice more … */
const LATE_MS = 250;
/** … but not for ever. */
const MOST_MORE = 20;

/** Calls `over` once, unless it is stopped before by what this returns. */
export function startAwakeTimer(ms: number, over: () => void): () => void {
  let leftMs = ms;
  let more = 0;
  let timer: ReturnType<typeof setTimeout>;
  const next = (sliceMs: number): void => {
    const dueAt = Date.now() + sliceMs;
    timer = setTimeout(() => {
      leftMs -= sliceMs;
      const isLate = Date.now() - dueAt > LATE_MS;
      if (leftMs > 0) next(Math.min(leftMs, SLICE_MS));
      else if (isLate && more++ < MOST_MORE) next(SLICE_MS);
      else over();
    }, sliceMs);
  };
  next(Math.min(leftMs, SLICE_MS));
  return () => clearTimeout(timer);
}
