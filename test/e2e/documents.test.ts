/** The documents as a newcomer goes through them: every block of commands is run, and prints what is shown beside it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../scripts/free-port.ts";
import { blocksIn, difference, readShown, stepsIn, type Block } from "./page.ts";
import { Server } from "./processes.ts";
import { Shell } from "./shell.ts";

const root = join(import.meta.dirname, "..", "..");
const readPage = (path: string): string => readFileSync(join(root, path), "utf8");
const GUIDE = readdirSync(join(root, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.kill());

/** What the pages of the guide take for granted: blocks of the README, that make its shell. */
const PREPARATIONS = blocksIn(readPage("README.md")).filter(({ language, text }) => language === "sh" && text.startsWith("export API"));

/** Everything on a page, in order, with this server's port for the usual one, and one of its own for the page's agents. */
async function goThrough(markdown: string, preparations: readonly Block[] = []): Promise<void> {
  const port = await freePort();
  const here = (text: string): string =>
    text.replaceAll("127.0.0.1:8787", new URL(server.origin).host).replaceAll(/\b4000\b/g, String(port));
  const shell = new Shell(root);
  try {
    for (const { text } of preparations) expect(await shell.run(here(text))).toMatchObject({ succeeded: true });
    for (const { commands, shown } of stepsIn(markdown)) {
      const { directive, line } = commands;
      if (directive.type === "started") {
        expect(commands.text).toBe("npm ci\nnpm start"); // what `Server` has done
        continue;
      }
      if (directive.type === "killed") {
        await server.kill();
        await server.start();
        continue;
      }
      const isRefused = directive.type === "refused";
      const text = here(directive.type === "instead" ? directive.command : commands.text);
      const { succeeded, output, errors } = await (isRefused ? shell.attempt(text) : shell.run(text));
      expect(succeeded, `line ${line}: it ${isRefused ? "is not refused" : "fails"}\n${text}\n${output}\n${errors}`).toBe(!isRefused);
      if (shown !== null) expect(difference({ ...shown, text: here(shown.text) }, output), `line ${shown.line}`).toBeNull();
    }
  } finally {
    shell.end();
  }
}

test("the README takes a newcomer from nothing to a task that survives a kill", () => goThrough(readPage("README.md")), 150_000);

describe.concurrent("the guide", () => {
  test.for(GUIDE)("%s does what it says", { timeout: 150_000 }, (path) => goThrough(readPage(path), PREPARATIONS));
});

test.for(["README.md", ...GUIDE])("%s shows no file that is otherwise, and no JSON that is none", (path) => {
  for (const { language, text, directive, line } of blocksIn(readPage(path))) {
    if (directive.type === "file") expect(`${text}\n`, `line ${line}`).toBe(readPage(directive.path));
    if (language === "json") expect(() => readShown(text), `line ${line}`).not.toThrow();
  }
});

test("the table of routes has every route of the service with its scope, and no other", async () => {
  const { paths } = (await (await fetch(`${server.origin}/openapi.json`)).json()) as {
    readonly paths: {
      readonly [path: string]: { readonly [method: string]: { readonly "x-required-scope"?: string } };
    };
  };
  const served = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { "x-required-scope": scope = "–" }]) => {
      return `${method.toUpperCase()} ${path.replace("/api/v1", "")} ${scope}`;
    }),
  );
  const written = [...readPage("docs/api.md").matchAll(/^\| `([A-Z]+ \/[^`]*)` \| `?([^`|]+?)`? \|/gm)].map(
    ([, route, scope]) => `${route} ${scope}`,
  );
  expect(written.toSorted()).toEqual(served.toSorted());
});

describe("a page that is wrong fails", () => {
  const page = (commands: string, shown = ""): string => `\`\`\`sh\n${commands}\n\`\`\`\n\n${shown}`;
  const json = (text: string): string => `\`\`\`json\n${text}\n\`\`\`\n`;
  const said = (text: string): string => `\`\`\`text\n${text}\n\`\`\`\n`;

  test.for([
    ["a command fails", page("false; echo done")],
    ["a variable was set nowhere that it needs", `${page('X=1; test "$X" = 1')}${page('test "$X" = 2')}`],
    ["a request is refused", page('curl -sS --fail-with-body "http://127.0.0.1:8787/api/v1/tasks"')],
    ["what should be refused is not", `<!-- test: refused -->\n${page("true")}`],
    ["a member is missing", page("echo '{\"a\": 1}'", json('{ "a": 1, "b": 2, … }'))],
    ["there is a member too many", page('echo \'{"a": 1, "b": 2}\'', json('{ "a": 1 }'))],
    ["a value is another", page("echo '{\"a\": [1, 2]}'", json('{ "a": [1, 3] }'))],
    ["a text is another", page('echo \'{"id": "agent_1"}\'', json('{ "id": "task_…" }'))],
    ["a line is missing", page("echo one", said("one\ntwo"))],
    ["there is a line too many", page("echo one; echo two", said("one"))],
    ["a marker is not known", `<!-- test: whatever -->\n${page("true")}`],
  ])("because %s", async ([, wrong]) => {
    await expect(goThrough(wrong as string)).rejects.toThrow();
  });

  test("and one that is right does not", async () => {
    await goThrough(page('echo \'{"id": "task_1", "n": [1, 2], "more": 0}\'', json('{ "id": "task_…", "n": [1, …], … }')));
    await goThrough(page("X=1; for i in 1 2 3; do echo line $i; done", said("line …\n…\nline 3")) + page('test "$X" = 1'));
    await goThrough(`<!-- test: refused -->\n${page("false")}`);
  });
});
