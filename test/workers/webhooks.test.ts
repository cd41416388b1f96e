/** Telling endpoints that tasks have ended: everything between a task's end and the answer of whoever wants to know. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/webhooks/limits.ts";
import { newSigningSecret } from "../../src/shared/signing.ts";
import { DeliveryLog } from "../../src/webhooks/delivery-log.ts";
import { agentsAnswer, api, clockAhead, gate } from "./harness.ts";
import {
  alarmOf,
  deliveriesOf,
  ended,
  leaveDeliveries,
  newNotifier,
  registerWebhook,
  registry,
  requestsTo,
  ring,
  untilDelivery,
  untilRequests,
  verified,
  webhookStub,
  type WebhookView,
} from "./endpoints.ts";

const BY = { type: "key", id: "root" } as const;

const notify = (task = ended(), tenant = "default") => newNotifier().notify(tenant, task);
const settings = async (id: string) => (await api<WebhookView>("GET", `/webhooks/${id}`)).body;
const change = (id: string, body: object) => api<WebhookView>("PATCH", `/webhooks/${id}`, body, { "if-match": "*" });
const hasTries = (count: number) => (delivery: { readonly tries: readonly unknown[] }) => delivery.tries.length === count;
/** All endpoints of this file are told of every task: those of other tests are out of the way. */
const remove = (id: string) => api("DELETE", `/webhooks/${id}`);

describe("an endpoint", () => {
  test("is told of the ends that it wants to hear of, signed with its secret", async () => {
    const all = await registerWebhook("all");
    const failures = await registerWebhook("failures", { events: ["task.failed", "task.timed_out"] });
    const task = ended({ tags: ["t"] });
    await notify(task);
    const [request] = await untilRequests("all", 1);
    expect(verified(request, all.secret)).toMatchObject({
      type: "task.completed",
      timestamp: new Date(task.finishedAt).toISOString(),
      data: { id: task.id, status: "completed", output: { n: 1 }, tags: ["t"] },
    });
    const delivery = await untilDelivery(all.id, ({ status }) => status === "delivered");
    expect(delivery).toMatchObject({ type: "task.completed", task_id: task.id, next_try_at: null, tries: [{ status_code: 200 }] });
    expect(delivery.id).toBe(request?.headers.get("webhook-id"));
    await notify(ended({ status: "failed", outputText: null, outputBytes: 0, error: { code: "internal", message: "m", step_id: "a" } }));
    const [failure] = await untilRequests("failures", 1);
    expect(verified(failure, failures.secret)).toMatchObject({ type: "task.failed", data: { output: null, error: { step_id: "a" } } });
    expect((await settings(all.id)).deliveries).toEqual({ pending: 0, delivered: 2, given_up: 0 });
    await remove(all.id);
    await remove(failures.id);
  });

  test("is told once of what its tasks say twice", async () => {
    const { id } = await registerWebhook("twice");
    const task = ended();
    const notifier = newNotifier();
    await Promise.all([notifier.notify("default", task), notifier.notify("default", task), notify(task)]);
    await untilDelivery(id, ({ status }) => status === "delivered");
    await notify(task);
    await scheduler.wait(50);
    expect(requestsTo("twice")).toHaveLength(1);
    expect(await deliveriesOf(id)).toHaveLength(1);
    await remove(id);
  });

  test("of another tenant is told nothing", async () => {
    const { id } = await registerWebhook("mine");
    await notify(ended(), "elsewhere");
    await notify();
    await untilRequests("mine", 1);
    await remove(id);
  });

  test("is called by few at once, and holds up nobody else", async () => {
    const slow = await registerWebhook("slow");
    const quick = await registerWebhook("quick");
    const held = gate();
    let [busy, most] = [0, 0];
    agentsAnswer(async ({ url }) => {
      if (url.host !== "slow.example") return new Response();
      most = Math.max(most, ++busy);
      await held.passed();
      busy--;
      return new Response();
    });
    await Promise.all(Array.from({ length: 10 }, () => notify()));
    await untilRequests("quick", 10);
    expect(busy).toBe(LIMITS.webhookSends);
    held.open();
    await untilRequests("slow", 10);
    await vi.waitUntil(async () => (await settings(slow.id)).deliveries["delivered"] === 10, { timeout: 5_000 });
    expect(most).toBe(LIMITS.webhookSends);
    await remove(slow.id);
    await remove(quick.id);
  });
});

