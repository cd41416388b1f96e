/** What webhooks look like on the wire, in both directions, and what their endpoints are sent. */
import { z } from "@hono/zod-openapi";
import { registeredBy } from "../../http/by.ts";
import { LIMITS } from "../limits.ts";
import { SIGNING_SECRET } from "../../shared/signing.ts";
import { isoTime } from "../../shared/time.ts";
import { DELIVERY_STATUS, type LoggedDelivery } from "../delivery.ts";
import { EVENT_PATTERNS, TASK_EVENTS, TEST_EVENT } from "../events.ts";
import type { WebhookState } from "../webhook-contract.ts";
import type { WebhookRecord } from "../webhook.ts";
import type { WrittenWebhook } from "../registry.ts";

const url = z.string().max(LIMITS.urlLength);
const events = z
  .array(z.enum(EVENT_PATTERNS))
  .min(1)
  .max(EVENT_PATTERNS.length)
  .transform((patterns) => [...new Set(patterns)])
  .openapi({ description: "`task.*`, the default, is all of them, those to come included" });
const description = z.string().max(LIMITS.textLength);
const secret = z
  .string()
  .max(136, { abort: true, error: 'expected "whsec_" and at least 24 bytes in base64' })
  .regex(SIGNING_SECRET, 'expected "whsec_" and at least 24 bytes in base64')
  .openapi({ description: "The Standard Webhooks secret; without one it is made, and shown once" });

export const newWebhook = z
  .strictObject({ url, events: events.optional(), description: description.optional(), secret: secret.optional() })
  .openapi("NewWebhook");
export const webhookChange = z
  .strictObject({
    url: url.optional().openapi({ description: "At another origin it comes with another secret: the one given beside it, else a new one" }),
    events: events.nullable().optional(),
    description: description.nullable().optional(),
    enabled: z.boolean().optional(),
    secret: secret.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "expected something to change")
  .openapi("WebhookChange");

const time = z.iso.datetime();

export const webhook = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.enum(EVENT_PATTERNS)),
    description: z.string().nullable(),
    ad_hoc: z.boolean().openapi({ description: "It came with a task, and is told of the tasks that name it" }),
    status: z.enum(["enabled", "disabled"]),
    status_reason: z.string().nullable(),
    status_since: time.nullable(),
    created_at: time,
    updated_at: time,
    ...registeredBy,
    secret: z.string().optional().openapi({ description: "Shown once, when it was made here" }),
  })
  .openapi("Webhook");
export type WebhookBody = z.infer<typeof webhook>;

export const webhookDetail = webhook
  .extend({
    deliveries: z.object({ pending: z.int(), delivered: z.int(), given_up: z.int() }).openapi({ description: "In its log" }),
    failing_since: time.nullable().openapi({ description: "The first try that failed since a delivery arrived" }),
    given_up_in_row: z.int(),
  })
  .openapi("WebhookDetail");

export const delivery = z
  .object({
    id: z.string().openapi({ description: "The `webhook-id` of all its tries" }),
    type: z.enum([...TASK_EVENTS, TEST_EVENT]),
    task_id: z.string().nullable(),
    status: z.enum(DELIVERY_STATUS),
    created_at: time,
    next_try_at: time.nullable(),
    tries: z.array(
      z.object({
        at: time,
        duration_ms: z.number(),
        status_code: z.int().optional(),
        error: z.string().optional(),
        next_try_at: time.nullable(),
      }),
    ),
  })
  .openapi("Delivery");
export const acceptedDelivery = z.object({ id: z.string() }).openapi("AcceptedDelivery");

export function webhookBody({ record, secret }: WrittenWebhook): WebhookBody {
  return {
    id: record.id,
    url: record.url,
    events: [...record.events],
    description: record.description,
    ad_hoc: record.isAdHoc,
    status: record.disabled === null ? "enabled" : "disabled",
    status_reason: record.disabled?.reason ?? null,
    status_since: timeOrNull(record.disabled?.since ?? null),
    created_at: isoTime(record.createdAt),
    updated_at: isoTime(record.updatedAt),
    created_by: record.createdBy ?? null,
    updated_by: record.updatedBy ?? null,
    ...(secret !== undefined && { secret }),
  };
}

/** With what its object knows, which may be ahead of the registration. */
export function webhookDetailBody(record: WebhookRecord, { condition, counts }: WebhookState): z.infer<typeof webhookDetail> {
  const current = condition?.epoch === record.epoch ? condition : null;
  return {
    ...webhookBody({ record: { ...record, disabled: record.disabled ?? current?.disabled ?? null } }),
    deliveries: counts,
    failing_since: timeOrNull(current?.failing?.since ?? null),
    given_up_in_row: current?.failing?.givenUp ?? 0,
  };
}

export function deliveryBody({ id, event, task, status, createdAt, nextAt, log }: LoggedDelivery): z.infer<typeof delivery> {
  return {
    id,
    type: event,
    task_id: task,
    status,
    created_at: isoTime(createdAt),
    next_try_at: timeOrNull(nextAt),
    tries: log.map((tried) => ({
      at: isoTime(tried.at),
      duration_ms: tried.ms,
      ...(tried.status !== undefined && { status_code: tried.status }),
      ...(tried.error !== undefined && { error: tried.error }),
      next_try_at: timeOrNull(tried.nextAt),
    })),
  };
}

function timeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}

const message = z
  .object({
    type: z.enum(TASK_EVENTS),
    timestamp: time,
    data: z.object({
      id: z.string(),
      type: z.string().nullable(),
      workflow: z.object({ name: z.string().nullable(), version: z.int().nullable() }),
      status: z.enum(["completed", "failed", "canceled", "timed_out", "rejected"]),
      output: z.unknown().optional(),
      output_bytes: z.int().optional().openapi({ description: "Instead of an output that is too large; read the task's result" }),
      error: z.object({ code: z.string(), message: z.string(), step_id: z.string().optional() }).nullable(),
      tags: z.array(z.string()),
      created_at: time,
      finished_at: time,
    }),
  })
  .openapi("WebhookMessage");

/** The other direction of the OpenAPI document: what the service sends. */
export const taskEndedCall = {
  method: "post" as const,
  path: "task.ended",
  operationId: "taskEnded",
  tags: ["webhooks"],
  security: [],
  summary: "A task has ended",
  description: "Signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`).",
  request: { body: { content: { "application/json": { schema: message } } } },
  responses: {
    200: { description: "Any 2xx: it has arrived" },
    410: { description: "Nothing more is sent until somebody enables the webhook again" },
    default: { description: "It is sent again, for about a day; `Retry-After` is honoured" },
  },
};
