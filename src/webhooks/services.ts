/** What this room's routes and operations work with. */
import type { WebhookGateway } from "./gateway.ts";
import type { Notifier } from "./notifier.ts";
import type { WebhookRegistry } from "./registry.ts";

export interface WebhookServices {
  readonly webhooks: Notifier;
  readonly webhookRegistry: WebhookRegistry;
  readonly webhookObjects: WebhookGateway;
}
