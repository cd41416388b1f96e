/** What the object of an endpoint answers to: plain data in, promises of plain data out. Everything may be asked twice. */
import type { EndpointCondition } from "./endpoint-condition.ts";
import type { Answer, DeliveryStatus, DueDelivery, LoggedDelivery, NewDelivery } from "./delivery.ts";
import type { Disabled } from "./endpoint-condition.ts";
import type { WebhookRecord } from "./webhook.ts";

/** Which endpoint; objects are named `{tenant}/{webhook}`. */
export interface WebhookName {
  readonly tenant: string;
  readonly webhook: string;
}

export interface WebhookState {
  readonly condition: EndpointCondition | null;
  /** Deliveries in the log. */
  readonly counts: Readonly<Record<DeliveryStatus, number>>;
}

export interface DeliveryFilter {
  readonly status?: DeliveryStatus | undefined;
  /** Only those before this place in the log. */
  readonly before: number | null;
}

export interface WebhookContract {
  /** Answers once the delivery is stored; a known id adds nothing. It is sent afterwards. */
  notify(name: WebhookName, delivery: NewDelivery): Promise<void>;
  state(): Promise<WebhookState>;
  /** Newest first. */
  deliveries(filter: DeliveryFilter, limit: number): Promise<readonly LoggedDelivery[]>;
  /** Sends a delivery now, whatever became of it, with all tries before it. */
  redeliver(name: WebhookName, delivery: string): Promise<"accepted" | "under_way" | "unknown">;
  /** The registration was changed or deleted. */
  changed(name: WebhookName): Promise<void>;
}

/** What the object needs of the rest. */
export interface WebhookPorts {
  /** The registration as D1 has it; `null` only where D1 says that there is none. */
  readonly record: (name: WebhookName) => Promise<WebhookRecord | null>;
  readonly disable: (name: WebhookName, epoch: number, disabled: Disabled) => Promise<void>;
  /** Never throws. */
  readonly post: (tenant: string, record: WebhookRecord, delivery: DueDelivery) => Promise<Answer>;
}