describe("a delivery that fails", () => {
  test("is tried again on the ladder, under the same id with the same body, and given up after seven tries", async () => {
    const { id, secret } = await registerWebhook("down");
    agentsAnswer(() => new Response("out of order", { status: 503 }));
    await notify();
    for (let tries = 1; tries < 7; tries++) {
      const delivery = await untilDelivery(id, hasTries(tries));
      expect(delivery).toMatchObject({ status: "pending", next_try_at: delivery.tries.at(-1)?.next_try_at });
      const dueInMs = Date.parse(delivery.next_try_at ?? "") - Date.now();
      clockAhead(dueInMs - 1_000);
      await ring(id);
      expect(requestsTo("down")).toHaveLength(tries);
      clockAhead(2_000);
      await ring(id);
    }
    const delivery = await untilDelivery(id, hasTries(7));
    expect(delivery).toMatchObject({ status: "given_up", next_try_at: null });
    expect(delivery.tries.at(-1)).toMatchObject({ status_code: 503, error: "status 503", next_try_at: null });
    const requests = requestsTo("down");
    expect(new Set(requests.map(({ text }) => text)).size).toBe(1);
    expect(new Set(requests.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
    expect(new Set(requests.map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(7);
    expect(verified(requests.at(-1), secret)).toMatchObject({ type: "task.completed" });
    expect(await settings(id)).toMatchObject({ status: "enabled", given_up_in_row: 1, deliveries: { given_up: 1 } });
    await remove(id);
  });

  test.each<[string, () => Response | Promise<Response>, object]>([
    ["a refused connection", () => Promise.reject(new Error("connection refused")), { error: "connection refused" }],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://10.0.0.1/" } }), { status_code: 302 }],
    ["a client error", () => new Response("no", { status: 404 }), { status_code: 404 }],
  ])("may be %s", async (_, answer, tried) => {
    const { id } = await registerWebhook("bad");
    agentsAnswer(answer);
    await notify();
    const delivery = await untilDelivery(id, hasTries(1));
    expect(delivery).toMatchObject({ status: "pending", tries: [tried] });
    await untilRequests("bad", 1);
    await remove(id);
  });

  test("waits at least as long as it is asked to", async () => {
    const { id } = await registerWebhook("patient");
    agentsAnswer(() => new Response("", { status: 429, headers: { "retry-after": "600" } }));
    await notify();
    const { next_try_at } = await untilDelivery(id, hasTries(1));
    expect(Date.parse(next_try_at ?? "")).toBeGreaterThan(Date.now() + 590_000);
    await remove(id);
  });

  test("because its URL is no longer allowed is sent nowhere", async () => {
    const { id } = await registerWebhook("moved");
    const record = await registry.find("default", id);
    const inside = JSON.stringify({ ...record, url: "https://metadata.internal/latest" });
    await env.DB.prepare("UPDATE webhooks SET record = ? WHERE id = ?").bind(inside, id).run();
    await notify();
    const delivery = await untilDelivery(id, hasTries(1));
    expect(delivery.tries[0]?.error).toContain("not allowed");
    expect(requestsTo("metadata.internal")).toHaveLength(0);
    await remove(id);
  });

  test("is sent again at once when somebody asks for it, and not while it is being sent", async () => {
    const { id } = await registerWebhook("again");
    agentsAnswer(() => new Response("", { status: 500 }));
    await notify();
    const { id: delivery } = await untilDelivery(id, hasTries(1));
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return new Response();
    });
    const redeliver = () => api("POST", `/webhooks/${id}/deliveries/${delivery}/redeliver`);
    expect(await redeliver()).toMatchObject({ status: 202, body: { id: delivery } });
    await untilRequests("again", 2);
    expect(await redeliver()).toMatchObject({ status: 409, body: { code: "delivery_under_way" } });
    held.open();
    await untilDelivery(id, ({ status }) => status === "delivered");
    expect((await redeliver()).status).toBe(202);
    const after = await untilDelivery(id, hasTries(3));
    expect(after).toMatchObject({ id: delivery, status: "delivered" });
    expect(new Set(requestsTo("again").map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
    expect((await api("POST", `/webhooks/${id}/deliveries/delivery_none/redeliver`)).status).toBe(404);
    await remove(id);
  });
});

describe("an endpoint that answers 410", () => {
  test("is sent nothing more, says why and since when, and goes on when it is enabled again", async () => {
    const { id } = await registerWebhook("gone");
    let status = 500;
    agentsAnswer(() => new Response("", { status }));
    await notify();
    await untilDelivery(id, hasTries(1));
    status = 410;
    await notify();
    await untilDelivery(id, ({ status: now }) => now === "given_up");
    const disabled = await vi.waitUntil(async () => {
      const view = await settings(id);
      return view.status === "disabled" ? view : null;
    });
    expect(disabled).toMatchObject({ status_reason: expect.stringContaining("410"), status_since: expect.any(String) });
    await vi.waitUntil(async () => (await registry.find("default", id))?.disabled !== null, { timeout: 5_000 });
    await notify();
    clockAhead(3_600_000);
    await ring(id);
    await untilRequests("gone", 2);
    expect(await deliveriesOf(id, "?status=pending")).toHaveLength(1);
    // The alarm looks now and then, and does not go round and round.
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + LIMITS.webhookLookMs - 60_000);
    for (const path of [`/webhooks/${id}/test`, `/webhooks/${id}/deliveries/${(await deliveriesOf(id))[0]?.id}/redeliver`])
      expect(await api("POST", path)).toMatchObject({ status: 409, body: { code: "webhook_disabled", webhook_status: "disabled" } });

    status = 200;
    expect(await change(id, { enabled: true })).toMatchObject({ status: 200, body: { status: "enabled", status_reason: null } });
    await untilRequests("gone", 3);
    await vi.waitUntil(async () => (await deliveriesOf(id, "?status=delivered")).length === 1, { timeout: 5_000 });
    await notify();
    await untilRequests("gone", 4);
    await remove(id);
  });

  test("stays disabled where the registration could not be told of it, and is told later", async () => {
    const { id } = await registerWebhook("untold");
    const disabled = { reason: "it said so", since: 1, isPublished: false };
    await leaveDeliveries(id, 1, { v: 1, epoch: 1, failing: null, disabled });
    expect(await settings(id)).toMatchObject({ status: "disabled", status_reason: "it said so" });
    expect((await registry.find("default", id))?.disabled).toBeNull();
    await ring(id);
    expect((await registry.find("default", id))?.disabled).toEqual({ reason: "it said so", since: 1 });
    expect(requestsTo("untold")).toHaveLength(0);
    await remove(id);
  });

  test("is disabled again where D1 is as it was before it heard of that", async () => {
    const { id } = await registerWebhook("restored");
    const before = await env.DB.prepare("SELECT revision, record FROM webhooks WHERE id = ?").bind(id).first<{ record: string }>();
    await leaveDeliveries(id, 1, { v: 1, epoch: 1, failing: null, disabled: { reason: "it said so", since: 1, isPublished: false } });
    await ring(id);
    await env.DB.prepare("UPDATE webhooks SET revision = 1, record = ? WHERE id = ?").bind(before?.record, id).run();
    await newNotifier().notify("default", ended());
    clockAhead(LIMITS.webhookAgeMs + 1);
    const isDisabled = async (): Promise<boolean> => {
      await ring(id);
      return (await registry.find("default", id))?.disabled?.reason === "it said so";
    };
    await vi.waitUntil(isDisabled, { timeout: 5_000 });
    expect(requestsTo("restored")).toHaveLength(0);
    await remove(id);
  });
});

describe("whatever happens to the object", () => {
  test("a delivery that was accepted is sent by the alarm", async () => {
    const { id } = await registerWebhook("interrupted");
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return new Response();
    });
    const task = ended();
    await notify(task);
    await untilRequests("interrupted", 1);
    await abortAllDurableObjects();
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + LIMITS.webhookLeaseMs);
    expect((await settings(id)).deliveries["pending"]).toBe(1);
    held.open();
    await ring(id);
    await untilDelivery(id, ({ status }) => status === "delivered");
    const requests = await untilRequests("interrupted", 2);
    expect(new Set(requests.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
    await notify(task);
    expect(await deliveriesOf(id)).toHaveLength(1);
    await remove(id);
  });

  test.each(["aborted", "evicted"])("deliveries survive that it is %s again and again", async (how) => {
    const host = `chaotic-${how}`;
    const { id } = await registerWebhook(host);
    let answers = 0;
    agentsAnswer(async () => {
      await scheduler.wait(3);
      return new Response("", { status: ++answers % 3 === 0 ? 500 : 200 });
    });
    const tasks = Array.from({ length: 12 }, () => ended());
    const notifier = newNotifier();
    for (const task of tasks) {
      await vi.waitUntil(
        () =>
          notifier.notify("default", task).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      );
      if (how === "aborted") await abortAllDurableObjects();
      else await evictDurableObject(webhookStub(id)).catch(() => undefined);
    }
    await vi.waitUntil(
      async () => {
        clockAhead(3_600_000);
        await ring(id).catch(() => false);
        return (await settings(id)).deliveries["delivered"] === tasks.length;
      },
      { timeout: 15_000, interval: 50 },
    );
    const told = requestsTo(host).map(({ text }) => (JSON.parse(text) as { data: { id: string } }).data.id);
    expect(new Set(told)).toEqual(new Set(tasks.map((task) => task.id)));
    await remove(id);
  });

  test("an object that cannot accept is no acceptance, and the next attempt is", async () => {
    const { id } = await registerWebhook("stubborn");
    const broken = newNotifier(() => ({ notify: () => Promise.reject(new Error("reset")) }) as never);
    const task = ended();
    await expect(broken.notify("default", task)).rejects.toThrow("Not every webhook could be told");
    expect(requestsTo("stubborn")).toHaveLength(0);
    await notify(task);
    await untilRequests("stubborn", 1);
    await remove(id);
  });

  test("when all is done it sleeps until there is something to forget, and forgets it", async () => {
    const { id } = await registerWebhook("done");
    await notify();
    await untilDelivery(id, ({ status }) => status === "delivered");
    await ring(id);
    expect(await alarmOf(id)).toBeGreaterThan(Date.now() + LIMITS.deliveryRetentionMs);
    clockAhead(LIMITS.deliveryRetentionMs + 1_000);
    await ring(id);
    expect(await deliveriesOf(id)).toEqual([]);
    expect(await alarmOf(id)).toBeNull();
    await remove(id);
  });

  test("while D1 does not answer nothing is lost and nothing is forgotten", async () => {
    const { id } = await registerWebhook("offline");
    await leaveDeliveries(id, 1);
    const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: away");
    });
    await ring(id);
    expect(prepare).toHaveBeenCalled();
    prepare.mockRestore();
    expect(requestsTo("offline")).toHaveLength(0);
    expect(await alarmOf(id)).toBeLessThanOrEqual(Date.now() + LIMITS.webhookLeaseMs);
    await ring(id);
    await untilDelivery(id, ({ status }) => status === "delivered");
    await remove(id);
  });
});

