import { exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/shared/limits.ts";
import { api, objectCount, ROOT_KEY, submit, untilEnded } from "./harness.ts";

const raw = (path: string, init: RequestInit = {}): Promise<Response> =>
  exports.default.fetch(`https://orchestrator.example${path}`, {
    ...init,
    headers: { authorization: `Bearer ${ROOT_KEY}`, ...(init.headers as Record<string, string>) },
  });
const post = (body: BodyInit, headers: Record<string, string> = { "content-type": "application/json" }): Promise<Response> =>
  raw("/api/v1/tasks", { method: "POST", body, headers });

async function problemOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status: response.status,
    detail: expect.any(String),
    code: expect.any(String),
    retryable: expect.any(Boolean),
    request_id: response.headers.get("x-request-id"),
  });
  return problem;
}

describe("bad requests get a precise error and change nothing", () => {
  test.each<[string, () => Promise<Response>, number, string]>([
    ["malformed JSON", () => post("{bad"), 400, "invalid_json"],
    ["an empty body", () => post(""), 400, "invalid_json"],
    ["invalid UTF-8", () => post(new Uint8Array([0x7b, 0xff, 0x7d])), 400, "invalid_json"],
    ["nesting past the limit", () => post(`{"type":"simple","input":${"[".repeat(100)}${"]".repeat(100)}}`), 400, "invalid_json"],
    ["no object", () => post("[]"), 400, "invalid_request"],
    ["neither type nor workflow", () => post("{}"), 400, "invalid_request"],
    ["both of them", () => post('{"type":"simple","workflow":{"steps":[]}}'), 400, "invalid_request"],
    ["an unknown field beside an input", () => post('{"type":"simple","input":1,"nope":1}'), 400, "invalid_request"],
    ["an option that is not there yet", () => post('{"type":"simple","budget":{}}'), 400, "invalid_request"],
    ["a wrong priority", () => post('{"type":"simple","priority":10}'), 400, "invalid_request"],
    ["a deadline in the past", () => post('{"type":"simple","deadline":"2020-01-01T00:00:00Z"}'), 400, "invalid_request"],
    ["a circle", () => post('{"workflow":{"steps":[{"id":"a","capability":"x","needs":["a"]}]}}'), 400, "workflow_cycle"],
    ["an unknown need", () => post('{"workflow":{"steps":[{"id":"a","capability":"x","needs":["b"]}]}}'), 400, "unknown_need"],
    [
      "a duplicate step",
      () => post('{"workflow":{"steps":[{"id":"a","capability":"x"},{"id":"a","capability":"x"}]}}'),
      400,
      "duplicate_step_id",
    ],
    [
      "an unknown reference",
      () => post('{"workflow":{"steps":[{"id":"a","capability":"x","input":"${ steps.b.output }"}]}}'),
      400,
      "unknown_reference",
    ],
    ["an unknown type", () => post('{"type":"smple"}'), 404, "unknown_type"],
    ["another media type", () => post("{}", { "content-type": "text/plain" }), 415, "unsupported_media_type"],
    ["no media type", () => post(new Uint8Array([0x7b, 0x7d]), {}), 415, "unsupported_media_type"],
    ["a declared length past the limit", () => post("x".repeat(LIMITS.bodyBytes + 1)), 413, "body_too_large"],
    [
      "a bad wait",
      () => raw("/api/v1/tasks?wait=soon", { method: "POST", body: '{"type":"simple"}', headers: { "content-type": "application/json" } }),
      400,
      "invalid_request",
    ],
    ["an unknown query parameter", () => raw("/api/v1/tasks?nope=1"), 400, "invalid_request"],
    ["a bad limit", () => raw("/api/v1/tasks?limit=0"), 400, "invalid_request"],
    ["a forged cursor", () => raw("/api/v1/tasks?cursor=Zm9v"), 400, "invalid_request"],
    ["a bad status filter", () => raw("/api/v1/tasks?status=done"), 400, "invalid_request"],
    ["a path that does not exist", () => raw("/api/v1/nothing"), 404, "not_found"],
    ["a method that does not fit", () => raw("/api/v1/tasks", { method: "PATCH" }), 405, "method_not_allowed"],
    ["a malformed id", () => raw("/api/v1/tasks/..%2f..%2fetc"), 404, "not_found"],
    [
      "an idempotency key that is too long",
      () => post('{"type":"simple"}', { "content-type": "application/json", "idempotency-key": "k".repeat(256) }),
      400,
      "invalid_request",
    ],
  ])("%s", async (_, request, status, code) => {
    const before = await objectCount();
    const response = await request();
    expect(response.status).toBe(status);
    expect(await problemOf(response)).toMatchObject({ code });
    expect(await objectCount()).toBe(before);
  });

  test("every fault of a body is named at its place", async () => {
    const problem = await problemOf(await post('{"type":"simple","input":1,"priority":"high","tags":[""],"nope":1}'));
    expect((problem["errors"] as { pointer: string }[]).map(({ pointer }) => pointer).toSorted()).toEqual([
      "/nope",
      "/priority",
      "/tags/0",
    ]);
  });

  test("an unknown type names the known ones and the one that was meant", async () => {
    expect(await problemOf(await post('{"type":"smple"}'))).toMatchObject({
      known_types: ["simple", "bulk"],
      detail: expect.stringContaining('did you mean "simple"?'),
    });
  });

  test("an id that was made up leaves no object behind", async () => {
    const before = await objectCount();
    for (const path of ["", "/status", "/result", "/steps", "/events", "/steps/a"])
      expect((await raw(`/api/v1/tasks/task_01m82f5tjk9mvq907e2jr8sa6ywx8m${path}`)).status).toBe(404);
    for (const verb of ["cancel", "pause", "resume"])
      expect((await raw(`/api/v1/tasks/task_01m82f5tjk9mvq907e2jr8sa6ywx8m/${verb}`, { method: "POST" })).status).toBe(404);
    expect(await objectCount()).toBe(before);
  });
});

