/** Registered workflows as their callers see them: channels, versions that go, references in tasks. */
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { describe, expect, test } from "vitest";
import { newTaskId } from "../../src/shared/ids.ts";
import { WorkflowRegistry } from "../../src/workflows/registry.ts";
import { api, submit, untilEnded } from "./harness.ts";

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
  test("takes its share of a thousand starts on stable, the same ones again, and all of its own", async () => {
    await register("shared", 4);
    await point("shared", "stable", 3);
    await point("shared", "canary", 4, 10);
    expect(await point("shared", "beta", 2, 5)).toMatchObject({ status: 409, body: { code: "in_use", channels: ["canary"] } });
    const registry = new WorkflowRegistry(drizzle(env.DB));
    const tasks = Array.from({ length: 1_000 }, (_, index) => newTaskId("default", index));
    const versionFor = async (task: string, type: string): Promise<number> => {
      const resolved = await registry.resolve("default", type, task);
      return resolved.ok ? resolved.value.version : 0;
    };
    const versions = await Promise.all(tasks.map((task) => versionFor(task, "shared@stable")));
    const canaries = versions.filter((version) => version === 4).length;
    expect(versions.every((version) => version === 3 || version === 4)).toBe(true);
    // Six standard deviations.
    expect(Math.abs(canaries - 100)).toBeLessThan(57);
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

describe("another tenant", () => {
  test("sees nothing of it and changes nothing", async () => {
    await register("ours", 2);
    await point("ours", "stable", 1);
    const foreign = await foreigner();
    for (const path of ["/workflows/ours", "/workflows/ours/versions/1", "/workflows/ours/channels"])
      expect((await api("GET", path, undefined, foreign)).status, path).toBe(404);
    expect((await point("ours", "stable", 2, undefined, foreign)).status).toBe(404);
    for (const path of ["/workflows/ours/channels/stable", "/workflows/ours/versions/2", "/workflows/ours"])
      expect((await api("DELETE", path, undefined, foreign)).status, path).toBe(404);
    for (const type of ["ours", "ours@1", "ours@stable"])
      expect(await api("POST", "/tasks", { type }, foreign)).toMatchObject({ status: 404, body: { known_types: ["simple"] } });
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