describe("an endpoint that is deleted", () => {
  test("leaves nothing behind, whatever was on its way", async () => {
    const { id } = await registerWebhook("leaving");
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return new Response("", { status: 500 });
    });
    const notifier = newNotifier();
    await notifier.notify("default", ended());
    await untilRequests("leaving", 1);
    expect((await remove(id)).status).toBe(204);
    held.open();
    // Another isolate does not know yet that it is gone.
    await notifier.notify("default", ended());
    const tables = () =>
      runInDurableObject(
        webhookStub(id),
        (_, state) => state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'delivery'").toArray().length,
      );
    await vi.waitUntil(async () => (await tables()) === 0 && (await alarmOf(id)) === null, { timeout: 5_000 });
    await untilRequests("leaving", 1);
  });
});

describe("an endpoint that came with a task", () => {
  test("and was deleted and brought again is another one: what was on its way says nothing of what comes", async () => {
    const webhook = { url: "https://reborn.example/in" };
    const held = gate();
    agentsAnswer(async () => {
      if (requestsTo("reborn").length === 1) await held.passed();
      return new Response();
    });
    await notify(ended({ webhook }));
    await untilRequests("reborn", 1);
    const found = await registry.adHoc("default", webhook.url, BY, Date.now());
    const id = found.ok ? found.value.id : "";
    expect((await remove(id)).status).toBe(204);
    const task = ended({ webhook });
    await notify(task);
    const second = (await untilRequests("reborn", 2))[1];
    held.open();
    expect(JSON.parse(second?.text ?? "")).toMatchObject({ data: { id: task.id } });
    await untilDelivery(id, ({ status }) => status === "delivered");
    expect(await deliveriesOf(id)).toMatchObject([{ task_id: task.id, tries: [{ status_code: 200 }] }]);
    await remove(id);
  });

  const url = "https://adhoc.example/in";

  test("is told of that task whatever else it is, signed with the secret that came with it", async () => {
    const [first, second] = [newSigningSecret(), newSigningSecret()];
    await notify(ended({ webhook: { url, secret: first } }));
    await notify(ended({ webhook: { url, secret: second } }));
    await notify(ended());
    const requests = await untilRequests("adhoc", 2);
    expect(verified(requests[0], first)).toMatchObject({ type: "task.completed" });
    expect(verified(requests[1], second)).toMatchObject({ type: "task.completed" });
    const listed = await api<{ data: (WebhookView & { ad_hoc: boolean; url: string })[] }>("GET", "/webhooks");
    const made = listed.body.data.find((view) => view.url === url);
    expect(made).toMatchObject({ ad_hoc: true, status: "enabled" });
    expect(JSON.stringify(listed.body)).not.toContain("whsec_");

    const id = made?.id ?? "";
    const rotated = await api<WebhookView>("POST", `/webhooks/${id}/rotate`);
    await notify(ended({ webhook: { url } }));
    const third = (await untilRequests("adhoc", 3))[2];
    expect(verified(third, rotated.body.secret ?? "")).toMatchObject({ type: "task.completed" });
    expect(await change(id, { url: "https://other.example/" })).toMatchObject({ status: 400, body: { errors: [{ pointer: "/url" }] } });
    await change(id, { enabled: false });
    await notify(ended({ webhook: { url } }));
    await scheduler.wait(50);
    expect(requestsTo("adhoc")).toHaveLength(3);
    await remove(id);
  });

  test("is another one for another tenant", async () => {
    const shared = "https://shared.example/in";
    await notify(ended({ webhook: { url: shared } }), "one");
    await notify(ended({ webhook: { url: shared } }), "two");
    await untilRequests("shared", 2);
    const ids = await Promise.all(["one", "two"].map(async (tenant) => (await registry.list(tenant, null, 10)).map(({ id }) => id)));
    expect(new Set(ids.flat()).size).toBe(2);
  });

  test("is passed over where it can never be told, and the task is not held up", async () => {
    await notify(ended({ webhook: { url: "https://10.0.0.1/" } }), "strict");
    await notify(ended({ webhook: { url: "http://plain.example/" } }), "strict");
    expect(await registry.list("strict", null, 10)).toEqual([]);
    const notifier = newNotifier();
    expect(notifier.refusal({ url: "https://metadata.internal/" })).toMatchObject({ code: "url_refused" });
    expect(notifier.refusal({ url: "https://a.example/", secret: "short" })).toMatchObject({ code: "invalid_request" });
    expect(notifier.refusal({ url: "https://a.example/", secret: newSigningSecret() })).toBeNull();
  });

  test("is forgotten when no task has brought it for a month", async () => {
    const kept = "https://kept.example/";
    const now = Date.now();
    await registry.adHoc("monthly", "https://once.example/", BY, now);
    await registry.adHoc("monthly", kept, BY, now);
    await registry.adHoc("monthly", kept, BY, now + 2 * LIMITS.webhookUsedMs);
    await registry.purge(now + LIMITS.webhookUsedMs);
    expect((await registry.list("monthly", null, 10)).map(({ url: left }) => left)).toEqual([kept]);
  });
});

