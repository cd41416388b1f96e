/** The way to the objects of endpoints. Everything may be asked twice. */
import { ObjectStubs, type ObjectNamespace } from "../objects/stub.ts";
import type { WebhookContract, WebhookName } from "./webhook-contract.ts";

export class WebhookGateway extends ObjectStubs<WebhookName, WebhookContract> {
  constructor(namespace: ObjectNamespace) {
    super(namespace, "The webhook's object", ({ tenant, webhook }) => `${tenant}/${webhook}`);
  }
}
