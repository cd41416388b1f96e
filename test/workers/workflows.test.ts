/** Registered workflows as their callers see them: channels, versions that go, YAML, diagrams, references in tasks. */
import { env, exports } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { describe, expect, test } from "vitest";
import { newTaskId } from "../../src/shared/ids.ts";
import { WorkflowRegistry } from "../../src/workflows/registry.ts";
import { api, ROOT_KEY, submit, untilEnded } from "./harness.ts";

const echo = (input: unknown) => ({ steps: [{ id: "a", capability: "echo", input }], output: "${ steps.a.output }" });

/** Registers versions 1 to `count` of a name, each answering with its number. */
async function register(name: string, count: number): Promise<void> {
  for (let version = 1; version <= count; version++) {
    expect(await api("PUT", `/workflows/${name}`, echo(version))).toMatchObject({ status: 201, body: { version } });
  }
}
const point = (name: string, channel: string, version: number, percent?: number, headers: Record<string, string> = {}) =>
  api("PUT", `/workflows/${name}/channels/${channel}`, { version, ...(percent !== undefined && { percent }) }, headers);
const channelsOf = async (name: string) => (await api<{ data: unknown[] }>("GET", `/workflows/${name}/channels`)).body.data;
const outputOf = async (type: string, headers: Record<string, string> = {}) =>
  (await api("POST", "/tasks?wait=10s", { type }, headers)).body["output"];
async function foreigner(): Promise<Record<string, string>> {
  const made = await api<{ key: string }>("POST", "/keys", { name: "test", roles: ["admin"], tenant: "elsewhere" });
  return { authorization: `Bearer ${made.body.key}` };
}
async function raw(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch(`https://orchestrator.example/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${ROOT_KEY}`, ...headers },
    ...(body !== undefined && { body }),
  });
}
const yaml = { "content-type": "application/yaml" };

