/** Turns: what is compared does the same work so many times, one after the other, and rests until nothing of it is left to do. */
import { settled } from "./server.ts";
import type { Target, Work } from "./targets.ts";

/** Runs that are compared: each so many times in one turn, so many of them at once. */
export interface Cell<K extends string = string> {
  readonly name: string;
  readonly runs: readonly Run<K>[];
  readonly times: number;
  /** Runs before these that are not counted: caches and compilers have cooled down since the last turn. */
  readonly warmUps?: number;
  readonly together?: number;
}

export interface Run<K extends string = string> {
  readonly key: K;
  readonly target: Target;
  readonly work: Work;
}

export interface Turn {
  /** Of each run, or of all together. */
  readonly ms: readonly number[];
  readonly cpuSecondsPerStep: number;
  readonly peakBytes: number;
  /** How often the agent was called for it. */
  readonly calls: number;
}

export async function takeTurn({ target, work }: Run, { times, warmUps = 0, together = 1 }: Omit<Cell, "name" | "runs">): Promise<Turn> {
  for (let time = 0; time < warmUps; time++) await target.run(work);
  const ms: number[] = [];
  target.server.resetPeak();
  const cpuBefore = target.server.cpuSeconds();
  for (let time = 0; time < times; time++) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: together }, () => target.run(work)));
    ms.push(performance.now() - startedAt);
  }
  await settled(target.server);
  const steps = work.steps * times * together;
  return {
    ms,
    cpuSecondsPerStep: (target.server.cpuSeconds() - cpuBefore) / steps,
    peakBytes: target.server.peakBytes(),
    calls: steps + work.steps * warmUps,
  };
}
