/** Tells the endpoints of a tenant that a task has ended: finds out which want to know, and has each object accept it. */
import { rejection, Unavailable, type Rejection } from "../shared/errors.ts";
import { derivedId } from "../shared/ids.ts";
import type { Keyring } from "../shared/keyring.ts";
import { LIMITS } from "./limits.ts";
import { log } from "../shared/log.ts";
import { SIGNING_SECRET } from "../shared/signing.ts";
import type { NewDelivery } from "./delivery.ts";
import { isWanted, type EventPattern } from "./events.ts";
import type { WebhookGateway } from "./gateway.ts";
import { taskEvent, taskMessage } from "./message.ts";
import type { AdHocWebhook, TaskEnded, WebhooksPort } from "./port.ts";
import type { WebhookRegistry } from "./registry.ts";
import { secretPlace } from "./webhook.ts";

/** An endpoint to be told, and the sealed secret that came with the task for it. */
interface Target {
  readonly webhook: string;
  readonly secret: string | null;
}

/** An endpoint that is told what it wants to hear. */
interface Listener {
  readonly webhook: string;
  readonly events: readonly EventPattern[];
}

export class Notifier implements WebhooksPort {
  readonly #registry: WebhookRegistry;
  readonly #objects: WebhookGateway;
  readonly #keyring: Keyring;
  /** What this isolate knows of tenants, the ones asked for last at the end. That a tenant has no endpoint is known as well. */
  readonly #knownByTenant = new Map<string, { readonly listeners: readonly Listener[]; readonly at: number }>();

  constructor(registry: WebhookRegistry, objects: WebhookGateway, keyring: Keyring) {
    this.#registry = registry;
    this.#objects = objects;
    this.#keyring = keyring;
  }

  async notify(tenant: string, ended: TaskEnded): Promise<void> {
    const event = taskEvent(ended);
    const targets = [...(await this.#interested(tenant, ended)), ...(await this.#adHoc(tenant, ended))];
    if (targets.length === 0) return;
    const body = taskMessage(ended);
    const answers = await Promise.allSettled(
      targets.map(({ webhook, secret }) => {
        const parts = [tenant, webhook, ended.id, event, ...(ended.life === undefined ? [] : [`${ended.life}`])];
        const delivery: NewDelivery = { id: derivedId("delivery", ...parts), event, task: ended.id, body, secret };
        const name = { tenant, webhook };
        return this.#objects.ask(name, (object) => object.notify(name, delivery));
      }),
    );
    const [failure] = answers.filter(({ status }) => status === "rejected") as readonly PromiseRejectedResult[];
    if (failure !== undefined) throw new Unavailable("Not every webhook could be told", failure.reason);
  }

  refusal({ url, secret }: AdHocWebhook): Rejection | null {
    const refused = this.#registry.urlRefusal(url);
    if (refused !== null || secret === undefined || SIGNING_SECRET.test(secret)) return refused;
    const message = 'expected "whsec_" and at least 24 bytes in base64';
    return rejection("invalid_request", `/secret: ${message}`, { faults: [{ pointer: "/secret", message, code: "invalid_request" }] });
  }

  /** A registration changed: this isolate sees it at once, others within `webhookAgeMs`. */
  changed(tenant: string): void {
    this.#knownByTenant.delete(tenant);
  }

  async #interested(tenant: string, ended: TaskEnded): Promise<readonly Target[]> {
    const event = taskEvent(ended);
    const listeners = await this.#listeners(tenant, Date.now());
    return listeners.filter(({ events }) => isWanted(event, events)).map(({ webhook }) => ({ webhook, secret: null }));
  }

  async #adHoc(tenant: string, { id, webhook }: TaskEnded): Promise<readonly Target[]> {
    if (webhook === undefined) return [];
    const found = await this.#registry.adHoc(tenant, webhook.url, { type: "task", id }, Date.now());
    if (!found.ok) {
      log("warn", "a task's webhook cannot be told", { tenant, task: id, code: found.error.code, detail: found.error.detail });
      return [];
    }
    const { value } = found;
    if (value.disabled !== null) return [];
    const secret = webhook.secret === undefined ? null : this.#keyring.seal(webhook.secret, secretPlace(tenant, value.id, "task"));
    return [{ webhook: value.id, secret }];
  }

  async #listeners(tenant: string, now: number): Promise<readonly Listener[]> {
    const known = this.#knownByTenant.get(tenant);
    if (known !== undefined && now - known.at <= LIMITS.webhookAgeMs) return known.listeners;
    const records = await this.#registry.registered(tenant);
    const listeners = records.flatMap(({ id, events, disabled }) => (disabled === null ? [{ webhook: id, events }] : []));
    this.#knownByTenant.delete(tenant);
    this.#knownByTenant.set(tenant, { listeners, at: now });
    for (const oldest of this.#knownByTenant.keys()) {
      if (this.#knownByTenant.size <= LIMITS.webhookTenants) break;
      this.#knownByTenant.delete(oldest);
    }
    return listeners;
  }
}