describe("credentials", () => {
  const withKey = (key: string, path: string, init: RequestInit = {}): Promise<Response> =>
    exports.default.fetch(`https://orchestrator.example/api/v1${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    });
  async function makeKey(body: Record<string, unknown>): Promise<{ readonly id: string; readonly key: string }> {
    const made = await api<{ id: string; key: string }>("POST", "/keys", { name: "test", ...body });
    expect(made.status).toBe(201);
    return made.body;
  }

  test("without any, or with wrong ones: 401", async () => {
    for (const authorization of ["", "Bearer ", "Bearer nonsense", "Bearer orc_0000000000000000000000000000000000000000", "Basic abc"]) {
      const response = await exports.default.fetch("https://orchestrator.example/api/v1/tasks", { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(await problemOf(response)).toMatchObject({ code: "unauthorized" });
    }
  });

  test("what must be open is", async () => {
    for (const path of ["/health", "/ready", "/docs", "/openapi.json"])
      expect((await exports.default.fetch(`https://orchestrator.example${path}`)).status).toBe(200);
  });

  test("a key does what its roles allow and nothing else", async () => {
    const { key } = await makeKey({ roles: ["viewer"] });
    expect((await withKey(key, "/tasks")).status).toBe(200);
    const refused = await withKey(key, "/tasks", { method: "POST", body: '{"type":"simple"}' });
    expect(refused.status).toBe(403);
    expect(await problemOf(refused)).toMatchObject({ code: "forbidden", required_scope: "tasks:write" });
    expect((await withKey(key, "/keys")).status).toBe(403);
    expect((await withKey((await makeKey({ roles: ["operator"] })).key, "/agents/x", { method: "PUT", body: "{}" })).status).toBe(403);
  });

  test("an expired or revoked key is no key", async () => {
    const { key: shortLived } = await makeKey({ roles: ["admin"], expires_in: "1ms" });
    expect((await withKey(shortLived, "/tasks")).status).toBe(401);
    const { id, key } = await makeKey({ roles: ["admin"] });
    expect((await withKey(key, "/tasks")).status).toBe(200);
    expect((await api("DELETE", `/keys/${id}`)).status).toBe(204);
    expect((await withKey(key, "/tasks")).status).toBe(401);
    expect((await api("DELETE", "/keys/key_nope")).status).toBe(404);
  });

  test("keys are listed without their text, recognisable by their first characters", async () => {
    const { id, key } = await makeKey({ roles: ["viewer"] });
    const { body } = await api<{ data: { id: string; prefix: string }[] }>("GET", "/keys");
    const listed = body.data.find((candidate) => candidate.id === id);
    expect(key.startsWith(listed?.prefix ?? "-")).toBe(true);
    expect(JSON.stringify(body)).not.toContain(key);
  });

  test("tenants do not see each other", async () => {
    const { key: acme } = await makeKey({ roles: ["admin"], tenant: "acme" });
    const id = await submit({ type: "simple", secret: true });
    await untilEnded(id);
    await api("PUT", "/workflows/mine", { steps: [{ id: "a", capability: "echo" }] });
    await api("PUT", "/agents/mine", { url: "https://mine.example", capabilities: ["x"] });
    for (const path of [`/tasks/${id}`, `/tasks/${id}/result`, `/tasks/${id}/events`, "/workflows/mine", "/agents/mine"])
      expect((await withKey(acme, path)).status, path).toBe(404);
    expect((await withKey(acme, `/tasks/${id}/cancel`, { method: "POST" })).status).toBe(404);
    expect(await (await withKey(acme, "/tasks")).json()).toMatchObject({ data: [] });
    expect(await problemOf(await withKey(acme, "/tasks", { method: "POST", body: '{"type":"mine"}' }))).toMatchObject({
      code: "unknown_type",
      known_types: ["simple", "bulk"],
    });
    // An admin of a tenant makes keys for that tenant only.
    expect((await withKey(acme, "/keys", { method: "POST", body: '{"name":"x","roles":["admin"],"tenant":"default"}' })).status).toBe(403);
    const own = (await (await withKey(acme, "/keys", { method: "POST", body: '{"name":"x","roles":["viewer"]}' })).json()) as {
      tenant: string;
    };
    expect(own.tenant).toBe("acme");
  });

  test("the same idempotency key in two tenants is two tasks", async () => {
    const { key: acme } = await makeKey({ roles: ["admin"], tenant: "acme" });
    const ours = await api<{ id: string }>("POST", "/tasks", { type: "simple" }, { "idempotency-key": "shared" });
    const theirs = (await (
      await exports.default.fetch("https://orchestrator.example/api/v1/tasks", {
        method: "POST",
        body: '{"type":"simple"}',
        headers: { authorization: `Bearer ${acme}`, "content-type": "application/json", "idempotency-key": "shared" },
      })
    ).json()) as { id: string };
    expect(theirs.id).not.toBe(ours.body.id);
  });
});

