/** How an agent registers: the body of `PUT /agents/{id}`. What it declares here, selection and protection act on. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { keepEveryName } from "../../shared/every-name.ts";
import { SIGNING_SECRET } from "../../shared/signing.ts";
import { parseDuration } from "../../shared/time.ts";

const identifier = z
  .string()
  .max(LIMITS.idLength, { abort: true })
  .regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . -");
const url = z.string().max(LIMITS.urlLength);
const secret = z
  .string()
  .min(1)
  .max(LIMITS.secretLength, { abort: true })
  .regex(/^[\x20-\x7e]+$/, "expected printable ASCII");
const signingSecret = z
  .string()
  .max(LIMITS.secretLength, { abort: true })
  .regex(SIGNING_SECRET, 'expected "whsec_" and at least 24 bytes in base64');
const duration = z.string().refine((text) => parseDuration(text) !== null, 'expected a duration such as "500ms" or "10s"');

/** A duration between two others. */
function between(least: string, most: string) {
  const [leastMs, mostMs] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  return duration.refine((text) => {
    const ms = parseDuration(text);
    return ms === null || (ms >= leastMs && ms <= mostMs);
  }, `expected between ${least} and ${most}`);
}

const OWN_HEADERS = /^(host|content-.*|transfer-encoding|connection|accept|user-agent|idempotency-key|traceparent|tracestate|webhook-.*)$/i;

const auth = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bearer"), value: secret }),
  z.strictObject({
    type: z.literal("header"),
    name: z
      .string()
      .max(64, { abort: true, error: "expected a header name" })
      .regex(/^[A-Za-z0-9-]{1,64}$/, { abort: true, error: "expected a header name" })
      .refine((name) => !OWN_HEADERS.test(name), "this header is set by the service"),
    value: secret,
  }),
]);

const usd = z.number().min(0).max(1_000_000);
const price = z.strictObject({
  per_call_usd: usd.optional(),
  per_1k_input_tokens_usd: usd.optional(),
  per_1k_output_tokens_usd: usd.optional(),
});

const tag = z.string().min(1).max(LIMITS.tagLength);
const schema = z.union([z.record(z.string(), z.unknown()), z.boolean()]);

const capability = z.strictObject({
  name: identifier,
  version: z
    .string()
    .max(64, { abort: true, error: 'expected a version such as "2" or "2.1.0"' })
    .regex(/^[A-Za-z0-9_.+-]{1,64}$/, 'expected a version such as "2" or "2.1.0"')
    .optional(),
  description: z.string().max(LIMITS.textLength).optional(),
  tags: z.array(tag).max(LIMITS.tags).optional(),
  /** JSON Schema (2020-12) of what it takes and gives. */
  input_schema: schema.optional(),
  output_schema: schema.optional(),
  price: price.optional(),
  expected_latency: duration.optional(),
  /** Its results may be given again, to steps with the same input; if everybody else who offers it says so too. */
  cache: z.strictObject({ ttl: between("1ms", "30d"), tags: z.array(tag).min(1).max(LIMITS.tags).optional() }).optional(),
});

const breaker = z.strictObject({
  /** Opens when this share of the calls in `window` failed, once there were `min_calls` … */
  failure_rate: z.number().min(0.01).max(1).optional(),
  window: between("1s", "1h").optional(),
  min_calls: z.int().min(1).max(10_000).optional(),
  /** … or after so many failures in a row. */
  consecutive: z.int().min(1).max(1_000).optional(),
  /** How long it stays open before a probe; doubles with each probe that fails. */
  cooldown: between("1s", "1h").optional(),
  /** Probes at a time, and successes in a row that close it again. */
  probes: z.int().min(1).max(100).optional(),
  /** A reply that takes longer counts as a failure. */
  slow: duration.optional(),
});

/** Its fields before they are seen together: `kind` decides whether there is a `url`. */
export const registrationFields = {
  kind: z.enum(["http", "pull"]).optional(),
  name: z.string().min(1).max(LIMITS.nameLength).optional(),
  description: z.string().max(LIMITS.textLength).optional(),
  url: url.optional(),
  capabilities: z
    .array(z.union([identifier, capability]))
    .min(1)
    .max(LIMITS.capabilitiesPerAgent)
    .optional(),
  auth: auth.optional(),
  signing_secret: signingSecret.optional(),
  cancel_url: url.optional(),
  expected_latency: duration.optional(),
  dispatch: z.enum(["auto", "inline", "relay", "queue"]).optional(),
  /** Of every capability that has none of its own. */
  price: price.optional(),
  limits: z
    .strictObject({
      max_concurrency: z.int().min(1).max(LIMITS.slotsPerAgent).optional(),
      rate: z.strictObject({ count: z.int().min(1).max(LIMITS.rateCount), per: between("1s", "1h") }).optional(),
    })
    .optional(),
  /** The longest one attempt may take; a step's own timeout is cut to it. */
  timeout: between("1ms", "365d").optional(),
  labels: keepEveryName(z.record(identifier, z.string().max(LIMITS.nameLength))).optional(),
  region: identifier.optional(),
  /** Its share under the policy `weighted`. */
  weight: z.number().min(0.001).max(1_000).optional(),
  /** It says that it is there at least this often; after three silent intervals it is offline. */
  heartbeat_interval: between("1s", "1h").optional(),
  /** A URL that is asked (GET) and answers 2xx while the agent is well. */
  health: z.strictObject({ url, interval: between("5s", "1h").optional() }).optional(),
  breaker: breaker.optional(),
  /** Takes no new work and finishes what it has. */
  draining: z.boolean().optional(),
};

/** A registration as it is kept, its parts seen together. */
export const agentRegistration = z.strictObject(registrationFields).superRefine((body, context) => {
  const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
  if (body.capabilities === undefined) refuse("capabilities", "expected at least one capability");
  if (body.kind === "pull") {
    for (const field of ["url", "auth", "cancel_url", "dispatch", "signing_secret"] as const) {
      if (body[field] !== undefined) refuse(field, "an agent that pulls its work is not called, so it has none");
    }
  } else if (body.url === undefined) {
    refuse("url", 'expected the URL to call, or "kind": "pull"');
  }
  const names = (body.capabilities ?? []).map((offered) => (typeof offered === "string" ? offered : offered.name));
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) refuse("capabilities", `"${name}" is there twice; give it one version`);
  });
  if (Object.keys(body.labels ?? {}).length > LIMITS.tags) refuse("labels", `at most ${LIMITS.tags} labels`);
});
export type AgentRegistration = z.infer<typeof agentRegistration>;
