/** What a caller can do with agents, and what a bad request gets. */
import { env } from "cloudflare:workers";
import { runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { agentsAnswer, api, calls, clockAhead, registerAgent, submit, untilEnded } from "./harness.ts";

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly code: string }[];
}
const problem = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const answered = await api<Problem>(method, path, body, headers);
  return { status: answered.status, code: answered.body.code, pointers: answered.body.errors?.map(({ pointer }) => pointer) ?? [] };
};
const keyFor = async (body: object): Promise<Record<string, string>> => {
  const made = await api<{ key: string }>("POST", "/keys", { name: "test", ...body });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { authorization: `Bearer ${made.body.key}` };
};

describe("registering", () => {
  test("what was declared can be read, but for secrets", async () => {
    const declared = {
      url: "https://rich.example/run",
      capabilities: [{ name: "rich", version: "2.1", tags: ["deep"], price: { per_call_usd: 0.01 }, input_schema: { type: "object" } }],
      limits: { max_concurrency: 3, rate: { count: 5, per: "1m" } },
      labels: { tier: "gold" },
      region: "eu",
      breaker: { consecutive: 4 },
      health: { url: "https://rich.example/health", interval: "1m" },
    };
    const made = await api("PUT", "/agents/rich", { ...declared, auth: { type: "bearer", value: "very-secret" } });
    expect(made.status).toBe(201);
    const read = await api("GET", "/agents/rich");
    expect(read.body).toMatchObject({ ...declared, status: "healthy", auth: { type: "bearer" }, in_flight: 0, statistics: {} });
    expect(JSON.stringify(read.body)).not.toContain("very-secret");
  });

  test("a second POST under an id is refused, and changes nothing", async () => {
    await api("POST", "/agents", { id: "twice", url: "https://one.example/", capabilities: ["x"] });
    expect(await problem("POST", "/agents", { id: "twice", url: "https://two.example/", capabilities: ["x"] })).toMatchObject({
      status: 409,
      code: "already_exists",
    });
    expect((await api("GET", "/agents/twice")).body["url"]).toBe("https://one.example/");
  });

  test.each([
    ["a private URL", { url: "https://10.0.0.1/", capabilities: ["x"] }, 422, "url_refused", "/url"],
    [
      "a private health URL",
      { url: "https://a.example/", capabilities: ["x"], health: { url: "http://a.example" } },
      422,
      "url_refused",
      "/health/url",
    ],
    [
      "a schema that is none",
      { url: "https://a.example/", capabilities: [{ name: "x", input_schema: { type: "string", pattern: "(" } }] },
      422,
      "invalid_schema",
      "/capabilities/0/input_schema",
    ],
    ["a URL for one that pulls", { kind: "pull", url: "https://a.example/", capabilities: ["x"] }, 400, "invalid_request", "/url"],
    ["no capability", { url: "https://a.example/" }, 400, "invalid_request", "/capabilities"],
    ["an unknown field", { url: "https://a.example/", capabilities: ["x"], colour: "red" }, 400, "invalid_request", "/colour"],
  ])("%s is refused at its place", async (_, body, status, code, pointer) => {
    expect(await problem("PUT", "/agents/bad", body)).toEqual({ status, code, pointers: [pointer] });
    expect((await problem("GET", "/agents/bad")).status).toBe(404);
  });

  test("with only a URL the agent's own card is read", async () => {
    vi.mocked(fetch).mockImplementationOnce(async (input) => {
      expect(input).toBe("https://carded.example/.well-known/agent-card.json");
      const skills = [{ id: "route planning", name: "Routes", description: "Plans routes", tags: ["maps"] }];
      return Response.json({ name: "Carded", description: "From a card", version: "1.2.0", skills, supportedInterfaces: [] });
    });
    const made = await api("POST", "/agents", { id: "carded", url: "https://carded.example/a2a" });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    expect(made.body).toMatchObject({
      name: "Carded",
      url: "https://carded.example/a2a",
      capabilities: [{ name: "route_planning", version: "1.2.0", description: "Plans routes", tags: ["maps"] }],
    });
    vi.mocked(fetch).mockImplementationOnce(async () => new Response("nothing here", { status: 404 }));
    expect(await problem("POST", "/agents", { url: "https://cardless.example/" })).toMatchObject({
      status: 422,
      code: "agent_card_unreadable",
    });
  });
});

