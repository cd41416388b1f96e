import type { TaskState } from "../../../src/engine/state/state.ts";

/** State without the indexes that may hold entries out of date. */
export function essence(state: TaskState): unknown {
  const {
    graph: _,
    agenda: __,
    ended: ___,
    proceeding: ____,
    clocks: _____,
    starts: ______,
    looks: _______,
    hedges: ________,
    stepByPath,
    ...rest
  } = state;
  const paths = new Map([...stepByPath].map(([path, step]) => [path, step.index]));
  return JSON.parse(
    JSON.stringify({ ...rest, paths }, (key, value: unknown) => {
      if (key === "lookAt") return undefined; // when to look again follows from the clock
      if (key === "isFreed") return undefined; // whoever waits asks once more, and hears the same
      if (key === "items") return undefined; // at hand or not, they are the same
      if (key === "node" || key === "block") return undefined; // of the graph
      if (key === "owner" && value !== null) return (value as { readonly path: string }).path;
      return value instanceof Set || value instanceof Map ? [...value] : value;
    }),
  );
}
