/** Plays the endpoints of webhooks, and the tasks that end. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { drizzle } from "drizzle-orm/d1";
import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import { readConfig } from "../../src/shared/config.ts";
import type { EndpointCondition } from "../../src/webhooks/endpoint-condition.ts";
import { WebhookGateway } from "../../src/webhooks/gateway.ts";
import { DeliveryLog } from "../../src/webhooks/delivery-log.ts";
import { Notifier } from "../../src/webhooks/notifier.ts";
import type { TaskEnded } from "../../src/webhooks/port.ts";
import { WebhookRegistry } from "../../src/webhooks/registry.ts";
import type { WebhookContract } from "../../src/webhooks/webhook-contract.ts";
import { api, calls, type Asked } from "./harness.ts";

const config = readConfig(env);
if (!config.ok) throw new Error(config.error);
const { keyring } = config.value;
const namespace: { readonly getByName: (name: string) => unknown } = env.WEBHOOKS;

export const registry = new WebhookRegistry(drizzle(env.DB), keyring, { allowLoopback: false });

/** As an isolate that knows nothing yet. `stub`: how it reaches objects. */
export function newNotifier(stub = (name: string) => namespace.getByName(name) as WebhookContract): Notifier {
  return new Notifier(registry, new WebhookGateway({ getByName: stub }), keyring);
}

let ends = 0;

export function ended(more: Partial<TaskEnded> = {}): TaskEnded {
  return {
    id: `task_${++ends}`,
    type: "study",
    workflow: { name: "study", version: 1 },
    status: "completed",
    outputText: '{"n":1}',
    outputBytes: 7,
    error: null,
    tags: [],
    createdAt: Date.now() - 1_000,
    finishedAt: Date.now(),
    ...more,
  };
}

export interface WebhookView {
  readonly id: string;
  readonly secret?: string;
  readonly status: string;
  readonly status_reason: string | null;
  readonly deliveries: Readonly<Record<string, number>>;
}

/** Registers an endpoint under a host of its own, so that its requests can be told from all others. */
export async function registerWebhook(host: string, more: object = {}, headers: Record<string, string> = {}) {
  const made = await api<WebhookView>("POST", "/webhooks", { url: `https://${host}.example/in`, ...more }, headers);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { id: made.body.id, secret: made.body.secret ?? "" };
}

export const requestsTo = (host: string): readonly Asked[] => calls.filter(({ url }) => url.host === `${host}.example`);

/** Waits until an endpoint has been called so often, and checks that it was not more. */
export async function untilRequests(host: string, count: number): Promise<readonly Asked[]> {
  await vi.waitUntil(() => requestsTo(host).length >= count, { timeout: 10_000, interval: 5 });
  expect(requestsTo(host)).toHaveLength(count);
  return requestsTo(host);
}

/** What an endpoint that verifies its requests reads in one. */
export function verified(request: Asked | undefined, secret: string): unknown {
  const headers = Object.fromEntries(request?.headers ?? []);
  return new Webhook(secret).verify(request?.text ?? "", headers, { jsonParse: true });
}

export const webhookStub = (id: string, tenant = "default") => env.WEBHOOKS.getByName(`${tenant}/${id}`);

export interface DeliveryBody {
  readonly id: string;
  readonly type: string;
  readonly task_id: string | null;
  readonly status: string;
  readonly next_try_at: string | null;
  readonly tries: readonly {
    readonly at: string;
    readonly status_code?: number;
    readonly error?: string;
    readonly next_try_at: string | null;
  }[];
}

export async function deliveriesOf(id: string, query = ""): Promise<readonly DeliveryBody[]> {
  const listed = await api<{ data: readonly DeliveryBody[] }>("GET", `/webhooks/${id}/deliveries${query}`);
  expect(listed.status, JSON.stringify(listed.body)).toBe(200);
  return listed.body.data;
}

/** Waits until the newest delivery is as it should be. */
export async function untilDelivery(id: string, is: (delivery: DeliveryBody) => boolean): Promise<DeliveryBody> {
  return vi.waitUntil(
    async () => {
      const [newest] = await deliveriesOf(id, "?limit=1");
      return newest !== undefined && is(newest) ? newest : null;
    },
    { timeout: 10_000, interval: 10 },
  );
}

/** An object as one that was evicted left it: deliveries are due, and nobody is sending them. */
export async function leaveDeliveries(id: string, count: number, condition?: EndpointCondition): Promise<void> {
  await runInDurableObject(webhookStub(id), async (_, state) => {
    state.storage.kv.put("name", { tenant: "default", webhook: id });
    if (condition !== undefined) state.storage.kv.put("condition", condition);
    const log = new DeliveryLog(state.storage.sql);
    for (let at = 0; at < count; at++) log.add({ id: `d${at}`, event: "task.failed", task: "t", body: "{}", secret: null }, Date.now());
    await state.storage.setAlarm(Date.now() + 60_000);
  });
  await evictDurableObject(webhookStub(id));
}

export async function ring(id: string): Promise<boolean> {
  return runDurableObjectAlarm(webhookStub(id));
}

export async function alarmOf(id: string): Promise<number | null> {
  return runInDurableObject(webhookStub(id), (_, state) => state.storage.getAlarm());
}