describe("changing", () => {
  test("needs to have seen what is there, merges, and keeps secrets", async () => {
    await registerAgent("changing", { auth: { type: "bearer", value: "token" }, labels: { a: "1", b: "2" } });
    expect((await problem("PATCH", "/agents/changing", { weight: 2 })).status).toBe(428);
    expect((await problem("PATCH", "/agents/changing", { weight: 2 }, { "if-match": '"7"' })).status).toBe(412);
    const tag = (await api("GET", "/agents/changing")).headers.get("etag") ?? "";
    const changed = await api("PATCH", "/agents/changing", { weight: 2, labels: { a: null, c: "3" } }, { "if-match": tag });
    expect(changed.status, JSON.stringify(changed.body)).toBe(200);
    expect(changed.body).toMatchObject({ weight: 2, labels: { b: "2", c: "3" }, auth: { type: "bearer" } });
    expect(changed.headers.get("etag")).not.toBe(tag);
    expect((await problem("PATCH", "/agents/changing", { capabilities: null }, { "if-match": "*" })).pointers).toEqual(["/capabilities"]);
  });

  test("does not send credentials where they have not been sent before", async () => {
    await registerAgent("keeper", { auth: { type: "bearer", value: "token" } });
    const elsewhere = { url: "https://elsewhere.example/run" };
    const told = { cancel_url: "https://elsewhere.example/cancel" };
    for (const patch of [elsewhere, told]) {
      expect(await problem("PATCH", "/agents/keeper", patch, { "if-match": "*" })).toMatchObject({ status: 400, pointers: ["/auth"] });
    }
    const auth = { type: "bearer", value: "another" };
    expect((await api("PATCH", "/agents/keeper", { ...elsewhere, auth }, { "if-match": "*" })).status).toBe(200);
    expect((await api("PATCH", "/agents/keeper", { url: "https://elsewhere.example/other" }, { "if-match": "*" })).status).toBe(200);
  });

  test("a draining agent takes no new work", async () => {
    await registerAgent("leaving");
    await api("PATCH", "/agents/leaving", { draining: true }, { "if-match": "*" });
    expect((await api("GET", "/agents/leaving")).body["status"]).toBe("draining");
    const dry = await api("POST", "/agents/select", { capability: "leaving" });
    expect(dry.body).toMatchObject({ choice: null, receipt: { candidates: [{ agent: "leaving", verdict: "draining" }] } });
  });
});

describe("finding", () => {
  test("by capability, tag, text and health", async () => {
    await registerAgent("owl", { capabilities: [{ name: "seeing", tags: ["night"], description: "Sees in the dark" }] });
    const ids = async (query: string) => (await api<{ data: { id: string }[] }>("GET", `/agents?${query}`)).body.data.map(({ id }) => id);
    expect(await ids("capability=seeing")).toEqual(["owl"]);
    expect(await ids("tag=night")).toEqual(["owl"]);
    expect(await ids("q=DARK")).toEqual(["owl"]);
    expect(await ids("q=owl&status=healthy")).toEqual(["owl"]);
    expect(await ids("q=owl&status=offline")).toEqual([]);
  });
});

