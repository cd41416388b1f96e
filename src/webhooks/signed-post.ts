/** Sends a delivery, signed, within a bound on time; of the answer only the status and `Retry-After` matter. Never throws. */
import type { Keyring } from "../shared/keyring.ts";
import { LIMITS } from "./limits.ts";
import { messageOf } from "../shared/log.ts";
import { parseRetryAfter } from "../shared/retry-after.ts";
import { macOfSecret, signedHeaders } from "../shared/signing.ts";
import { excerpt } from "../shared/text.ts";
import { brokenUrlRule, type UrlPolicy } from "../shared/url-guard.ts";
import type { Answer, DueDelivery } from "./delivery.ts";
import { secretPlace, type WebhookRecord } from "./webhook.ts";

export async function postDelivery(
  tenant: string,
  record: WebhookRecord,
  delivery: DueDelivery,
  keyring: Keyring,
  policy: UrlPolicy,
): Promise<Answer> {
  // What is allowed may be another thing than when it was registered.
  const rule = brokenUrlRule(record.url, policy);
  if (rule !== null) return failed(`the URL is not allowed: ${rule}`);
  const secrets = secretsOf(tenant, record, delivery, keyring, Date.now());
  if (secrets === null) return failed("its secret cannot be decrypted with the present ENCRYPTION_KEYS; rotate it");
  const signed = signedHeaders(secrets.map(macOfSecret), delivery.id, delivery.body, new Date());
  const controller = new AbortController();
  // Cleared when there is an answer: a timer that is left keeps the object awake.
  const timer = setTimeout(() => controller.abort(), LIMITS.webhookTimeoutMs);
  try {
    const response = await fetch(record.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...signed },
      body: delivery.body,
      redirect: "manual",
      signal: controller.signal,
    });
    // Its status is its answer, whatever becomes of the rest.
    await response.body?.cancel().catch(() => undefined);
    return answerOf(response);
  } catch (error) {
    return failed(controller.signal.aborted ? `no answer within ${LIMITS.webhookTimeoutMs} ms` : messageOf(error));
  } finally {
    clearTimeout(timer);
  }
}

function answerOf({ status, ok, headers }: Response): Answer {
  if (ok) return { type: "delivered", status };
  if (status === 410) return { type: "gone", status, error: "it wants nothing more" };
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), Date.now());
  const error = status >= 300 && status < 400 ? "redirects are not followed; register the final URL" : `status ${status}`;
  return { type: "failed", status, error, retryAfterMs };
}

function failed(error: string): Answer {
  return { type: "failed", error: excerpt(error, LIMITS.errorMessageLength), retryAfterMs: null };
}

/** The secret that came with the task; else the endpoint's, and those it replaced that still count. `null`: unreadable. */
function secretsOf(
  tenant: string,
  { id, secret, earlierSecrets }: WebhookRecord,
  delivery: DueDelivery,
  keyring: Keyring,
  now: number,
): readonly string[] | null {
  if (delivery.secret !== null) {
    const ofTask = keyring.open(delivery.secret, secretPlace(tenant, id, "task"));
    return ofTask === null ? null : [ofTask];
  }
  const place = secretPlace(tenant, id, "signing");
  const present = keyring.open(secret, place);
  if (present === null) return null;
  const earlier = earlierSecrets.flatMap(({ sealed, until }) => (until > now ? [keyring.open(sealed, place)] : []));
  return [present, ...earlier.filter((text) => text !== null)];
}
