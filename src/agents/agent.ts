/** What an agent is: how it registers, how it is kept, and what readers see of it. */
import { z } from "zod";
import { LIMITS } from "../shared/limits.ts";
import { isoTime, parseDuration } from "../shared/time.ts";

const identifier = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . -")
  .max(LIMITS.idLength);
const url = z.string().max(LIMITS.urlLength);
const secret = z
  .string()
  .min(1)
  .max(LIMITS.secretLength)
  .regex(/^[\x20-\x7e]+$/, "expected printable ASCII");

const OWN_HEADERS = /^(host|content-.*|transfer-encoding|connection|accept|user-agent|idempotency-key|traceparent|webhook-.*)$/i;

const auth = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bearer"), value: secret }),
  z.strictObject({
    type: z.literal("header"),
    name: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, "expected a header name")
      .refine((name) => !OWN_HEADERS.test(name), "this header is set by the service"),
    value: secret,
  }),
]);

/** The body of `PUT /agents/{id}`. `auth` and `signing_secret` are write-only. */
export const agentRegistration = z.strictObject({
  name: z.string().min(1).max(LIMITS.nameLength).optional(),
  description: z.string().max(LIMITS.textLength).optional(),
  url,
  capabilities: z
    .array(z.union([identifier, z.strictObject({ name: identifier })]))
    .min(1)
    .max(LIMITS.capabilitiesPerAgent),
  auth: auth.optional(),
  signing_secret: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,128}={0,2}$/, 'expected "whsec_" and at least 24 bytes in base64')
    .optional(),
  cancel_url: url.optional(),
  expected_latency: z
    .string()
    .refine((text) => parseDuration(text) !== null, 'expected a duration such as "500ms" or "10s"')
    .optional(),
  dispatch: z.enum(["auto", "inline", "queue"]).optional(),
});
export type AgentRegistration = z.infer<typeof agentRegistration>;

/** PERSISTED in D1 and KV. Secrets are sealed under the key ring, bound to tenant, agent and field. */
export interface AgentRecord {
  readonly v: 1;
  readonly id: string;
  readonly kind: "http" | "builtin";
  readonly name: string;
  readonly description: string | null;
  readonly url: string;
  readonly capabilities: readonly { readonly name: string }[];
  readonly auth: { readonly type: "bearer" | "header"; readonly name: string; readonly sealed: string } | null;
  /** The Standard Webhooks secret its requests are signed with. */
  readonly signing: string;
  readonly cancelUrl: string | null;
  readonly expectedLatencyMs: number | null;
  readonly dispatch: "auto" | "inline" | "queue";
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Counts changes; the ETag. */
  readonly revision: number;
}

/** Where a sealed secret belongs. */
export function secretPlace(tenant: string, agent: string, field: "auth" | "signing"): string {
  return `agents/${tenant}/${agent}/${field}`;
}

/** An agent without its secrets. */
export function agentView(record: AgentRecord) {
  return {
    id: record.id,
    kind: record.kind,
    name: record.name,
    description: record.description,
    url: record.kind === "builtin" ? null : record.url,
    capabilities: record.capabilities,
    auth: record.auth && { type: record.auth.type, ...(record.auth.type === "header" && { name: record.auth.name }) },
    cancel_url: record.cancelUrl,
    expected_latency: record.expectedLatencyMs === null ? null : `${record.expectedLatencyMs}ms`,
    dispatch: record.dispatch,
    created_at: record.kind === "builtin" ? null : isoTime(record.createdAt),
    updated_at: record.kind === "builtin" ? null : isoTime(record.updatedAt),
  };
}
