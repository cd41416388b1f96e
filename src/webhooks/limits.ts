/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as SHARED } from "../shared/limits.ts";

const KIB = 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LIMITS = {
  ...SHARED,

  /** Each of them is told of every task that it wants to hear of. */
  webhooksPerTenant: 100,
  /** Those that came with tasks: a row each, until none has been used for `deliveryRetentionMs`. */
  adHocWebhooksPerTenant: 10_000,
  /** How exactly it is known when one of them was used last: a write each. */
  webhookUsedMs: 1 * DAY,
  /** How old an isolate's picture of a tenant's webhooks may be, and of how many tenants it has one. */
  webhookAgeMs: 10 * SECOND,
  webhookTenants: 1_000,
  /** What an endpoint is sent: an output that does not fit is named by its size. */
  webhookBodyBytes: 64 * KIB,
  /** How long an endpoint may take to answer; as common among senders. */
  webhookTimeoutMs: 15 * SECOND,
  /** Requests of one endpoint that are awaited at once; the platform allows an object six. */
  webhookSends: 4,
  /** … and begun in one go, before an alarm goes on: the platform bounds what follows from one event. */
  webhookSendsInOneGo: 200,
  /** While something is being sent the alarm is at most this far away: the instance may be lost. Longer than a request takes. */
  webhookLeaseMs: 30 * SECOND,
  /** Alarms for one delivery after the other are at least this far apart. */
  webhookTickMs: 1 * SECOND,
  /** How often the object of a disabled endpoint looks whether it was enabled; whoever enables it says so. */
  webhookLookMs: 1 * HOUR,
  /** The longest pause that an endpoint can ask for between two tries. */
  webhookRetryAfterMs: 1 * DAY,
  /** Deliveries of an endpoint that wait; beyond it the oldest are given up. With bodies 640 MB of the object's 10 GB. */
  deliveriesWaiting: 10_000,
  /** What an endpoint's log keeps: settled deliveries, tries of one, and for how long. */
  deliveriesKept: 1_000,
  triesKept: 20,
  deliveryRetentionMs: 30 * DAY,
  /** Deliveries between two looks at these bounds: looking reads the log. */
  deliveriesPerTrim: 100,
  /** An endpoint is disabled after so many deliveries given up in a row, or so long without one that arrived. */
  givenUpInRow: 100,
  failingMs: 10 * DAY,
  /** A secret that was replaced signs beside the new one for so long, and so many of them do. */
  secretOverlapMs: 1 * DAY,
  earlierSecrets: 3,
} as const;
