/** What a caller can do with webhooks, and what a bad request gets. */
import { listDurableObjectIds } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/tasks/limits.ts";
import { newSigningSecret } from "../../src/shared/signing.ts";
import { agentsAnswer, api, clockAhead, type ApiResponse } from "./harness.ts";
import {
  deliveriesOf,
  ended,
  newNotifier,
  registerWebhook,
  registry,
  requestsTo,
  untilDelivery,
  untilRequests,
  verified,
  type WebhookView,
} from "./endpoints.ts";

const BY = { type: "key", id: "root" } as const;

interface Problem {
  readonly code: string;
  readonly errors?: readonly { readonly pointer: string }[];
}
interface Page {
  readonly data: readonly WebhookView[];
  readonly next_cursor: string | null;
}
const problem = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const answered = await api<Problem>(method, path, body, headers);
  return { status: answered.status, code: answered.body?.code, pointers: answered.body?.errors?.map(({ pointer }) => pointer) ?? [] };
};
const keyFor = async (body: object): Promise<Record<string, string>> => {
  const made = await api<{ key: string }>("POST", "/keys", { name: "test", ...body });
  return { authorization: `Bearer ${made.body.key}` };
};
const change = (id: string, body: object, match = "*") => api<WebhookView>("PATCH", `/webhooks/${id}`, body, { "if-match": match });

describe("registering", () => {
  test("what was said can be read; a secret that was made is shown once, a given one never", async () => {
    const said = { url: "https://said.example/in?x=1", events: ["task.failed", "task.rejected"], description: "for the pager" };
    const made = await api<WebhookView>("POST", "/webhooks", said);
    expect(made).toMatchObject({ status: 201, body: { ...said, ad_hoc: false, status: "enabled", status_reason: null } });
    expect(made.body.secret).toMatch(/^whsec_/);
    expect(made.headers.get("location")).toBe(`/api/v1/webhooks/${made.body.id}`);
    const read = await api("GET", `/webhooks/${made.body.id}`);
    expect(read.body).toMatchObject({ ...said, deliveries: { pending: 0, delivered: 0, given_up: 0 }, failing_since: null });
    expect(read.headers.get("etag")).toBe(made.headers.get("etag"));
    const given = await api("POST", "/webhooks", { url: said.url, secret: newSigningSecret() });
    expect(given.status).toBe(201);
    for (const body of [given.body, read.body, (await api("GET", "/webhooks")).body]) expect(JSON.stringify(body)).not.toContain("whsec_");
  });

  test.each<[string, object, number, string, string]>([
    ["a URL that is none", { url: "nowhere" }, 422, "url_refused", "/url"],
    ["plain http", { url: "http://a.example/" }, 422, "url_refused", "/url"],
    ["an address", { url: "https://169.254.169.254/latest" }, 422, "url_refused", "/url"],
    ["an address in disguise", { url: "https://0x0a000001/" }, 422, "url_refused", "/url"],
    ["a private name", { url: "https://metadata.internal/" }, 422, "url_refused", "/url"],
    ["a single label", { url: "https://intranet/" }, 422, "url_refused", "/url"],
    ["a user name", { url: "https://a:b@a.example/" }, 422, "url_refused", "/url"],
    ["no URL", {}, 400, "invalid_request", "/url"],
    ["an unknown event", { url: "https://a.example/", events: ["task.started"] }, 400, "invalid_request", "/events/0"],
    ["no events", { url: "https://a.example/", events: [] }, 400, "invalid_request", "/events"],
    ["a short secret", { url: "https://a.example/", secret: "whsec_c2hvcnQ=" }, 400, "invalid_request", "/secret"],
    ["an unknown field", { url: "https://a.example/", colour: "red" }, 400, "invalid_request", "/colour"],
  ])("%s is refused at its place, and nothing is there", async (_, body, status, code, pointer) => {
    const before = await registry.list("default", null, LIMITS.pageSize);
    expect(await problem("POST", "/webhooks", body)).toEqual({ status, code, pointers: [pointer] });
    expect(await registry.list("default", null, LIMITS.pageSize)).toEqual(before);
  });

  test("a tenant has so many and no more, however many come at once", async () => {
    const key = await keyFor({ roles: ["developer"], tenant: "crowded" });
    const register = () => api<WebhookView & Problem>("POST", "/webhooks", { url: "https://crowd.example/" }, key);
    for (let made = 0; made < LIMITS.webhooksPerTenant - 2; made++) expect((await register()).status).toBe(201);
    const last = await Promise.all(Array.from({ length: 5 }, register));
    expect(last.filter(({ status }) => status === 201)).toHaveLength(2);
    expect(last.find(({ status }) => status === 422)?.body.code).toBe("limit_reached");
    // Those that come with tasks are counted apart.
    expect((await registry.adHoc("crowded", "https://adhoc.example/", BY, Date.now())).ok).toBe(true);
    const id = last.find(({ status }) => status === 201)?.body.id ?? "";
    expect((await api("DELETE", `/webhooks/${id}`, undefined, key)).status).toBe(204);
    expect((await register()).status).toBe(201);
    const pages: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = cursor === "" ? "limit=40" : `limit=40&cursor=${cursor}`;
      const { body }: ApiResponse<Page> = await api("GET", `/webhooks?${query}`, undefined, key);
      pages.push(...body.data.map((view) => view.id));
      cursor = body.next_cursor;
    }
    expect(new Set(pages).size).toBe(LIMITS.webhooksPerTenant + 1);
    expect(pages).toHaveLength(LIMITS.webhooksPerTenant + 1);
  });

  test("is felt at once where it was done", async () => {
    const notify = () => newNotifier().notify("default", ended());
    await notify();
    const { id } = await registerWebhook("fresh");
    await notify();
    await untilRequests("fresh", 1);
    await api("DELETE", `/webhooks/${id}`);
  });
});

