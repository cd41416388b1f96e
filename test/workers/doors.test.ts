import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { api, ROOT_KEY } from "./harness.ts";

const ORIGIN = "https://orchestrator.example";
const API = `${ORIGIN}/api/v1`;

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
}

/** A request with headers of its own; those of the root key beside them. */
function ask(path: string, { headers, ...sent }: Sent = {}): Promise<Response> {
  return exports.default.fetch(`${API}${path}`, {
    ...sent,
    headers: { authorization: `Bearer ${ROOT_KEY}`, ...(sent.body !== undefined && { "content-type": "application/json" }), ...headers },
  });
}

/** A body that goes on for as long as somebody reads it, and how much of it was read. */
function endless(): { readonly body: ReadableStream<Uint8Array>; readonly read: () => number } {
  let read = 0;
  const chunk = new Uint8Array(1024 * 1024).fill(0x61);
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    read += chunk.length;
    controller.enqueue(chunk);
  };
  return { body: new ReadableStream({ pull }), read: () => read };
}

/** One that nobody was given, of the form that keys had before there was a check. */
const OLD_KEY = `orc_${"0123456789".repeat(4)}`;

const GUESSES = [
  "/callbacks/nonsense/complete",
  "/callbacks/nonsense/fail",
  "/callbacks/nonsense/heartbeat",
  "/callbacks/root~approval~x~00000000000000000000000000000000/complete",
  "/approval-links/nonsense/decide",
];

describe("credentials come before the body", () => {
  test.each(GUESSES)("%s says that it is not there, whatever is sent to it", async (path) => {
    for (const headers of [{}, { "content-type": "text/plain" }, { "content-encoding": "gzip" }])
      for (const body of ['{"output":', "{}", "\xff"]) expect((await ask(path, { method: "POST", body, headers })).status).toBe(404);
  });

  test("a body that nobody asked for is read to a bound and forgotten, and the answer still arrives", async () => {
    const { body, read } = endless();
    const response = await ask("/callbacks/nonsense/complete", { method: "POST", body });
    expect(response.status).toBe(404);
    expect(read()).toBeLessThan(70 * 1024 * 1024);
  });

  test.each([
    ["/tasks", "nobody", 401],
    ["/workflows/x", ROOT_KEY, 413],
  ])("%s answers a body that is too large for it", async (path, key, status) => {
    const method = path === "/tasks" ? "POST" : "PUT";
    const { body } = endless();
    expect((await ask(path, { method, body, headers: { authorization: `Bearer ${key}` } })).status).toBe(status);
  });
});

describe("what was guessed", () => {
  const reads = () => vi.spyOn(Object.getPrototypeOf(env.DB) as D1Database, "prepare");

  test("a key that nobody can have been given costs no look at the database", async () => {
    const prepare = reads();
    for (const key of ["orck_nonsense", `orck_${"0".repeat(46)}`, "orc_nonsense", "nonsense", "x".repeat(5_000)])
      expect((await ask("/tasks", { headers: { authorization: `Bearer ${key}` } })).status).toBe(401);
    expect(prepare).not.toHaveBeenCalled();
  });

  test("an address is counted by what it guessed, before the database is asked: its /64 is refused, what is valid goes on", async () => {
    const { body: made } = await api<{ key: string }>("POST", "/keys", { name: "valid", roles: ["viewer"] });
    const from = (address: string, key: string) =>
      ask("/tasks", { headers: { authorization: `Bearer ${key}`, "cf-connecting-ip": address } });
    const complete = (address: string) => ask("/callbacks/nonsense/complete", { method: "POST", headers: { "cf-connecting-ip": address } });
    expect((await from("2001:db8:1:4::1", made.key)).status).toBe(200);
    const prepare = reads();
    const counted: string[] = [];
    vi.spyOn(env.REQUESTS, "limit").mockImplementation(async ({ key }) => {
      counted.push(key);
      return { success: !key.includes("2001:db8:1:2") };
    });
    const refused = await from("2001:db8:1:2::2", OLD_KEY);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("10");
    expect(prepare, "the limiter is first").not.toHaveBeenCalled();
    expect((await from("2001:DB8:1:2:ffff::", OLD_KEY)).status).toBe(429);
    expect((await complete("2001:db8:1:2::3")).status).toBe(429);
    expect((await from("2001:db8:1:2::1", made.key)).status).toBe(200);
    expect((await complete("2001:db8:1:3::3")).status).toBe(404);
    expect(counted.filter((key) => key.startsWith("address/"))).toEqual(["address/2001:db8:1:2::/64", "address/2001:db8:1:3::/64"]);
  });

  test("keys made before there was a check go on", async () => {
    const key = `orc_${"sycd4p57hw".repeat(4)}`;
    const hash = [...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)))];
    await env.DB.prepare(
      "insert into api_keys (hash, id, tenant, name, prefix, roles, created_at) values (?, 'key_old', 'default', 'old', 'orc_sycd4p', '[\"viewer\"]', 0)",
    )
      .bind(hash.map((byte) => byte.toString(16).padStart(2, "0")).join(""))
      .run();
    expect((await ask("/tasks", { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  });

  test("a key that ends as it is made is refused", async () => {
    for (const expires_in of ["0s", "0ms", "0.0s"])
      expect(await api("POST", "/keys", { name: "short", roles: ["viewer"], expires_in })).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: "/expires_in" }] },
      });
  });
});

