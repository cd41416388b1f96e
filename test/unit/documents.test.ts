/** Properties of the documents: their length, and that what they name is there. Their commands: `e2e/documents.test.ts`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { STEP_KINDS } from "../../src/language/kinds/table.ts";
import { LINT_CODES } from "../../src/workflows/lint/codes.ts";
import { SHARED_REJECTIONS } from "../../src/shared/errors.ts";

const root = join(import.meta.dirname, "..", "..");
const SKIPPED = new Set(["node_modules", "dist", "coverage"]);

function documentsIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name) || entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? documentsIn(path) : path.endsWith(".md") ? [path] : [];
  });
}

const documents = documentsIn(root).map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8") }));
const guide = documents
  .filter(({ path }) => path.startsWith("docs/"))
  .map(({ text }) => text)
  .join("\n");
const rooms = readdirSync(join(root, "src"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const linesOf = (path: string): number => readFileSync(join(root, path), "utf8").trimEnd().split("\n").length;
const codeOnly = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "");

/** The name under which a heading can be linked to, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

function anchorsIn(text: string): readonly string[] {
  return [...codeOnly(text).matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1] as string));
}

/** What is wrong with the links of a page. */
function brokenLinks(path: string, text: string): readonly string[] {
  return [...codeOnly(text).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].flatMap(([, file = "", anchor]) => {
    const target = file === "" ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return [`${path}: ${file}`];
    const isThere = anchor === undefined || anchorsIn(readFileSync(join(root, target), "utf8")).includes(anchor);
    return isThere ? [] : [`${path}: ${file}#${anchor}`];
  });
}

describe("the documents", () => {
  test("are short where people begin", () => {
    expect(linesOf("README.md")).toBeLessThanOrEqual(150);
    expect(linesOf("src/README.md")).toBeLessThanOrEqual(150);
  });

  test("say of every room in a few lines what it is, and the map names it", () => {
    const map = readFileSync(join(root, "src", "README.md"), "utf8");
    expect(rooms.length).toBeGreaterThan(10);
    expect(rooms.filter((room) => !existsSync(join(root, "src", room, "README.md")))).toEqual([]);
    expect(rooms.filter((room) => linesOf(`src/${room}/README.md`) > 40)).toEqual([]);
    expect(rooms.filter((room) => !map.includes(`](${room}/README.md)`))).toEqual([]);
  });

  test("have a choice and a reason for every decision", () => {
    const decisions = documents.filter(({ path }) => path.endsWith("/decisions.md"));
    expect(decisions.length).toBeGreaterThan(10);
    const headings = (text: string): readonly string[] => text.split(/^#+ /m).slice(1);
    const halves = decisions.flatMap(({ path, text }) =>
      headings(text)
        .filter((decision) => decision.includes("**Choice.**") !== decision.includes("**Why.**"))
        .map((decision) => `${path}: ${decision.split("\n")[0]}`),
    );
    expect(halves).toEqual([]);
  });

  test("link to what exists", () => {
    expect(documents.flatMap(({ path, text }) => brokenLinks(path, text))).toEqual([]);
  });

  test("name files and commands that exist", () => {
    const scripts = Object.keys((JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object }).scripts);
    const commands = documents.flatMap(({ text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] as string));
    expect(commands.filter((command) => !scripts.includes(command))).toEqual([]);
    // In the documents of the code and its tests a name in code is a file's, or a folder's, from where the document is or from the top.
    const named = documents
      .filter(({ path }) => /^(src|test)\//.test(path))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/`((?:[a-z0-9-]+\/)*(?:[a-z0-9-]+(?:\.test)?\.ts|[a-z0-9-]+\/))`/g)].map(
          (match) => [path, match[1] as string] as const,
        ),
      );
    expect(named.length).toBeGreaterThan(100);
    const isThere = (path: string, file: string): boolean =>
      [dirname(path), path.startsWith("src/") ? "src" : "test", "."].some((folder) => existsSync(join(root, folder, file)));
    const missing = named.filter(([path, file]) => !isThere(path, file));
    expect(missing.map(([path, file]) => `${path}: ${file}`)).toEqual([]);
  });

  test("are all reached from the first page of the guide", () => {
    const pages = readdirSync(join(root, "docs")).filter((name) => name !== "README.md");
    const index = readFileSync(join(root, "docs", "README.md"), "utf8");
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
  });

  test("explain every error code, every warning and every kind of step in a table", async () => {
    const isExplained = (word: string): boolean => new RegExp(`^\\| .*\`${word}\`.*\\|`, "m").test(guide);
    const own = await Promise.all(
      rooms
        .map((room) => join(root, "src", room, "rejections.ts"))
        .filter((path) => existsSync(path))
        .map(async (path) => Object.keys(((await import(path)) as { readonly REJECTIONS: object }).REJECTIONS)),
    );
    const codes = [...Object.keys(SHARED_REJECTIONS), ...own.flat()];
    expect(codes.length).toBeGreaterThan(40);
    expect([...codes, ...Object.keys(LINT_CODES), ...STEP_KINDS].filter((word) => !isExplained(word))).toEqual([]);
  });

  test("a link to a page or a heading that is not there would be found", () => {
    expect(brokenLinks("docs/steps.md", "[a](nowhere.md) [b](agents.md#nothing) [c](#kinds-of-step) [d](agents.md#limits)")).toEqual([
      "docs/steps.md: nowhere.md",
      "docs/steps.md: agents.md#nothing",
    ]);
  });
});
