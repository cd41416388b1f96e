/** What callers are told that they can submit: to be sent as it is. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/workflows/limits.ts";
import { builtinWorkflows } from "../../src/workflows/builtin.ts";
import { api, submit, untilEnded } from "./harness.ts";

interface Template {
  readonly type: string;
  readonly version: number;
  readonly builtin: boolean;
  readonly description: string | null;
  readonly parameters: readonly { readonly name: string; readonly required: boolean }[];
  readonly input_schema: object | null;
  readonly is_whole: boolean;
  readonly example: { readonly type: string; readonly input: unknown } | null;
}
interface Page {
  readonly data: readonly Template[];
  readonly next_cursor: string | null;
}
const list = async (query = "", headers: Record<string, string> = {}) => api<Page>("GET", `/templates${query}`, undefined, headers);
const read = async (type: string) => api<Template & { readonly code: string }>("GET", `/templates/${type}`);

const register = async (name: string, definition: object): Promise<void> => {
  const { status, body } = await api("PUT", `/workflows/${name}`, {
    steps: [{ id: "a", agent: "echo", input: "${ input }" }],
    ...definition,
  });
  expect([200, 201], JSON.stringify(body)).toContain(status);
};
const study = {
  description: "Looks for something.",
  input_schema: {
    type: "object",
    required: ["query"],
    properties: { query: { type: "string", minLength: 3 }, depth: { type: "integer", default: 2 } },
    additionalProperties: false,
  },
};
const keyFor = async (body: object): Promise<Record<string, string>> => {
  const made = await api<{ key: string }>("POST", "/keys", { name: "test", ...body });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { authorization: `Bearer ${made.body.key}` };
};

describe("templates", () => {
  test("are built-in workflows and registered ones in their newest version, each with an example that is accepted", async () => {
    await register("study", { description: "An earlier one." });
    await register("study", study);
    await register("anything", {});
    const { body } = await list();
    expect(body.next_cursor).toBeNull();
    expect(body.data.filter(({ type }) => type !== "bulk")).toMatchObject([
      { type: "simple", version: 1, builtin: true, description: "Answers with its input.", example: { type: "simple", input: {} } },
      { type: "anything", version: 1, builtin: false, description: null, parameters: [], input_schema: null, is_whole: true },
      {
        type: "study",
        version: 2,
        builtin: false,
        description: "Looks for something.",
        parameters: [
          { name: "query", type: "string", required: true },
          { name: "depth", type: "integer", required: false, default: 2 },
        ],
        input_schema: study.input_schema,
        example: { type: "study", input: { query: "text", depth: 2 } },
      },
    ]);
    // Whoever sends this as it is has not canceled everything.
    const bulk = body.data.find(({ type }) => type === "bulk");
    expect(bulk).toMatchObject({ builtin: true, example: { input: { action: "cancel", filter: { tag: expect.any(String) } } } });
    for (const { example } of body.data) {
      const id = await submit({ ...example });
      // A bulk order stays open for a while: there may be tasks that nobody has heard of yet.
      if (example?.["type"] !== "bulk") expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    }
  });

  test("are read one by one by whatever can be submitted", async () => {
    await register("versioned", study);
    await register("versioned", { description: "Newer." });
    expect((await read("versioned")).body).toMatchObject({ type: "versioned", version: 2, description: "Newer." });
    const first = (await read("versioned@1")).body;
    expect(first).toMatchObject({ type: "versioned@1", version: 1, example: { type: "versioned@1", input: { query: "text" } } });
    await untilEnded(await submit({ ...first.example }));
    expect((await read("simple")).body).toMatchObject({ builtin: true });
    expect(await read("vresioned")).toMatchObject({
      status: 404,
      body: { code: "unknown_type", detail: expect.stringContaining("versioned") },
    });
    expect((await read("versioned@9")).status).toBe(404);
  });

  test("leave large schemas to be read one by one", async () => {
    const properties = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`p${index}`, { description: "x".repeat(100) }]));
    await register("large", { input_schema: { type: "object", properties } });
    const { body } = await list("?limit=50");
    const listed = body.data.find(({ type }) => type === "large");
    expect(listed).toMatchObject({ is_whole: false, input_schema: null, parameters: [], example: null });
    const one = (await read("large")).body;
    expect(one).toMatchObject({ is_whole: true, example: { input: {} } });
    expect(one.parameters).toHaveLength(LIMITS.templateParameters);
  });

  test("come in pages, all of them once", async () => {
    for (let index = 0; index < 5; index++) await register(`page-${index}`, {});
    const all = (await list()).body.data.map(({ type }) => type);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { body }: { body: Page } = await list(`?limit=1${cursor === null ? "" : `&cursor=${cursor}`}`);
      expect(body.data.length).toBeLessThanOrEqual(1);
      seen.push(...body.data.map(({ type }) => type));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(all);
  });

  test("are refused in what cannot be, to whom they are not for, and are a tenant's own", async () => {
    for (const query of [`?limit=${LIMITS.templates + 1}`, "?limit=0", "?cursor=x", "?sort=name"])
      expect((await list(query)).status).toBe(400);
    expect((await list("", { authorization: "Bearer no-such-key" })).status).toBe(401);
    expect((await list("", await keyFor({ roles: ["agent"], agent: "worker" }))).status).toBe(403);
    const other = await list("", await keyFor({ roles: ["viewer"], tenant: "other" }));
    expect(other.body.data.map(({ type }) => type)).toEqual(builtinWorkflows().map(({ name }) => name));
  });
});
