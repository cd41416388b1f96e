/** What the folders promise: who imports whom. Types count like values. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { importGraph, knotsIn } from "./import-graph.ts";

const root = join(import.meta.dirname, "..", "..");
const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8") }));
const graph = importGraph(sources);

const KNOT = 5;

describe("the imports", () => {
  test("tie no more than five files of the engine or the language together", () => {
    const knots = knotsIn(graph).filter((knot) => knot.some((file) => /^src\/(engine|language)\//.test(file)));
    expect(knots.filter((knot) => knot.length > KNOT)).toEqual([]);
  });
});

describe("knots", () => {
  const of = (edges: { readonly [file: string]: readonly string[] }) => knotsIn(new Map(Object.entries(edges)));

  test("are found through others, each once, and apart from what only hangs on them", () => {
    expect(of({ a: ["b"], b: ["c"], c: ["a", "d"], d: ["e"], e: ["d"], f: ["a"] })).toEqual([
      ["d", "e"],
      ["a", "b", "c"],
    ]);
    expect(of({ a: ["b", "c"], b: ["c"], c: [] })).toEqual([]);
  });

  test("count imports of types, and those that are loaded later", () => {
    const files = [
      { path: "src/a.ts", text: 'import type { B } from "./b.ts";' },
      { path: "src/b.ts", text: 'const a = await import("./a.ts");\nimport "node:fs";' },
    ];
    expect(knotsIn(importGraph(files))).toEqual([["src/a.ts", "src/b.ts"]]);
  });
});
