/** Properties of the code; those of its documents are in `documents.test.ts`. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
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
      "src/cache/entry-index.ts",
      "src/cache/lines.ts",
      "src/backup/file-line.ts",
    ])
      expect(sources.find((file) => file.path === path)?.text, path).toContain("PERSISTED");
  });

  test("uses every binding that it is given", () => {
    const configuration = readFileSync(join(root, "wrangler.toml"), "utf8");
    const bindings = [...configuration.matchAll(/^(?:binding|name) = "([A-Z_]+)"$/gm)].map((match) => match[1] as string);
    expect(bindings.length).toBeGreaterThan(5);
    const rooms = sources
      .filter(({ path }) => /\/room(-manifest|s)?\.ts$/.test(path))
      .map(({ text }) => text)
      .join("");
    expect(
      bindings.filter((binding) => !new RegExp(`env\\.${binding}\\b`).test(rooms) || !rooms.includes(`readonly ${binding}: `)),
    ).toEqual([]);
  });
});
