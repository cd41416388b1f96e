/** The way through a simulated run that took longest: from its end back, each step is on it that freed the next. */
import type { Frame, Instance } from "./frame.ts";

/** `visit`: a step and what it adds to the duration by itself, without the steps inside it. */
export function walkBack(root: Frame, visit: (instance: Instance, ms: number) => void): void {
  const frames: Frame[] = [root];
  // A stack of its own: workflows start each other deeper than functions may call each other.
  for (let frame = frames.pop(); frame !== undefined; frame = frames.pop()) {
    for (let at = frame.last; at !== null; at = at.freedBy) visit(at, ownMs(at, frames));
  }
}

/** The branches that led to its end go on the stack. */
function ownMs(instance: Instance, frames: Frame[]): number {
  let ms = instance.endedAt - instance.freedAt;
  for (let branch = instance.branches?.last ?? null; branch !== null; branch = branch.after) {
    ms -= branch.endedAt - branch.openedAt;
    frames.push(branch);
  }
  return Math.max(0, ms);
}
