/** The registered endpoints of a tenant as records of a file; those that came with tasks come with tasks again. */
import { z } from "zod";
import { changesInFile, exported, momentInFile, registeredKind, type RegisteredKind } from "../records/registered.ts";
import { EVENT_PATTERNS } from "./events.ts";
import { LIMITS } from "./limits.ts";
import { restoreWebhook } from "./operations.ts";
import type { WebhookServices } from "./services.ts";
import { secretPlace, type WebhookRecord } from "./webhook.ts";

/** PERSISTED in files. Secrets are sealed as they are in D1. */
const webhookInFile = z.strictObject({
  id: z
    .string()
    .regex(/^hook_[0-9a-z]+$/)
    .max(LIMITS.nameLength),
  url: z.string(),
  events: z.array(z.enum(EVENT_PATTERNS)).min(1).max(EVENT_PATTERNS.length),
  description: z.string().max(LIMITS.textLength).nullable(),
  secret: z.string(),
  earlier_secrets: z.array(z.strictObject({ sealed: z.string(), until: momentInFile })).max(LIMITS.earlierSecrets),
  disabled: z.strictObject({ reason: z.string().max(LIMITS.textLength), since: momentInFile }).nullable(),
  epoch: z.int().min(1),
  ...changesInFile,
});
type WebhookInFile = z.infer<typeof webhookInFile>;

export function registeredWebhooks(services: WebhookServices): RegisteredKind {
  const { webhookRegistry } = services;
  return registeredKind<WebhookInFile>({
    name: "webhook",
    schema: webhookInFile,
    nameOf: ({ id }) => id,
    exportPage: async (tenant, after, limit) => {
      const listed = await webhookRegistry.list(tenant, after === null ? null : [false, after], limit);
      const registered = listed.filter(({ isAdHoc }) => !isAdHoc);
      return exported(registered, limit, ({ id }) => id, inFile);
    },
    secretsOf: (tenant, { id, secret, earlier_secrets }) => {
      const place = secretPlace(tenant, id, "signing");
      const earlier = earlier_secrets.map(({ sealed }, index) => ({ at: `/earlier_secrets/${index}/sealed`, sealed, place }));
      return [{ at: "/secret", sealed: secret, place }, ...earlier];
    },
    faultsOf: (_, { url }) => webhookRegistry.urlRefusal(url)?.faults ?? [],
    restore: (actor, record, overwrites) => restoreWebhook(actor, services, fromFile(record), overwrites),
    settle: async () => {},
  });
}

function inFile(record: WebhookRecord): WebhookInFile {
  const { v: _, isAdHoc: __, events, earlierSecrets, createdAt, createdBy, updatedAt, updatedBy, ...rest } = record;
  return {
    ...rest,
    events: [...events],
    earlier_secrets: earlierSecrets.map((earlier) => ({ ...earlier })),
    created_at: createdAt,
    created_by: createdBy ?? null,
    updated_at: updatedAt,
    updated_by: updatedBy ?? null,
  };
}

function fromFile({ earlier_secrets, created_at, created_by, updated_at, updated_by, ...rest }: WebhookInFile): WebhookRecord {
  return {
    v: 1,
    ...rest,
    isAdHoc: false,
    earlierSecrets: earlier_secrets,
    createdAt: created_at,
    ...(created_by && { createdBy: created_by }),
    updatedAt: updated_at,
    ...(updated_by && { updatedBy: updated_by }),
  };
}
