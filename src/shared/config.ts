/** The settings, checked once at start: what is missing or malformed is said in one clear message. */
import { z } from "zod";
import { createKeyring, derive, type Keyring } from "./keyring.ts";
import { DEFAULTS, LIMITS } from "./limits.ts";
import { err, ok, type Result } from "./result.ts";
import { parseDuration } from "./time.ts";

export interface Config {
  readonly rootApiKey: string;
  readonly keyring: Keyring;
  /** Agents may live on loopback addresses over plain HTTP: for development only. */
  readonly allowLoopbackAgents: boolean;
  /** How many agents one task awaits at once. */
  readonly inlineCalls: number;
  /** Calls that are expected to take longer go by queue, where they would go by relay. */
  readonly relayMostMs: number;
  /** How many calls one task makes by relay at once to an agent that declares no limit. */
  readonly relayedCallsPerAgent: number;
  /** Whether a relay makes its calls in the request that brings them, or in an alarm of its own. */
  readonly relayCallsIn: "request" | "alarm";
  /** How many tasks may come of one submission, itself included. */
  readonly familyTasks: number;
  readonly taskRetentionMs: number;
  readonly historyRetentionMs: number;
  /** Where agents reach this service; without it, where the task was submitted. */
  readonly publicUrl: string | null;
}

const duration = (defaultMs: number) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      const ms = text === undefined ? defaultMs : parseDuration(text);
      if (ms !== null) return ms;
      context.addIssue({ code: "custom", message: 'expected a duration such as "7d"' });
      return z.NEVER;
    });

const encryptionKeys = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined) return [];
    return text.split(",").map((entry) => {
      const [name = "", encoded = ""] = entry.trim().split(":");
      const secret = Buffer.from(encoded, "base64");
      if (!/^[a-z0-9]{1,16}$/.test(name) || name === ROOT_KEY_NAME || secret.length !== 32) {
        context.addIssue({
          code: "custom",
          message: `expected "name:key,name:key" with lower-case names and keys of 32 bytes in base64, oldest first`,
        });
      }
      return { name, secret: new Uint8Array(secret) };
    });
  });

const settings = z.object({
  ROOT_API_KEY: z
    .string({ error: "missing; any secret string of at least 32 characters" })
    .min(LIMITS.rootKeyLength, `expected at least ${LIMITS.rootKeyLength} characters`),
  ENCRYPTION_KEYS: encryptionKeys,
  ALLOW_LOOPBACK_AGENTS: z.enum(["true", "false"], { error: 'expected "true" or "false"' }).optional(),
  INLINE_CALLS: z.coerce.number({ error: "expected a number" }).int().min(1).max(100).optional(),
  RELAY_UP_TO: duration(DEFAULTS.relayMostMs),
  RELAY_CALLS_PER_AGENT: z.coerce.number({ error: "expected a number" }).int().min(1).max(1_000).optional(),
  RELAY_CALLS_IN: z.enum(["request", "alarm"], { error: 'expected "request" or "alarm"' }).optional(),
  FAMILY_TASKS: z.coerce.number({ error: "expected a number" }).int().min(1).max(LIMITS.familyTasksMost).optional(),
  TASK_RETENTION: duration(DEFAULTS.taskRetentionMs),
  HISTORY_RETENTION: duration(DEFAULTS.historyRetentionMs),
  PUBLIC_URL: z.url({ protocol: /^https?$/, error: "expected an http(s) URL" }).optional(),
});

/** Without a key ring of its own the service derives one key from the root key; it stays readable once a ring is set. */
const ROOT_KEY_NAME = "root";

export function readConfig(env: object): Result<Config, string> {
  const parsed = settings.safeParse(env);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    return err(`The configuration is not valid. ${faults.join("; ")}`);
  }
  const { data } = parsed;
  const rootKey = { name: ROOT_KEY_NAME, secret: derive(data.ROOT_API_KEY, "keyring") };
  return ok({
    rootApiKey: data.ROOT_API_KEY,
    keyring: createKeyring([rootKey, ...data.ENCRYPTION_KEYS]),
    allowLoopbackAgents: data.ALLOW_LOOPBACK_AGENTS === "true",
    inlineCalls: data.INLINE_CALLS ?? LIMITS.inlineCalls,
    relayMostMs: data.RELAY_UP_TO,
    relayedCallsPerAgent: data.RELAY_CALLS_PER_AGENT ?? LIMITS.relayedCallsPerAgent,
    relayCallsIn: data.RELAY_CALLS_IN ?? "request",
    familyTasks: data.FAMILY_TASKS ?? LIMITS.familyTasks,
    taskRetentionMs: data.TASK_RETENTION,
    historyRetentionMs: data.HISTORY_RETENTION,
    publicUrl: data.PUBLIC_URL?.replace(/^(.*[^/])\/+$/s, "$1") ?? null,
  });
}
