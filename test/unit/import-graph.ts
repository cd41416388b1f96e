/** Which file imports which, types included, and where that goes in circles. Text in, plain data out. */
import { posix } from "node:path";

/** The files that each file imports, of those given. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export interface SourceText {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const IMPORT = /(?:\bfrom|^import|\bimport\()\s*"(\.[^"]+)"/gm;

export function importGraph(files: readonly SourceText[]): ImportGraph {
  const known = new Set(files.map(({ path }) => path));
  return new Map(
    files.map(({ path, text }) => {
      const targets = [...text.matchAll(IMPORT)].map((match) => posix.join(posix.dirname(path), match[1] as string));
      return [path, [...new Set(targets)].filter((target) => known.has(target))];
    }),
  );
}

/** Files that import each other, directly or through others, of each other: what can only be understood together. */
export function knotsIn(graph: ImportGraph): readonly (readonly string[])[] {
  const knots: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): number => {
    const mine = order.size;
    order.set(file, mine);
    open.push(file);
    let low = mine;
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, order.get(target) as number);
    }
    if (low === mine) {
      const knot = open.splice(open.indexOf(file));
      if (knot.length > 1) knots.push(knot.toSorted());
    }
    return low;
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return knots;
}

/** Files that import something of what `isOwn` says belongs together, and do not belong to it. */
export function importersOf(graph: ImportGraph, isOwn: (path: string) => boolean): readonly string[] {
  return [...graph].flatMap(([file, targets]) => (!isOwn(file) && targets.some(isOwn) ? [file] : []));
}
