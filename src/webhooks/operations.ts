/** What is done with webhooks. */
import type { Expected } from "../shared/expected.ts";
import { byOf, type Actor } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { log, messageOf } from "../shared/log.ts";
import { operation } from "../shared/operation.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { WrittenWebhook } from "./registry.ts";
import type { WebhookServices } from "./services.ts";
import type { WebhookChange, WebhookRecord, WebhookRegistration } from "./webhook.ts";

export const registerWebhook = operation("webhooks:write", async (actor, services: WebhookServices, given: WebhookRegistration) => {
  const made = await services.webhookRegistry.register(actor.tenant, given, byOf(actor), Date.now());
  if (made.ok) services.webhooks.changed(actor.tenant);
  return made;
});

/** `expected`: the revision that the caller has seen. */
export const changeWebhook = operation(
  "webhooks:write",
  async (actor, services: WebhookServices, id: string, change: WebhookChange, expected: Expected) =>
    written(actor, services, id, await services.webhookRegistry.change(actor.tenant, id, change, expected, byOf(actor), Date.now())),
);

export const rotateWebhook = operation("webhooks:write", async (actor, services: WebhookServices, id: string, expected: Expected) =>
  written(actor, services, id, await services.webhookRegistry.rotate(actor.tenant, id, expected, byOf(actor), Date.now())),
);

export const deleteWebhook = operation("webhooks:write", async (actor, services: WebhookServices, id: string, expected: Expected) => {
  const deleted = await services.webhookRegistry.delete(actor.tenant, id, expected);
  if (!deleted.ok) return deleted;
  if (!deleted.value) return err(noWebhook(id));
  await announce(actor, services, id);
  return ok(null);
});

/** `webhook`: as a file has it. */
export const restoreWebhook = operation(
  "webhooks:write",
  async (actor, services: WebhookServices, webhook: WebhookRecord, overwrites: boolean) => {
    const restored = await services.webhookRegistry.restore(actor.tenant, webhook, overwrites, byOf(actor), Date.now());
    if (restored.ok && restored.value !== "unchanged") await announce(actor, services, webhook.id);
    return restored;
  },
);

export const noWebhook = (id: string): Rejection => rejection("not_found", `There is no webhook "${id}"`);

async function written(
  actor: Actor,
  services: WebhookServices,
  id: string,
  result: Result<WrittenWebhook, Rejection> | null,
): Promise<Result<WrittenWebhook, Rejection>> {
  if (result === null) return err(noWebhook(id));
  if (result.ok) await announce(actor, services, id);
  return result;
}

/** Its object acts on a change at once. If that is lost, it finds out by itself, later. */
async function announce({ tenant }: Actor, { webhooks, webhookObjects }: WebhookServices, id: string): Promise<void> {
  const name = { tenant, webhook: id };
  webhooks.changed(tenant);
  await webhookObjects
    .ask(name, (object) => object.changed(name))
    .catch((error: unknown) => log("warn", "webhook's object not told", { ...name, error: messageOf(error) }));
}
