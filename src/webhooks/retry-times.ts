/**
 * When a delivery is tried again: soon, for what passes by itself, then more and more rarely for about a day. Pure; the
 * jitter depends on the delivery, so that those which failed together do not come back together.
 */
import { LIMITS } from "./limits.ts";
import { unitFromText } from "../shared/random.ts";
import type { Answer, DueDelivery, Verdict } from "./delivery.ts";
import { TEST_EVENT } from "./events.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The pauses after the first try and the following ones: 17.6 hours, and with jitter 22 on average. */
const PAUSES_MS: readonly number[] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];

/** A pause is prolonged by up to this share of it. */
const JITTER = 0.5;

/** What becomes of a delivery that was tried and answered so. */
export function verdictOn({ id, event, tries }: Pick<DueDelivery, "id" | "event" | "tries">, answer: Answer, now: number): Verdict {
  if (answer.type === "delivered") return { status: "delivered", nextAt: null };
  // Somebody waits for what a test shows, now.
  const nextAt = answer.type === "gone" || event === TEST_EVENT ? null : nextTryAt(id, tries + 1, answer.retryAfterMs, now);
  return nextAt === null ? { status: "given_up", nextAt } : { status: "pending", nextAt };
}

/** The time of the next try after so many that failed, or `null` when it is given up. `Retry-After` is a minimum. */
export function nextTryAt(delivery: string, tries: number, retryAfterMs: number | null, now: number): number | null {
  const pauseMs = PAUSES_MS[tries - 1];
  if (pauseMs === undefined) return null;
  const jitteredMs = Math.round(pauseMs * (1 + JITTER * unitFromText(`${delivery}/${tries}`)));
  return now + Math.max(jitteredMs, Math.min(retryAfterMs ?? 0, LIMITS.webhookRetryAfterMs));
}