describe("a body", () => {
  test.each([
    [{ "content-encoding": "gzip" }, "Content-Encoding: gzip"],
    [{ "content-encoding": "br, gzip" }, "Content-Encoding: br, gzip"],
    [{ "content-encoding": "nonsense" }, "Content-Encoding: nonsense"],
    [{ "content-type": "application/json; charset=latin1" }, "charset latin1"],
    [{ "content-type": 'application/json; charset="utf-16"' }, 'charset "utf-16"'],
    [{ "content-type": "text/plain" }, "application/json"],
  ])("with %j is not one that is read: 415", async (headers, said) => {
    for (const [path, method] of [
      ["/tasks", "POST"],
      ["/tasks/task_x/cancel", "POST"],
      ["/tasks/import", "POST"],
    ] as const) {
      const response = await ask(path, { method, headers, body: new Uint8Array([0x1f, 0x8b, 0x08]) });
      expect(response.status, path).toBe(415);
      if (path === "/tasks") expect(await response.json()).toMatchObject({ detail: expect.stringContaining(said) });
    }
  });

  test("in UTF-8, said in any way, is read", async () => {
    for (const type of [
      "application/json",
      "application/json; charset=UTF-8",
      'application/json;charset="utf-8"',
      "application/problem+json; charset=us-ascii",
    ])
      expect(
        (
          await ask("/tasks", {
            method: "POST",
            headers: { "content-type": type, "content-encoding": "identity" },
            body: '{"type":"simple"}',
          })
        ).status,
      ).toBe(202);
  });
});

test("whoever uses a wrong method is told all that are allowed", async () => {
  const response = await ask("/tasks", { method: "PUT", body: "{}" });
  expect(response.status).toBe(405);
  expect(response.headers.get("allow")?.split(", ").toSorted()).toEqual(["GET", "HEAD", "POST"]);
});

describe("what is registered", () => {
  const STEPS = { steps: [{ id: "a", capability: "echo" }] };
  const THINGS: readonly (readonly [path: string, body: object, other: object])[] = [
    ["/agents/made", { url: "https://made.example/run", capabilities: ["x"] }, { url: "https://made.example/run", capabilities: ["y"] }],
    ["/workflows/made", STEPS, { steps: [{ id: "b", capability: "echo" }] }],
    ["/schedules/made", { every: "1h", task: { type: "simple" } }, { every: "2h", task: { type: "simple" } }],
    ["/workflows/made/channels/stable", { version: 1 }, { version: 2 }],
  ];

  test.each(THINGS)(
    "%s is made only where nothing is, changed only by who has seen it, and not sent to who has it",
    async (path, body, other) => {
      const put = (sent: object, headers: Record<string, string>) => api<{ code: string; detail: string }>("PUT", path, sent, headers);
      expect(await put(body, { "if-match": "*" }), "nothing is there").toMatchObject({ status: 412 });
      const made = await put(body, { "if-none-match": "*" });
      expect(made.status, JSON.stringify(made.body)).toBe(201);
      for (const sent of [body, other])
        expect(await put(sent, { "if-none-match": "*" })).toMatchObject({ status: 412, body: { code: "precondition_failed" } });
      const tag = made.headers.get("etag") ?? "";
      expect(tag).toMatch(/^"\d+"$/);
      expect(await put(other, { "if-match": `W/${tag}` })).toMatchObject({
        status: 412,
        body: { detail: expect.stringContaining("weak") },
      });
      for (const wrong of ['"99"', '"98", "99"', "nonsense", '"0"'])
        expect((await put(other, { "if-match": wrong })).status, wrong).toBe(412);
      const changed = await put(other, { "if-match": `"99",W/"7" , ${tag}` });
      expect(changed.status, JSON.stringify(changed.body)).toBeLessThan(300);
      expect((await put(body, { "if-match": "*" })).status).toBeLessThan(300);

      if (path.includes("channels")) return;
      const read = await ask(path);
      const now = read.headers.get("etag") ?? "";
      for (const known of [now, `W/${now}`, `"nope", ${now}`, "*"]) {
        const again = await ask(path, { headers: { "if-none-match": known } });
        expect([again.status, await again.text(), again.headers.get("etag")], known).toEqual([304, "", now]);
      }
      expect((await ask(path, { headers: { "if-none-match": tag } })).status, "an old one").toBe(200);
    },
  );
});