describe("workflows", () => {
  const echo = (input: unknown) => ({ steps: [{ id: "a", capability: "echo", input }], output: "${ steps.a.output }" });

  test("versions never change, and a task pins the one it started with", async () => {
    expect(await api("PUT", "/workflows/w", echo("one"))).toMatchObject({ status: 201, body: { version: 1 } });
    expect(await api("PUT", "/workflows/w", echo("one"))).toMatchObject({ status: 200, body: { version: 1 } });
    const first = await submit({ type: "w" });
    expect(await api("PUT", "/workflows/w", echo("two"))).toMatchObject({ status: 201, body: { version: 2 } });
    const second = await api("POST", "/tasks?wait=5s", { type: "w" });
    expect(second.body["output"]).toBe("two");
    expect(await untilEnded(first)).toMatchObject({ workflow: { name: "w", version: 1 } });
    expect((await api("GET", "/workflows/w/versions/1")).body).toMatchObject({ version: 1, definition: echo("one") });
    expect((await api<{ data: { version: number }[] }>("GET", "/workflows/w/versions")).body.data.map(({ version }) => version)).toEqual([
      2, 1,
    ]);
    expect((await api("GET", "/workflows/w")).headers.get("etag")).toBe('"2"');
  });

  test("If-Match keeps people from overwriting each other", async () => {
    await api("PUT", "/workflows/etag", echo(1));
    expect((await api("PUT", "/workflows/etag", echo(2), { "if-match": '"7"' })).status).toBe(412);
    expect((await api("PUT", "/workflows/etag", echo(2), { "if-match": '"1"' })).status).toBe(201);
    expect((await api("DELETE", "/workflows/etag", undefined, { "if-match": '"1"' })).status).toBe(412);
    expect((await api("DELETE", "/workflows/etag")).status).toBe(204);
    expect((await api("GET", "/workflows/etag")).status).toBe(404);
    expect((await api("DELETE", "/workflows/etag")).status).toBe(404);
  });

  test("validation tells every fault and warning, and registers nothing", async () => {
    expect(
      (await api("POST", "/workflows/validate", { steps: [{ id: "a", capability: "x", needs: ["b"], when: "1 +" }] })).body,
    ).toMatchObject({ valid: false, errors: [{ code: "invalid_expression" }, { code: "unknown_need" }] });
    expect(
      (
        await api("POST", "/workflows/validate", {
          steps: [
            { id: "a", capability: "echo" },
            { id: "b", capability: "echo", when: "steps.a.status == 'failed'" },
          ],
        })
      ).body,
    ).toMatchObject({ valid: true, warnings: [{ pointer: "/steps/1/when", code: "condition_never_holds" }] });
    expect((await api("POST", "/workflows/validate", echo(1))).body).toEqual({ valid: true, errors: [], warnings: [] });
  });

  test("built-in ones are listed and stay what they are", async () => {
    expect((await api<{ data: { name: string }[] }>("GET", "/workflows")).body.data[0]).toMatchObject({ name: "simple", version: 1 });
    expect(await api("PUT", "/workflows/simple", echo(1))).toMatchObject({ status: 409, body: { code: "name_reserved" } });
    expect(await api("DELETE", "/workflows/simple")).toMatchObject({ status: 409 });
  });

  test("the input is checked against the declared schema", async () => {
    await api("PUT", "/workflows/typed", {
      ...echo("${ input.n }"),
      input_schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
    });
    expect(await api("POST", "/tasks", { type: "typed", n: "x" })).toMatchObject({
      status: 400,
      body: { code: "invalid_input", errors: [{ pointer: "/input/n" }] },
    });
    expect((await api("POST", "/tasks?wait=5s", { type: "typed", n: 3 })).body["output"]).toBe(3);
  });

  test("a schema that cannot be applied is refused where it is registered", async () => {
    for (const input_schema of [{ properties: { a: { pattern: "(" } } }, { pattern: "(?!a)" }, { $ref: "#" }, { $ref: "#/$defs/none" }]) {
      const { status, body } = await api("PUT", "/workflows/broken", { input_schema, steps: [{ id: "a", capability: "echo" }] });
      expect(status, JSON.stringify(input_schema)).toBe(400);
      expect(body).toMatchObject({ code: "invalid_definition", errors: [{ pointer: "/input_schema" }] });
    }
  });

  test("a schema's pattern holds nobody up, whatever it is matched on", async () => {
    await api("PUT", "/workflows/patterned", { ...echo(1), input_schema: { properties: { a: { type: "string", pattern: "^(a+)+$" } } } });
    const refused = await api("POST", "/tasks", { type: "patterned", a: `${"a".repeat(100_000)}!` });
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_input", errors: [{ pointer: "/input/a" }] } });
    expect((await api("POST", "/tasks?wait=5s", { type: "patterned", a: "aaa" })).body["output"]).toBe(1);
  });

  test("a repeated submission is answered as it was, even when its workflow is gone", async () => {
    await api("PUT", "/workflows/passing", { steps: [{ id: "a", capability: "echo" }] });
    const headers = { "idempotency-key": "passing-1" };
    const first = await api<{ id: string }>("POST", "/tasks", { type: "passing" }, headers);
    await api("DELETE", "/workflows/passing");
    const again = await api<{ id: string }>("POST", "/tasks", { type: "passing" }, headers);
    expect([again.status, again.body.id, again.headers.get("idempotent-replayed")]).toEqual([202, first.body.id, "true"]);
    expect((await api("POST", "/tasks", { type: "passing", other: 1 }, headers)).status).toBe(422);
    expect((await api("POST", "/tasks", { type: "passing" })).status).toBe(404);
  });

  test("a definition with faults without end is told some of them, soon", async () => {
    const steps = Array.from({ length: 200 }, (_, index) => ({
      id: `${"x".repeat(100)}${index}`,
      capability: "echo",
      needs: Array.from({ length: 60 }, (__, need) => `${"y".repeat(100)}${index}-${need}`),
    }));
    const { body } = await api<{ valid: boolean; errors: unknown[] }>("POST", "/workflows/validate", { steps });
    expect(body.valid).toBe(false);
    expect(body.errors).toHaveLength(100);
  });

  test("names page by page", async () => {
    for (const name of ["p1", "p2", "p3"]) await api("PUT", `/workflows/${name}`, echo(name));
    const first = await api<{ data: { name: string }[]; next_cursor: string }>("GET", "/workflows?limit=2");
    const names = first.body.data.map(({ name }) => name);
    for (let cursor: string | null = first.body.next_cursor; cursor !== null;) {
      const next: { body: { data: { name: string }[]; next_cursor: string | null } } = await api(
        "GET",
        `/workflows?limit=2&cursor=${cursor}`,
      );
      names.push(...next.body.data.map(({ name }) => name));
      cursor = next.body.next_cursor;
    }
    expect(names).toEqual([...new Set(names)]);
    expect(names).toEqual(expect.arrayContaining(["simple", "p1", "p2", "p3"]));
  });
});