describe("changing", () => {
  test("needs to have seen what is there", async () => {
    const { id } = await registerWebhook("seen");
    expect((await problem("PATCH", `/webhooks/${id}`, { description: "x" })).status).toBe(428);
    expect((await change(id, { description: "x" }, '"7"')).status).toBe(412);
    const changed = await change(id, { description: "x", events: ["task.failed"] }, '"1"');
    expect(changed).toMatchObject({ status: 200, body: { description: "x", events: ["task.failed"] } });
    expect(changed.body).not.toHaveProperty("secret");
    expect(changed.headers.get("etag")).toBe('"2"');
    expect((await change(id, { description: null, events: null })).body).toMatchObject({ description: null, events: ["task.*"] });
    expect(await problem("PATCH", `/webhooks/${id}`, {}, { "if-match": "*" })).toMatchObject({ status: 400 });
    expect(await problem("PATCH", `/webhooks/${id}`, { id: "x" }, { "if-match": "*" })).toMatchObject({
      status: 400,
      pointers: expect.arrayContaining(["/id"]),
    });
    expect(await problem("PATCH", `/webhooks/${id}`, { url: "https://10.0.0.1/" }, { "if-match": "*" })).toMatchObject({
      status: 422,
      pointers: ["/url"],
    });
    expect((await problem("DELETE", `/webhooks/${id}`, undefined, { "if-match": '"1"' })).status).toBe(412);
    expect((await api("DELETE", `/webhooks/${id}`, undefined, { "if-match": '"3"' })).status).toBe(204);
  });

  test("the URL's origin makes a new secret, and the old one signs nothing there", async () => {
    const { id, secret } = await registerWebhook("before");
    expect((await change(id, { url: "https://before.example/other" })).body).not.toHaveProperty("secret");
    const moved = await change(id, { url: "https://after.example/in" });
    const given = moved.body.secret ?? "";
    expect(given).toMatch(/^whsec_/);
    await api("POST", `/webhooks/${id}/test`);
    const [request] = await untilRequests("after", 1);
    expect(verified(request, given)).toMatchObject({ type: "webhook.test" });
    expect(() => verified(request, secret)).toThrow("No matching signature");
    expect(requestsTo("before")).toHaveLength(0);
    const own = newSigningSecret();
    expect((await change(id, { url: "https://own.example/in", secret: own })).body).not.toHaveProperty("secret");
    await api("POST", `/webhooks/${id}/test`);
    expect(verified((await untilRequests("own", 1))[0], own)).toMatchObject({ type: "webhook.test" });
    await api("DELETE", `/webhooks/${id}`);
  });

  test("a disabled one is told nothing until it is enabled", async () => {
    const { id } = await registerWebhook("paused");
    expect((await change(id, { enabled: false })).body).toMatchObject({ status: "disabled", status_reason: "somebody disabled it" });
    await newNotifier().notify("default", ended());
    expect(await deliveriesOf(id)).toEqual([]);
    expect((await change(id, { enabled: true })).body).toMatchObject({ status: "enabled", status_reason: null, status_since: null });
    await newNotifier().notify("default", ended());
    await untilRequests("paused", 1);
    await api("DELETE", `/webhooks/${id}`);
  });
});

describe("a secret that is replaced", () => {
  test("signs beside the new one for a day", async () => {
    const { id, secret } = await registerWebhook("rotated");
    const rotated = await api<WebhookView>("POST", `/webhooks/${id}/rotate`);
    expect(rotated).toMatchObject({ status: 200, body: { id } });
    const next = rotated.body.secret ?? "";
    expect(next).not.toBe(secret);
    const send = async (count: number) => {
      await api("POST", `/webhooks/${id}/test`);
      return (await untilRequests("rotated", count)).at(-1);
    };
    const first = await send(1);
    for (const known of [secret, next]) expect(verified(first, known)).toMatchObject({ type: "webhook.test" });
    clockAhead(LIMITS.secretOverlapMs + 1_000);
    const second = await send(2);
    expect(verified(second, next)).toMatchObject({ type: "webhook.test" });
    expect(() => verified(second, secret)).toThrow("No matching signature");
    await api("DELETE", `/webhooks/${id}`);
  });
});

