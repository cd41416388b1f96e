import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { taskEndedCall } from "./routes/webhook-schemas.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { WebhookGateway } from "./gateway.ts";
import { Notifier } from "./notifier.ts";
import { postDelivery } from "./signed-post.ts";
import { registeredWebhooks } from "./registered-webhooks.ts";
import { WebhookRegistry } from "./registry.ts";
import type { WebhookServices } from "./services.ts";
import type { WebhookPorts } from "./webhook-contract.ts";
import type { WebhookObject } from "./webhook-object.ts";

export const webhooksRoom = {
  name: "webhooks",
  limits: LIMITS,
  tags: { webhooks: "Endpoints that are told when tasks end" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes: webhookRoutes,
  sends: [taskEndedCall],
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly WEBHOOKS: DurableObjectNamespace<WebhookObject<Env>>;
    }
  }
}

export function openWebhooks({ env, config: { keyring }, db, urlPolicy }: Base) {
  const webhookRegistry = new WebhookRegistry(db, keyring, urlPolicy);
  const webhookObjects = new WebhookGateway(env.WEBHOOKS);
  const ports: WebhookPorts = {
    record: ({ tenant, webhook }) => webhookRegistry.find(tenant, webhook),
    disable: ({ tenant, webhook }, epoch, disabled) => webhookRegistry.disable(tenant, webhook, epoch, disabled),
    post: (tenant, record, delivery) => postDelivery(tenant, record, delivery, keyring, urlPolicy),
  };
  const services: WebhookServices = { webhooks: new Notifier(webhookRegistry, webhookObjects, keyring), webhookRegistry, webhookObjects };
  return {
    services,
    registered: [registeredWebhooks(services)],
    ports,
    purge: (now: number) => webhookRegistry.purge(now - LIMITS.deliveryRetentionMs - 2 * LIMITS.webhookUsedMs),
  };
}