describe("an agent's own key", () => {
  test("takes that agent's work and can do nothing else", async () => {
    await api("PUT", "/agents/mine", { kind: "pull", capabilities: ["mining"] });
    await api("PUT", "/agents/yours", { kind: "pull", capabilities: ["mining"] });
    const key = await keyFor({ roles: ["agent"], agent: "mine" });
    expect((await api("POST", "/agents/mine/claim", {}, key)).body).toEqual({ attempts: [] });
    expect((await api("POST", "/agents/mine/heartbeat", {}, key)).body).toMatchObject({ status: "healthy" });
    expect(await problem("POST", "/agents/yours/claim", {}, key)).toMatchObject({ status: 404 });
    expect(await problem("GET", "/tasks", undefined, key)).toMatchObject({ status: 403 });
    expect(await problem("POST", "/keys", { name: "x", roles: ["agent"] })).toMatchObject({ status: 400 });
  });

  test("of another tenant sees nothing", async () => {
    await api("PUT", "/agents/hidden", { kind: "pull", capabilities: ["hiding"] });
    const foreign = await keyFor({ roles: ["admin"], tenant: "elsewhere" });
    expect((await problem("POST", "/agents/hidden/claim", {}, foreign)).status).toBe(404);
    expect((await problem("GET", "/agents/hidden", undefined, foreign)).status).toBe(404);
  });

  test("cannot claim for an agent that is called", async () => {
    await registerAgent("called");
    expect(await problem("POST", "/agents/called/claim", {})).toMatchObject({ status: 409, code: "invalid_state" });
  });
});

describe("signs of life", () => {
  test("an agent that falls silent is offline until it is heard of again", async () => {
    await registerAgent("beating", { heartbeat_interval: "10s" });
    await vi.waitUntil(async () => (await api("GET", "/agents/beating")).body["status"] === "healthy");
    clockAhead(31_000);
    await runDurableObjectAlarm(env.AGENTS.getByName("default/beating"));
    const silent = await api("GET", "/agents/beating");
    expect(silent.body).toMatchObject({ status: "offline" });
    expect(String(silent.body["status_reason"])).toContain("no heartbeat");
    expect((await api("POST", "/agents/beating/heartbeat", {})).body).toMatchObject({ status: "healthy" });
  });

  test("a health URL that fails makes it degraded, then unhealthy", async () => {
    let isWell = true;
    vi.mocked(fetch).mockImplementation(async () => new Response("", { status: isWell ? 200 : 500 }));
    await registerAgent("probed", { health: { url: "https://probed.example/health", interval: "10s" } });
    await vi.waitUntil(() => vi.mocked(fetch).mock.calls.length > 0, { timeout: 10_000 });
    const status = async () => (await api("GET", "/agents/probed")).body["status"];
    const probe = async (expected: string, ms: number) => {
      clockAhead(ms);
      const before = vi.mocked(fetch).mock.calls.length;
      await runDurableObjectAlarm(env.AGENTS.getByName("default/probed"));
      await vi.waitUntil(async () => vi.mocked(fetch).mock.calls.length > before && (await status()) === expected, { timeout: 10_000 });
    };
    isWell = false;
    await probe("degraded", 11_000);
    await probe("degraded", 22_000);
    await probe("unhealthy", 33_000);
    isWell = true;
    await probe("healthy", 44_000);
  });
});

describe("what an agent promises", () => {
  test("an output that violates the declared schema is no reply, and the places are named", async () => {
    const capabilities = [{ name: "exact", output_schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] } }];
    await registerAgent("exact", { capabilities });
    agentsAnswer(({ attempt }) => Response.json({ output: attempt === 1 ? { n: "one" } : { n: 1 } }));
    const steps = [{ id: "a", capability: "exact", retry: { delay: "1ms" } }];
    const task = await untilEnded(await submit({ workflow: { steps } }));
    expect(task.status).toBe("completed");
    expect(calls).toHaveLength(2);
    const events = await api<{ data: { type: string; data: { error?: { code: string; message: string } } }[] }>(
      "GET",
      `/tasks/${task.id}/events`,
    );
    const failed = events.body.data.find(({ type }) => type === "attempt.failed");
    expect(failed?.data.error).toMatchObject({ code: "reply_invalid" });
    expect(failed?.data.error?.message).toContain("/output/n");
  });

  test("whoever cannot take the input is not asked", async () => {
    const capabilities = [{ name: "picky", input_schema: { type: "object", required: ["must"] } }];
    await registerAgent("picky", { capabilities });
    const dry = await api("POST", "/agents/select", { capability: "picky", input: {} });
    expect(dry.body).toMatchObject({ choice: null, receipt: { candidates: [{ verdict: "input_schema" }] } });
    expect((await api("POST", "/agents/select", { capability: "picky", input: { must: 1 } })).body["choice"]).toBe("picky");
  });
});
