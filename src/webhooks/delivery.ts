/** One message on its way to one endpoint. */
import type { WebhookEvent } from "./events.ts";

export const DELIVERY_STATUS = ["pending", "delivered", "given_up"] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUS)[number];

/** A delivery as it is accepted. Its id is derived from endpoint, task and event, and is the `webhook-id` of every try. */
export interface NewDelivery {
  readonly id: string;
  readonly event: WebhookEvent;
  readonly task: string | null;
  readonly body: string;
  /** The secret that came with the task, sealed: it signs instead of the endpoint's. */
  readonly secret: string | null;
}

/** One that is due. */
export interface DueDelivery extends NewDelivery {
  /** Tries since it was accepted, or since somebody asked for it to be sent again. */
  readonly tries: number;
}

/** PERSISTED in the endpoint's object: what came of one try. */
export interface Try {
  readonly at: number;
  readonly ms: number;
  readonly status?: number;
  readonly error?: string;
  /** When the next one was due then; `null` for the last. */
  readonly nextAt: number | null;
}

/** A delivery as its readers get it. */
export interface LoggedDelivery {
  /** Its place in the endpoint's log. */
  readonly seq: number;
  readonly id: string;
  readonly event: WebhookEvent;
  readonly task: string | null;
  readonly status: DeliveryStatus;
  readonly createdAt: number;
  readonly nextAt: number | null;
  readonly log: readonly Try[];
}

/** What an endpoint answered. */
export type Answer =
  | { readonly type: "delivered"; readonly status: number }
  /** 410: it wants nothing more. */
  | { readonly type: "gone"; readonly status: number; readonly error: string }
  | { readonly type: "failed"; readonly status?: number; readonly error: string; readonly retryAfterMs: number | null };

/** What becomes of a delivery after a try. */
export type Verdict =
  | { readonly status: "delivered" | "given_up"; readonly nextAt: null }
  | { readonly status: "pending"; readonly nextAt: number };