describe("what anybody may ask for", () => {
  test("the document is the same, with its tag; whoever has it is not sent it", async () => {
    const first = await exports.default.fetch(`${ORIGIN}/openapi.json`);
    const tag = first.headers.get("etag") ?? "";
    expect(await first.json()).toMatchObject({ openapi: "3.1.0" });
    const again = await exports.default.fetch(`${ORIGIN}/openapi.json`, { headers: { "if-none-match": tag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    expect((await exports.default.fetch(`${ORIGIN}/openapi.json`, { method: "HEAD" })).headers.get("etag")).toBe(tag);
  });

  test("readiness is looked at once, however many ask, and never told from before", async () => {
    const prepare = vi.spyOn(Object.getPrototypeOf(env.DB) as D1Database, "prepare");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    const asked = async () => (await exports.default.fetch(`${ORIGIN}/ready`)).status;
    expect(new Set(await Promise.all(Array.from({ length: 50 }, asked)))).toEqual(new Set([200]));
    const looks = prepare.mock.calls.length;
    expect(looks).toBeLessThanOrEqual(2);
    expect(await asked()).toBe(200);
    expect(prepare.mock.calls.length).toBe(looks);
    prepare.mockImplementation(() => {
      throw new Error("away");
    });
    vi.setSystemTime(Date.now() + 1_000);
    expect(await asked()).toBe(503);
    prepare.mockRestore();
    vi.setSystemTime(Date.now() + 1_000);
    expect(await asked()).toBe(200);
  });
});

test("lists and keys are unavailable while the database is, however it says so", async () => {
  vi.spyOn(Object.getPrototypeOf(env.DB) as D1Database, "prepare").mockImplementation(() => {
    throw new Error("database or disk is full: SQLITE_FULL");
  });
  for (const path of ["/tasks", "/keys", "/workflows", "/webhooks", "/approvals", "/schedules"]) {
    const response = await ask(path);
    expect([response.status, response.headers.get("retry-after")], path).toEqual([503, "1"]);
  }
  expect((await ask("/tasks", { headers: { authorization: `Bearer ${OLD_KEY}` } })).status).toBe(503);
  expect((await ask("/keys", { method: "POST", body: '{"name":"x","roles":["viewer"]}' })).status).toBe(503);
});

test("a cursor is of one list under one filter; how much is on a page may change", async () => {
  for (let count = 0; count < 3; count++) await api("POST", "/keys", { name: `${count}`, roles: ["viewer"] });
  for (const id of ["one", "two", "three"]) await api("PUT", `/agents/${id}`, { url: "https://a.example/", capabilities: ["paged"] });
  const next = async (path: string) => (await api<{ next_cursor: string }>("GET", path)).body.next_cursor;
  const cursor = await next("/agents?limit=1&capability=paged");
  expect((await ask(`/agents?limit=2&capability=paged&cursor=${cursor}`)).status).toBe(200);
  expect((await ask(`/agents?cursor=${cursor}&limit=2&capability=paged`)).status).toBe(200);
  const others = [`/agents?limit=1&cursor=${cursor}`, `/agents?limit=1&capability=other&cursor=${cursor}`, `/keys?cursor=${cursor}`];
  others.push(`/agents?capability=paged&cursor=${await next("/keys?limit=1")}`, "/keys?cursor=nonsense", `/keys?cursor=${btoa('"a"')}`);
  for (const path of others)
    expect(await api("GET", path), path).toMatchObject({ status: 400, body: { errors: [{ pointer: "/query/cursor" }] } });
});

test("what is wrong with a request is said in words for it", async () => {
  const told = async (method: string, path: string, body?: unknown) => JSON.stringify((await api(method, path, body)).body);
  const task = (await api<{ id: string }>("POST", "/tasks", { type: "simple" })).body.id;
  for (const after of ["abc", "1.5", "1e400"]) {
    const said = await told("GET", `/tasks/${task}/events?after=${after}`);
    expect(said).toMatch(/expected a (whole )?number/);
    expect(said).not.toContain("duration");
  }
  for (const body of [[], null, 5]) {
    const said = await told("POST", "/keys", body);
    expect(said).toContain("expected an object");
    expect(said).not.toContain("steps");
  }
});