describe("agents", () => {
  const agent = { url: "https://agent.example/run", capabilities: ["one", { name: "two" }] };

  test("register, read, replace, delete", async () => {
    expect(await api("POST", "/agents", { ...agent, id: "crud" })).toMatchObject({
      status: 201,
      body: { id: "crud", capabilities: [{ name: "one" }, { name: "two" }] },
    });
    expect(await api("POST", "/agents", { ...agent, id: "crud" })).toMatchObject({ status: 409, body: { code: "already_exists" } });
    expect(await api("PUT", "/agents/crud", { ...agent, capabilities: ["three"] })).toMatchObject({
      status: 200,
      body: { capabilities: [{ name: "three" }] },
    });
    expect((await api("GET", "/agents/crud")).headers.get("etag")).toBe('"2"');
    expect((await api("PUT", "/agents/crud", agent, { "if-match": '"1"' })).status).toBe(412);
    expect((await api("DELETE", "/agents/crud")).status).toBe(204);
    expect((await api("DELETE", "/agents/crud")).status).toBe(404);
    expect((await api("GET", "/agents/crud")).status).toBe(404);
    expect((await api<{ id: string }>("POST", "/agents", agent)).body.id).toMatch(/^agent_/);
  });

  test("secrets go in and never come out", async () => {
    const secret = "very-secret-value";
    const made = await api("PUT", "/agents/secretive", {
      ...agent,
      auth: { type: "bearer", value: secret },
      signing_secret: `whsec_${btoa("0123456789abcdef0123456789abcdef")}`,
    });
    expect(made.body).not.toHaveProperty("signing_secret");
    const generated = await api<{ signing_secret: string }>("PUT", "/agents/generated", agent);
    expect(generated.body.signing_secret).toMatch(/^whsec_/);
    for (const path of ["/agents/secretive", "/agents/generated", "/agents"]) {
      const text = JSON.stringify((await api("GET", path)).body);
      expect(text).not.toContain(secret);
      expect(text).not.toContain("whsec_");
    }
    expect((await api("GET", "/agents/secretive")).body).toMatchObject({ auth: { type: "bearer" } });
  });

  test("whoever is called at another origin knows no secret of who was called before", async () => {
    const moving = async (body: Record<string, unknown>, method = "PUT", headers = {}) =>
      (await api<{ signing_secret?: string }>(method, "/agents/moving", body, headers)).body.signing_secret;
    const at = (url: string, more = {}) => ({ ...agent, url, ...more });
    const first = await moving(at("https://old.example/run"));
    expect(first).toMatch(/^whsec_/);
    expect(await moving(at("https://old.example/elsewhere"))).toBeUndefined();
    const second = await moving(at("https://new.example/run"));
    expect(second).toMatch(/^whsec_/);
    expect(second).not.toBe(first);
    expect(await moving(at("https://new.example:8443/run"))).toMatch(/^whsec_/);
    expect(await moving({ url: "https://patched.example/run" }, "PATCH", { "if-match": "*" })).toMatch(/^whsec_/);
    expect(await moving(at("https://patched.example/run", { cancel_url: "https://third.example/cancel" }))).toMatch(/^whsec_/);
    // A while without any URL makes nobody known again.
    expect(await moving({ kind: "pull", capabilities: agent.capabilities })).toBeUndefined();
    expect(await moving(at("https://old.example/run"))).toMatch(/^whsec_/);
    expect(await moving(at("https://given.example/run", { signing_secret: `whsec_${btoa("x".repeat(32))}` }))).toBeUndefined();
  });

  test("the guard's rule comes with the refusal", async () => {
    expect(await api("PUT", "/agents/bad", { ...agent, url: "http://10.0.0.1/" })).toMatchObject({
      status: 422,
      body: { code: "url_refused", errors: [{ pointer: "/url" }] },
    });
    expect(await api("PUT", "/agents/bad", { ...agent, cancel_url: "https://metadata.internal/" })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/cancel_url" }] },
    });
    expect((await api("GET", "/agents/bad")).status).toBe(404);
  });

  test("the built-in agent is listed, found by capability, and reserved", async () => {
    expect((await api<{ data: { id: string }[] }>("GET", "/agents?capability=echo")).body.data.map(({ id }) => id)).toEqual(["echo"]);
    expect(await api("PUT", "/agents/echo", agent)).toMatchObject({ status: 409, body: { code: "name_reserved" } });
  });
});

