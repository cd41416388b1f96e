/** What the folders promise: who imports whom. Types count like values. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { STEP_KINDS } from "../../src/language/kinds/table.ts";
import { layerRules } from "./layer-rules.ts";
import { importersOf, importGraph, knotsIn } from "./import-graph.ts";

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

/** Its own files, those that import them, and those that name it: by the type of its nodes, or where they ask for the kind of a step. */
function filesOfKind(kind: string): readonly string[] {
  const own = sources.map(({ path }) => path).filter((path) => path.endsWith(`/kinds/${kind}.ts`));
  const named = new RegExp(
    [
      `\\w+Of<"${kind}">`,
      `isKind\\([^)]*"${kind}"`,
      `\\b(?:kind|(?:step|written|node)(?:\\["|\\.)type(?:"\\])?)(?: [!=]== |: )"${kind}"`,
      `switch \\([\\w.]*kind\\) \\{(?:(?!switch)[^])*?case "${kind}":`,
    ].join("|"),
  );
  const knowsSteps = importersOf(graph, (path) => /^src\/(language|engine)\//.test(path));
  const naming = sources.filter(
    ({ path, text }) => (knowsSteps.includes(path) || /^src\/(language|engine)\//.test(path)) && named.test(text),
  );
  return [...new Set([...own, ...importersOf(graph, (path) => own.includes(path)), ...naming.map(({ path }) => path)])].toSorted();
}

describe("a kind of step", () => {
  test.for(["transform", "end"])("%s, of which nothing is assumed, is known to five files of all rooms", (kind) => {
    expect(filesOfKind(kind).slice(5)).toEqual([]);
  });

  // What is assumed of how long a wait lasts, and of what people say, is a table of the estimates.
  const filesOf = (kind: string) => filesOfKind(kind).filter((path) => !path.startsWith("src/estimates/"));

  test.for(["wait", "signal", "approval", "transform", "end"])("%s, which has none inside it, is known to five files", (kind) => {
    expect(filesOf(kind)).toContain(`src/language/kinds/${kind}.ts`);
    expect(filesOf(kind)).toContain(`src/engine/kinds/${kind}.ts`);
    expect(filesOf(kind).slice(5)).toEqual([]);
  });

  test.for(["map", "switch", "repeat", "workflow"])("%s, which has branches, is known to nine at most", (kind) => {
    expect(filesOf(kind).slice(9)).toEqual([]);
  });

  test("is one of those that the language lists", () => {
    const files = sources.flatMap(({ path }) => /^src\/language\/kinds\/(\w+)\.ts$/.exec(path)?.[1] ?? []);
    expect(files.filter((name) => name !== "kind" && name !== "table").toSorted()).toEqual(STEP_KINDS.toSorted());
  });
});

describe("an aspect", () => {
  const folder = "src/engine/aspects/";
  const aspects = [
    ...new Set(sources.flatMap(({ path }) => (path.startsWith(folder) ? (path.slice(folder.length).match(/^[^/]+(?=\/)/) ?? []) : []))),
  ];

  test("is imported by the two tables and at most one file more", () => {
    expect(aspects.toSorted()).toEqual(["budget", "cache", "family", "hold"]);
    for (const aspect of aspects) {
      const importers = importersOf(graph, (path) => path.startsWith(`${folder}${aspect}/`));
      expect(importers).toEqual(expect.arrayContaining([`${folder}shapes.ts`, `${folder}table.ts`]));
      expect(importers.length, importers.join(", ")).toBeLessThanOrEqual(3);
    }
  });
});

describe("the rooms", () => {
  const layers = JSON.parse(readFileSync(join(root, "src/layers.json"), "utf8")) as Readonly<Record<string, readonly string[]>>;
  const roomOf = (path: string): string => path.split("/")[1] ?? "";
  const isInRoom = (path: string): boolean => path.split("/").length > 2;

  test("are those of the table, which has no circle", () => {
    expect(
      [
        ...new Set(
          sources
            .map(({ path }) => path)
            .filter(isInRoom)
            .map(roomOf),
        ),
      ].toSorted(),
    ).toEqual(Object.keys(layers).toSorted());
    expect(knotsIn(new Map(Object.entries(layers)))).toEqual([]);
  });

  test("import what the table allows, types included", () => {
    const strays = [...graph].flatMap(([file, targets]) =>
      targets
        .filter((target) => isInRoom(file) && roomOf(target) !== roomOf(file) && !(layers[roomOf(file)] ?? []).includes(roomOf(target)))
        .map((target) => `${file} imports ${target}`),
    );
    expect(strays).toEqual([]);
  });

  test("are held by the linter, too, whose lists are made of the table", () => {
    const { overrides } = JSON.parse(readFileSync(join(root, ".oxlintrc.json"), "utf8")) as { overrides: readonly unknown[] };
    expect(overrides).toEqual(expect.arrayContaining([...layerRules(layers)]));
  });

  test("hold at most forty files in a folder", () => {
    const inFolder = Map.groupBy(sources, ({ path }) => path.slice(0, path.lastIndexOf("/")));
    expect([...inFolder].filter(([, files]) => files.length > 40).map(([folder]) => folder)).toEqual([]);
  });

  test("are named outside of themselves by the list of rooms alone", () => {
    const outside = sources.filter(({ path }) => !isInRoom(path)).map(({ path }) => path);
    expect(outside.toSorted()).toEqual(["src/index.ts", "src/rooms.ts"]);
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