describe("a test", () => {
  test("is sent once, and what came of it can be read", async () => {
    const { id } = await registerWebhook("tested", { events: ["task.failed"] });
    agentsAnswer(() => new Response("", { status: 500 }));
    const first = await api<{ id: string }>("POST", `/webhooks/${id}/test`);
    expect(first.status).toBe(202);
    const delivery = await untilDelivery(id, ({ status }) => status === "given_up");
    expect(delivery).toMatchObject({ id: first.body.id, type: "webhook.test", task_id: null, tries: [{ status_code: 500 }] });
    expect((await api("GET", `/webhooks/${id}`)).body).toMatchObject({ failing_since: null, given_up_in_row: 0 });
    agentsAnswer(() => new Response(""));
    const second = await api<{ id: string }>("POST", `/webhooks/${id}/test`);
    expect(second.body.id).not.toBe(first.body.id);
    await untilDelivery(id, ({ status }) => status === "delivered");
    expect(await deliveriesOf(id, "?status=given_up")).toMatchObject([{ id: first.body.id }]);
    await api("DELETE", `/webhooks/${id}`);
  });
});

describe("deliveries", () => {
  test("come in pages, newest first", async () => {
    const { id } = await registerWebhook("paged");
    for (let count = 0; count < 5; count++) await api("POST", `/webhooks/${id}/test`);
    await vi.waitUntil(async () => (await deliveriesOf(id, "?status=delivered")).length === 5, { timeout: 5_000 });
    const all = (await deliveriesOf(id)).map((delivery) => delivery.id);
    const first = await api<{ data: { id: string }[]; next_cursor: string }>("GET", `/webhooks/${id}/deliveries?limit=3`);
    const rest = await api<{ data: { id: string }[]; next_cursor: null }>(
      "GET",
      `/webhooks/${id}/deliveries?limit=3&cursor=${first.body.next_cursor}`,
    );
    expect([...first.body.data, ...rest.body.data].map((delivery) => delivery.id)).toEqual(all);
    expect(rest.body.next_cursor).toBeNull();
    expect((await problem("GET", `/webhooks/${id}/deliveries?status=lost`)).status).toBe(400);
    expect((await problem("GET", `/webhooks/${id}/deliveries?cursor=Zm9v`)).status).toBe(400);
    await api("DELETE", `/webhooks/${id}`);
  });
});

describe("who may", () => {
  const routes = (id: string): readonly (readonly [string, string, object?])[] => [
    ["GET", `/webhooks/${id}`],
    ["GET", `/webhooks/${id}/deliveries`],
    ["PATCH", `/webhooks/${id}`, { enabled: false }],
    ["DELETE", `/webhooks/${id}`],
    ["POST", `/webhooks/${id}/rotate`],
    ["POST", `/webhooks/${id}/test`],
    ["POST", `/webhooks/${id}/deliveries/delivery_1/redeliver`],
  ];

  test("another tenant's webhook is not there, and neither is one that was made up; asking leaves nothing", async () => {
    const { id } = await registerWebhook("private");
    const foreign = await keyFor({ roles: ["admin"], tenant: "foreign" });
    const before = (await listDurableObjectIds(env.WEBHOOKS)).length;
    for (const [method, path, body] of routes(id))
      expect(await problem(method, path, body, { ...foreign, "if-match": "*" }), path).toMatchObject({ status: 404, code: "not_found" });
    for (const [method, path, body] of routes("hook_made_up"))
      expect(await problem(method, path, body, { "if-match": "*" }), path).toMatchObject({ status: 404, code: "not_found" });
    expect((await api<{ data: unknown[] }>("GET", "/webhooks", undefined, foreign)).body.data).toEqual([]);
    expect((await listDurableObjectIds(env.WEBHOOKS)).length).toBe(before);
    expect((await api("GET", `/webhooks/${id}`)).body).toMatchObject({ status: "enabled" });
    await api("DELETE", `/webhooks/${id}`);
  });

  test("readers read, developers write, workers of agents do neither", async () => {
    const { id } = await registerWebhook("roles");
    const [viewer, operator, developer] = await Promise.all(["viewer", "operator", "developer"].map((role) => keyFor({ roles: [role] })));
    const worker = await keyFor({ roles: ["agent"], agent: "someone" });
    for (const key of [viewer, operator]) {
      expect((await api("GET", `/webhooks/${id}`, undefined, key)).status).toBe(200);
      expect(await problem("POST", `/webhooks/${id}/test`, undefined, key)).toMatchObject({ status: 403 });
    }
    expect((await problem("GET", "/webhooks", undefined, worker)).status).toBe(403);
    expect((await api("DELETE", `/webhooks/${id}`, undefined, developer)).status).toBe(204);
  });
});

test("the OpenAPI document says what is sent, and how", async () => {
  const document = (await (await exports.default.fetch("https://orchestrator.example/openapi.json")).json()) as {
    readonly paths: object;
    readonly webhooks: { readonly [name: string]: { readonly post: { readonly requestBody: object } } };
  };
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(["/api/v1/webhooks/{id}/deliveries/{delivery}/redeliver", "/api/v1/webhooks/{id}/rotate"]),
  );
  expect(JSON.stringify(document.webhooks["task.ended"]?.post.requestBody)).toContain("WebhookMessage");
});