describe("channels", () => {
  test("point to versions, move, and go", async () => {
    await register("moving", 2);
    const made = await point("moving", "stable", 1);
    expect(made).toMatchObject({ status: 201, body: { channel: "stable", version: 1, percent: null } });
    expect(await outputOf("moving@stable")).toBe(1);
    expect(await point("moving", "stable", 2)).toMatchObject({ status: 200, body: { version: 2 } });
    expect(await outputOf("moving@stable")).toBe(2);
    await point("moving", "beta", 1);
    expect(await channelsOf("moving")).toMatchObject([
      { channel: "beta", version: 1 },
      { channel: "stable", version: 2 },
    ]);
    const listed = await api<{ data: { name: string }[] }>("GET", "/workflows");
    expect(listed.body.data.find(({ name }) => name === "moving")).toMatchObject({
      version: 2,
      channels: [{ channel: "beta" }, { channel: "stable" }],
    });
    expect((await api("DELETE", "/workflows/moving/channels/beta")).status).toBe(204);
    expect((await api("DELETE", "/workflows/moving/channels/beta")).status).toBe(404);
    expect(await channelsOf("moving")).toHaveLength(1);
    const first = await api<{ next_cursor: string | null }>("GET", "/workflows/moving/channels?limit=1");
    expect(first.body.next_cursor).toBeNull();
  });

  test("are changed only by who has seen them as they are", async () => {
    await register("guarded", 2);
    expect((await point("guarded", "stable", 1, undefined, { "if-match": '"3"' })).status).toBe(412);
    const made = await point("guarded", "stable", 1, undefined, { "if-match": '"0"' });
    const tag = made.headers.get("etag") ?? "";
    expect((await api("GET", "/workflows/guarded/channels")).headers.get("etag")).toBe(tag);
    const moved = await point("guarded", "beta", 1, undefined, { "if-match": tag });
    expect(moved.headers.get("etag")).not.toBe(tag);
    expect(await point("guarded", "stable", 2, undefined, { "if-match": tag })).toMatchObject({
      status: 412,
      body: { code: "precondition_failed" },
    });
    expect((await api("DELETE", "/workflows/guarded/channels/stable", undefined, { "if-match": tag })).status).toBe(412);
    // The same again changes nothing, its tag included.
    expect((await point("guarded", "beta", 1)).headers.get("etag")).toBe(moved.headers.get("etag"));
    expect((await api("DELETE", "/workflows/guarded/channels/stable", undefined, { "if-match": "*" })).status).toBe(204);
  });

  test("of many writers at once each is either there or was told to try again", async () => {
    await register("busy", 1);
    const names = Array.from({ length: 6 }, (_, index) => `c${index}`);
    const answers = await Promise.all(names.map((name) => point("busy", name, 1)));
    const made = names.filter((_, index) => answers[index]?.status === 201);
    expect(answers.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    expect((await channelsOf("busy")).map((channel) => (channel as { channel: string }).channel)).toEqual(made);
  });

  test.each([
    ["a version that is not there", "stable", { version: 9 }, 400, "unknown_reference", "/version"],
    ["no version", "stable", {}, 400, "invalid_request", "/version"],
    ["a share of more than all", "canary", { version: 1, percent: 101 }, 400, "invalid_request", "/percent"],
    ["a share of stable for stable", "stable", { version: 1, percent: 10 }, 400, "invalid_request", "/percent"],
    ["an unknown field", "stable", { version: 1, weight: 1 }, 400, "invalid_request", "/weight"],
    ["the name latest", "latest", { version: 1 }, 400, "invalid_request", "/channel"],
    ["a number for a name", "12", { version: 1 }, 400, "invalid_request", "/channel"],
    ["a name with other characters", "a%20b", { version: 1 }, 400, "invalid_request", "/channel"],
  ])("with %s are refused at the place", async (_, channel, body, status, code, pointer) => {
    await api("PUT", "/workflows/strict", echo(1));
    const refused = await api<{ code: string; errors: { pointer: string }[] }>("PUT", `/workflows/strict/channels/${channel}`, body);
    expect([refused.status, refused.body.code, refused.body.errors[0]?.pointer]).toEqual([status, code, pointer]);
    expect(await channelsOf("strict")).toEqual([]);
  });

  test("of what is not there, or built in, there are none", async () => {
    expect((await api("GET", "/workflows/nothing/channels")).status).toBe(404);
    expect((await point("nothing", "stable", 1)).status).toBe(404);
    expect((await api("DELETE", "/workflows/nothing/channels/stable")).status).toBe(404);
    expect((await api("GET", "/workflows/simple/channels")).body).toEqual({ data: [], next_cursor: null });
    expect(await point("simple", "stable", 1)).toMatchObject({ status: 409, body: { code: "name_reserved" } });
  });
});

describe("a canary", () => {
  test("takes its share of three hundred starts on stable, the same ones again, and all of its own", async () => {
    await register("shared", 4);
    await point("shared", "stable", 3);
    await point("shared", "canary", 4, 30);
    expect(await point("shared", "beta", 2, 5)).toMatchObject({ status: 409, body: { code: "in_use", channels: ["canary"] } });
    const registry = new WorkflowRegistry(drizzle(env.DB));
    const tasks = Array.from({ length: 300 }, (_, index) => newTaskId("default", index));
    const versionFor = async (task: string, type: string): Promise<number> => {
      const resolved = await registry.resolve("default", type, task);
      return resolved.ok ? resolved.value.version : 0;
    };
    const versions = await Promise.all(tasks.map((task) => versionFor(task, "shared@stable")));
    const canaries = versions.filter((version) => version === 4).length;
    expect(versions.every((version) => version === 3 || version === 4)).toBe(true);
    // Six standard deviations.
    expect(Math.abs(canaries - 90)).toBeLessThan(48);
    const again = await Promise.all(tasks.slice(0, 50).map((task) => versionFor(task, "shared@stable")));
    expect(again).toEqual(versions.slice(0, 50));
    const own = await Promise.all(tasks.slice(0, 50).map((task) => versionFor(task, "shared@canary")));
    expect(new Set(own)).toEqual(new Set([4]));
  });

  test("gets a repeated submission as it got the first", async () => {
    await register("repeated", 2);
    await point("repeated", "stable", 1);
    await point("repeated", "canary", 2, 50);
    const seen = new Set<unknown>();
    for (let index = 0; index < 20; index++) {
      const headers = { "idempotency-key": `repeated-${index}` };
      const first = await outputOf("repeated@stable", headers);
      expect(await outputOf("repeated@stable", headers)).toBe(first);
      seen.add(first);
    }
    expect(seen).toEqual(new Set([1, 2]));
  });
});

describe("a deleted version", () => {
  test("starts no more tasks, cannot be read, and leaves the others", async () => {
    await register("fading", 3);
    const running = await submit({ type: "fading@2" });
    expect((await api("DELETE", "/workflows/fading/versions/2")).status).toBe(204);
    expect((await api("GET", "/workflows/fading/versions/2")).status).toBe(404);
    expect((await api("DELETE", "/workflows/fading/versions/2")).status).toBe(404);
    expect(await api("POST", "/tasks", { type: "fading@2" })).toMatchObject({ status: 404, body: { code: "unknown_type" } });
    expect(await untilEnded(running)).toMatchObject({ status: "completed", workflow: { name: "fading", version: 2 } });
    expect(
      (await api<{ data: { version: number }[] }>("GET", "/workflows/fading/versions")).body.data.map(({ version }) => version),
    ).toEqual([3, 1]);
    expect(await outputOf("fading@1")).toBe(1);
  });

  test("leaves its number unused, also when it was the newest, or the last", async () => {
    await register("numbered", 3);
    expect((await api("DELETE", "/workflows/numbered/versions/3")).status).toBe(204);
    const latest = await api("GET", "/workflows/numbered");
    expect([latest.body["version"], latest.headers.get("etag")]).toEqual([2, '"2"']);
    expect(await api("PUT", "/workflows/numbered", echo(2))).toMatchObject({ status: 200, body: { version: 2 } });
    expect(await api("PUT", "/workflows/numbered", echo(3), { "if-match": '"2"' })).toMatchObject({ status: 201, body: { version: 4 } });
    for (const version of [1, 2, 4]) expect((await api("DELETE", `/workflows/numbered/versions/${version}`)).status).toBe(204);
    expect((await api("GET", "/workflows/numbered")).status).toBe(404);
    expect(await api("PUT", "/workflows/numbered", echo(1))).toMatchObject({ status: 201, body: { version: 5 } });
    expect((await api("DELETE", "/workflows/numbered")).status).toBe(204);
    expect(await api("PUT", "/workflows/numbered", echo(1))).toMatchObject({ status: 201, body: { version: 6 } });
  });

  test("stays while a channel points to it, which goes with the whole workflow", async () => {
    await register("pointed", 2);
    await point("pointed", "stable", 1);
    await point("pointed", "beta", 1);
    expect(await api("DELETE", "/workflows/pointed/versions/1")).toMatchObject({
      status: 409,
      body: { code: "in_use", channels: ["beta", "stable"] },
    });
    expect((await api("GET", "/workflows/pointed/versions/1")).status).toBe(200);
    expect((await api("DELETE", "/workflows/pointed")).status).toBe(204);
    await api("PUT", "/workflows/pointed", echo(1));
    expect(await channelsOf("pointed")).toEqual([]);
  });

  test("was seen by who deletes it, and no part of what is built in", async () => {
    await register("seen", 2);
    expect((await api("DELETE", "/workflows/seen/versions/1", undefined, { "if-match": '"2"' })).status).toBe(412);
    const tag = (await api("GET", "/workflows/seen/versions/1")).headers.get("etag") ?? "";
    expect((await api("DELETE", "/workflows/seen/versions/1", undefined, { "if-match": tag })).status).toBe(204);
    for (const version of ["0", "01", "x", "99999999999"]) {
      expect((await api("DELETE", `/workflows/seen/versions/${version}`)).status).toBe(404);
    }
    expect(await api("DELETE", "/workflows/simple/versions/1")).toMatchObject({ status: 409, body: { code: "name_reserved" } });
  });

  test("and registrations at once never share a number", async () => {
    await register("contended", 1);
    const answers = await Promise.all([
      ...Array.from({ length: 4 }, (_, index) => api("PUT", "/workflows/contended", echo(`new ${index}`))),
      api("DELETE", "/workflows/contended/versions/1"),
    ]);
    const numbers = answers.filter(({ status }) => status === 201).map(({ body }) => body["version"]);
    expect(new Set(numbers)).toEqual(new Set([2, 3, 4, 5]));
  });
});

describe("a task's type", () => {
  test("may say which version; the task is of the type before it", async () => {
    await register("study", 3);
    await point("study", "stable", 2);
    for (const [type, version] of [
      ["study", 3],
      ["study@latest", 3],
      ["study@1", 1],
      ["study@stable", 2],
    ] as const) {
      const task = await untilEnded(await submit({ type }));
      expect(task).toMatchObject({ type: "study", workflow: { name: "study", version } });
      expect((await api("GET", `/tasks/${task.id}/result`)).body["output"]).toBe(version);
    }
    expect(await outputOf("simple@1")).toEqual({});
  });

  test.each([
    ["studi", 'did you mean "study"?', "known_types"],
    ["studi@stable", 'did you mean "study"?', "known_types"],
    ["studi@3", 'did you mean "study"?', "known_types"],
    ["study@7", 'did you mean "study@3"?', "known_versions"],
    ["study@stabel", 'did you mean "study@stable"?', "known_channels"],
    ["study@lates", 'did you mean "study@latest"?', "known_channels"],
    ["simple@2", 'did you mean "simple@1"?', "known_versions"],
  ])("%s is unknown, and what was meant is said", async (type, hint, fact) => {
    const refused = await api("POST", "/tasks", { type });
    expect(refused).toMatchObject({ status: 404, body: { code: "unknown_type", detail: expect.stringContaining(hint) } });
    expect(refused.body).toHaveProperty(fact);
  });

  test.each(["", "@", "study@", "@stable", "study@0", "a@b@c", "a b", "study@a b"])("%j is none", async (type) => {
    expect(await api("POST", "/tasks", { type })).toMatchObject({ status: 400, body: { errors: [{ pointer: "/type" }] } });
  });
});

describe("YAML", () => {
  const text = `
description: Echoes   # and nothing else
steps:
  - id: a
    capability: echo
    input: &greeting
      text: "\${ input.name }"
      on: yes
  - id: b
    capability: echo
    input: *greeting
output: \${ steps.b.output }
`;

  test("is another way to write a definition, and to read it", async () => {
    const made = await raw("PUT", "/workflows/written", text, yaml);
    expect(made.status, await made.clone().text()).toBe(201);
    const input = { text: "${ input.name }", on: "yes" };
    const definition = {
      description: "Echoes",
      steps: [
        { id: "a", capability: "echo", input },
        { id: "b", capability: "echo", input },
      ],
      output: "${ steps.b.output }",
    };
    expect(await made.json()).toMatchObject({ version: 1, definition });
    expect((await api("PUT", "/workflows/written", definition)).status).toBe(200);
    for (const type of ["text/yaml", "application/x-yaml; charset=utf-8", "Application/YAML"]) {
      expect((await raw("PUT", "/workflows/written", text, { "content-type": type })).status, type).toBe(200);
    }
    for (const read of [
      await raw("GET", "/workflows/written?format=yaml"),
      await raw("GET", "/workflows/written", undefined, { accept: "application/yaml" }),
      await raw("GET", "/workflows/written/versions/1?format=yaml"),
    ]) {
      expect(read.headers.get("content-type")).toBe("application/yaml");
      expect([read.headers.get("etag"), read.headers.get("vary")]).toEqual(['"1"', "Accept"]);
      const again = await read.text();
      expect(again).toContain("description: Echoes\n");
      expect((await raw("PUT", "/workflows/written", again, yaml)).status).toBe(200);
    }
    expect(
      (await raw("GET", "/workflows/written?format=json", undefined, { accept: "application/yaml" })).headers.get("content-type"),
    ).toContain("application/json");
    expect((await api("GET", "/workflows/written?format=xml")).status).toBe(400);
    expect((await api("POST", "/tasks?wait=10s", { type: "written", name: "Ada" })).body["output"]).toEqual({ text: "Ada", on: "yes" });
  });

  test("is validated as JSON is", async () => {
    expect(await (await raw("POST", "/workflows/validate", text, yaml)).json()).toEqual({ valid: true, errors: [], warnings: [] });
    const faulty = await raw("POST", "/workflows/validate", "steps: [{id: a, capability: x, needs: [b]}]", yaml);
    expect(await faulty.json()).toMatchObject({ valid: false, errors: [{ pointer: "/steps/0/needs/0", code: "unknown_need" }] });
  });

  test.each([
    ["a syntax error", "steps:\n  - id: a\n   capability: x", "invalid_yaml", { line: 3 }],
    ["a repeated key", "steps: []\nsteps: []", "invalid_yaml", { line: 2, column: 1 }],
    ["two documents", "steps: []\n---\nsteps: []", "invalid_yaml", { line: 2 }],
    ["a tag", "steps: !!js/function 'x'", "invalid_yaml", { line: 1 }],
    ["a key that is no text", "steps: []\n1: x", "invalid_yaml", { line: 2, column: 1 }],
    ["a number without end", "steps: .inf", "invalid_yaml", { line: 1, column: 8 }],
    ["depth", "[".repeat(5_000), "invalid_yaml", { line: 1 }],
    ["tokens without end", "- a\n".repeat(100_000), "invalid_yaml", {}],
    [
      "a laugh",
      Array.from(
        { length: 11 },
        (_, n) =>
          `a${n}: &a${n} [${
            n === 0
              ? "x"
              : Array(9)
                  .fill(`*a${n - 1}`)
                  .join(", ")
          }]`,
      ).join("\n"),
      "invalid_yaml",
      {},
    ],
    ["nothing", "", "invalid_request", {}],
    ["a list", "- a", "invalid_request", {}],
    ["an unknown field", "steps: [{id: a, capability: x}]\nsteeps: []", "invalid_request", {}],
  ])("%s is refused, with its place", async (_, body, code, place) => {
    const refused = await raw("PUT", "/workflows/hostile", body, yaml);
    expect(refused.status).toBe(400);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(await refused.json()).toMatchObject({ code, ...place });
    expect((await api("GET", "/workflows/hostile")).status).toBe(404);
  });

  test("is for definitions only, and bounded as they are", async () => {
    expect((await raw("POST", "/tasks", "type: simple", yaml)).status).toBe(415);
    expect((await raw("PUT", "/agents/x", "url: https://x.example", yaml)).status).toBe(415);
    expect((await raw("PUT", "/workflows/x", "steps", { "content-type": "text/plain" })).status).toBe(415);
    expect((await raw("PUT", "/workflows/x", `a: ${"x".repeat(1_900_000)}`, yaml)).status).toBe(413);
  });
});

describe("a diagram", () => {
  test("is text for Mermaid", async () => {
    await api("PUT", "/workflows/drawn", {
      steps: [
        { id: "a", capability: "research" },
        { id: "b.c", capability: "echo", when: "steps.a.output != null", input: "${ steps.a.output }" },
      ],
    });
    for (const path of ["/workflows/drawn?format=mermaid", "/workflows/drawn/versions/1?format=mermaid"]) {
      const drawn = await raw("GET", path);
      expect(drawn.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(await drawn.text()).toBe(
        'flowchart TD\n  n0["a<br/>research"]\n  n1["b.c<br/>echo"]\n  n0 -->|"steps.a.output != null"| n1\n',
      );
    }
    expect(await (await raw("GET", "/workflows/simple?format=mermaid")).text()).toContain('n0["echo"]');
    expect((await raw("GET", "/workflows/nothing?format=mermaid")).status).toBe(404);
  });

  test("too large to be read is refused", async () => {
    const steps = Array.from({ length: 120 }, (_, index) => ({
      id: `s${index}`,
      capability: "echo",
      needs: Array.from({ length: index }, (__, need) => `s${need}`),
    }));
    await api("PUT", "/workflows/tangled", { steps });
    expect(await api("GET", "/workflows/tangled?format=mermaid")).toMatchObject({ status: 422, body: { code: "limit_reached" } });
  });
});

describe("another tenant", () => {
  test("sees nothing of it and changes nothing", async () => {
    await register("ours", 2);
    await point("ours", "stable", 1);
    const foreign = await foreigner();
    for (const path of ["/workflows/ours", "/workflows/ours/versions/1", "/workflows/ours/channels", "/workflows/ours?format=yaml"])
      expect((await api("GET", path, undefined, foreign)).status, path).toBe(404);
    expect((await point("ours", "stable", 2, undefined, foreign)).status).toBe(404);
    for (const path of ["/workflows/ours/channels/stable", "/workflows/ours/versions/2", "/workflows/ours"])
      expect((await api("DELETE", path, undefined, foreign)).status, path).toBe(404);
    for (const type of ["ours", "ours@1", "ours@stable"])
      expect(await api("POST", "/tasks", { type }, foreign)).toMatchObject({ status: 404, body: { known_types: ["simple", "bulk"] } });
    expect(await api("PUT", "/workflows/ours", echo("theirs"), foreign)).toMatchObject({ status: 201, body: { version: 1 } });
    expect((await point("ours", "stable", 1, undefined, foreign)).status).toBe(201);
    expect(await channelsOf("ours")).toMatchObject([{ channel: "stable", version: 1 }]);
    expect(await outputOf("ours@stable")).toBe(1);
  });

  test("or a viewer, or nobody, does not write", async () => {
    await register("kept", 1);
    const { key } = (await api<{ key: string }>("POST", "/keys", { name: "test", roles: ["viewer"] })).body;
    const viewer = { authorization: `Bearer ${key}` };
    expect((await api("GET", "/workflows/kept/channels", undefined, viewer)).status).toBe(200);
    expect((await point("kept", "stable", 1, undefined, viewer)).status).toBe(403);
    expect((await api("DELETE", "/workflows/kept/versions/1", undefined, viewer)).status).toBe(403);
    expect((await point("kept", "stable", 1, undefined, { authorization: "Bearer nonsense" })).status).toBe(401);
  });
});

test("the document has the routes, their formats and their bodies", async () => {
  const document = (await (await exports.default.fetch("https://orchestrator.example/openapi.json")).json()) as {
    paths: Record<string, Record<string, { requestBody?: { content: object }; responses: Record<string, { content?: object }> }>>;
  };
  const at = (path: string) => document.paths[`/api/v1/workflows${path}`] ?? {};
  expect(Object.keys(at("/{name}")["put"]?.requestBody?.content ?? {})).toEqual(
    expect.arrayContaining(["application/json", "application/yaml", "text/yaml", "application/x-yaml"]),
  );
  expect(Object.keys(at("/{name}")["get"]?.responses["200"]?.content ?? {})).toEqual([
    "application/json",
    "application/yaml",
    "text/plain",
  ]);
  expect(Object.keys(at("/{name}/channels/{channel}"))).toEqual(expect.arrayContaining(["put", "delete"]));
  expect(Object.keys(at("/{name}/versions/{version}"))).toEqual(expect.arrayContaining(["get", "delete"]));
});