test("the OpenAPI document describes what serves", async () => {
  const document = (await (await exports.default.fetch("https://orchestrator.example/openapi.json")).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { security: unknown[]; responses: object; summary: string }>>;
  };
  expect(document.openapi).toBe("3.1.0");
  const paths = Object.keys(document.paths);
  expect(paths).toEqual(
    expect.arrayContaining([
      "/api/v1/tasks",
      "/api/v1/tasks/batch",
      "/api/v1/tasks/{id}/events",
      "/api/v1/callbacks/{token}/complete",
      "/api/v1/workflows/validate",
      "/api/v1/agents/{id}",
      "/api/v1/keys",
      "/health",
      "/ready",
    ]),
  );
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      expect(operation.summary, `${method} ${path}`).toBeTruthy();
      const isOpen = /^\/api\/v1\/(callbacks|approval-links)\//.test(path) || !path.startsWith("/api");
      expect(operation.security.length, `${method} ${path}`).toBe(isOpen ? 0 : 1);
    }
  }
});

test("readiness names every dependency", async () => {
  const { status, body } = await vi.waitUntil(async () => {
    const response = await exports.default.fetch("https://orchestrator.example/ready");
    return { status: response.status, body: await response.json() };
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: "ready",
    checks: { database: { status: "ok" }, cache: { status: "ok" }, objects: { status: "ok" } },
  });
});
