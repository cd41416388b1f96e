/** Properties of the code and its documents. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const SKIPPED = new Set(["node_modules", "dist", "migrations", "coverage"]);

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name) || (entry.name.startsWith(".") && entry.name !== ".ci")) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

const files = filesIn(root).map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8") }));
const ofKind = (extension: string) => files.filter(({ path }) => path.endsWith(extension));
const sources = ofKind(".ts").filter(({ path }) => path.startsWith("src/"));
const documents = ofKind(".md");

/** Every match as `file: match`, so that a failure names its place. */
const found = (where: readonly { readonly path: string; readonly text: string }[], pattern: RegExp): readonly string[] =>
  where.flatMap(({ path, text }) => [...text.matchAll(pattern)].map((match) => `${path}: ${match[0]}`));

describe("the code", () => {
  test("has no file named after nothing, and none in which a second thing lives", () => {
    expect(sources.map(({ path }) => path).filter((path) => /(utils?|helpers?|types|common|misc)\.ts$/.test(path))).toEqual([]);
    expect(sources.filter(({ path }) => path.endsWith("/index.ts") && path !== "src/index.ts")).toEqual([]);
    const long = sources.filter(({ text }) => text.split("\n").length > 301);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test("has nothing left for later, and no name that says nothing", () => {
    const others = files.filter(({ path }) => path !== "test/unit/tidy.test.ts" && /\.(ts|md|toml)$/.test(path));
    expect(found(others, /\b(TODO|FIXME|XXX|HACK)\b/g)).toEqual([]);
    expect(found(sources, /\b(class|interface|type) \w*(Manager|Helper|Util|Impl)\b/g)).toEqual([]);
  });

  test("writes shapes that outlive a deploy down as such", () => {
    for (const path of [
      "src/engine/facts/event.ts",
      "src/agents/agent.ts",
      "src/agents/transports/dispatch-queue.ts",
      "src/tasks/history/tables.ts",
      "src/tasks/history/archive.ts",
      "src/webhooks/webhook.ts",
      "src/webhooks/delivery-log.ts",
      "src/schedules/schedule.ts",
      "src/schedules/progress.ts",
      "src/schedules/run-log.ts",
      "src/cache/shelf.ts",
      "src/cache/lines.ts",
    ])
      expect(sources.find((file) => file.path === path)?.text, path).toContain("PERSISTED");
  });

  test("uses every binding that it is given", () => {
    const configuration = readFileSync(join(root, "wrangler.toml"), "utf8");
    const bindings = [...configuration.matchAll(/^(?:binding|name) = "([A-Z_]+)"$/gm)].map((match) => match[1] as string);
    expect(bindings.length).toBeGreaterThan(5);
    const composition = ["src/composition.ts", "src/index.ts"].map((path) => readFileSync(join(root, path), "utf8")).join("");
    const declared = readFileSync(join(root, "src/env.ts"), "utf8");
    expect(bindings.filter((binding) => !composition.includes(`env.${binding}`) || !declared.includes(`${binding}:`))).toEqual([]);
  });
});

describe("the documents", () => {
  test("link to what exists", () => {
    const broken = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map((match) => match[1] as string)
        .filter((target) => !existsSync(join(root, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("name files and commands that exist", () => {
    const scripts = Object.keys((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object }).scripts);
    const commands = documents.flatMap(({ text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] as string));
    expect(commands.filter((command) => !scripts.includes(command))).toEqual([]);
    const named = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/`([a-z0-9-]+(?:\/[a-z0-9.-]+)*\/[a-z0-9-]+(?:\.test)?\.ts)`/g)]
        .map((match) => match[1] as string)
        .filter((file) => !existsSync(join(root, dirname(path), file)))
        .map((file) => `${path}: ${file}`),
    );
    expect(named).toEqual([]);
  });

  test("list every route of the API", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    const routes = sources
      .filter(({ path }) => path.startsWith("src/"))
      .flatMap(({ text }) => [...text.matchAll(/^ {2}path: "(\/[^"]*)"/gm)].map((match) => match[1] as string));
    expect(routes.length).toBeGreaterThan(20);
    const isNamed = (route: string): boolean =>
      route.split("/").every((part) => part === "" || part.startsWith("{") || readme.includes(part));
    expect(routes.filter((route) => !isNamed(route))).toEqual([]);
  });
});