describe("bounds", () => {
  test("what follows from one event ends, and the next alarm goes on", async () => {
    const { id } = await registerWebhook("many");
    await leaveDeliveries(id, LIMITS.webhookSendsInOneGo + 20);
    await ring(id);
    await untilRequests("many", LIMITS.webhookSendsInOneGo);
    // The alarm is set for the next moment; nobody rings it.
    await untilRequests("many", LIMITS.webhookSendsInOneGo + 20);
    await remove(id);
  });

  test("a tenant without webhooks costs one look in ten seconds", async () => {
    const looked = vi.spyOn(registry, "registered");
    const notifier = newNotifier();
    for (let ends = 0; ends < 5; ends++) await notifier.notify("nobody", ended());
    expect(looked).toHaveBeenCalledTimes(1);
    clockAhead(LIMITS.webhookAgeMs + 1);
    await notifier.notify("nobody", ended());
    expect(looked).toHaveBeenCalledTimes(2);
  });

  test("of a flood the newest deliveries wait, and a log of the others is kept", async () => {
    const stub = webhookStub("hook_flooded");
    const { counts, oldest, crowded } = await runInDurableObject(stub, (_, state) => {
      const log = new DeliveryLog(state.storage.sql);
      const total = LIMITS.deliveriesWaiting + LIMITS.deliveriesKept + 500;
      for (let index = 1; index <= total; index++)
        log.add({ id: `d${index}`, event: "task.failed", task: null, body: "{}", secret: null }, index);
      log.purge(total);
      const [last] = log.list("given_up", null, 1);
      return { counts: log.counts(), oldest: log.due(total, 1, new Set())[0]?.id, crowded: last?.log };
    });
    expect(counts).toEqual({ pending: LIMITS.deliveriesWaiting, delivered: 0, given_up: LIMITS.deliveriesKept });
    expect(oldest).toBe(`d${LIMITS.deliveriesKept + 501}`);
    expect(crowded).toMatchObject([{ error: expect.stringContaining("deliveries wait"), nextAt: null }]);
  });

  test("of many tries the last twenty are kept", async () => {
    const log = await runInDurableObject(webhookStub("hook_persistent"), (_, state) => {
      const deliveries = new DeliveryLog(state.storage.sql);
      deliveries.add({ id: "d", event: "task.failed", task: null, body: "{}", secret: null }, 0);
      for (let at = 1; at <= 30; at++) deliveries.settle("d", { at, ms: 1, nextAt: at }, { status: "pending", nextAt: at });
      return deliveries.list(undefined, null, 1)[0]?.log.map(({ at }) => at);
    });
    expect(log).toEqual(Array.from({ length: LIMITS.triesKept }, (_, index) => index + 11));
  });
});
