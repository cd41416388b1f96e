/** Whether whoever reads live, or waits, still may: credentials end while a request goes on. */
import type { Context } from "hono";
import { log, messageOf } from "../shared/log.ts";
import { rejection } from "../shared/errors.ts";
import { NO_KEY } from "./credentials.ts";
import { LIMITS } from "./limits.ts";
import { Refused, TROUBLE } from "./problem.ts";
import type { Api } from "./route.ts";

/** `unauthorized`: they hold no more · `unavailable`: for too long nobody could say. */
export type Lapse = "unauthorized" | "unavailable";

export interface Standing {
  /** Aborts when the credentials lapse. */
  readonly lapsed: AbortSignal;
  readonly lapse: () => Lapse | null;
  /** No timer is left behind by a request that was answered. */
  readonly end: () => void;
}

/** Looks at the credentials of a request now and then, until `end`. */
export function watchCredentials<Services>(c: Context<Api<Services>>): Standing {
  const { keys } = c.var.services;
  const key = c.get("key");
  const lapsed = new AbortController();
  let lapse: Lapse | null = null;
  let heldAt = Date.now();
  let isWatching = true;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const lapseAs = (why: Lapse): void => {
    lapse = why;
    lapsed.abort();
  };
  /** `maxAgeMs`: how old what is known of the key may be. */
  const look = async (maxAgeMs: number): Promise<void> => {
    const now = Date.now();
    let until: number | null = Number.POSITIVE_INFINITY;
    try {
      until = await keys.holdsUntil(key, maxAgeMs, now);
      heldAt = now;
    } catch (error) {
      log("info", "credentials not looked at", { error: messageOf(error) });
    }
    if (!isWatching) return;
    if (until === null) return lapseAs("unauthorized");
    if (now - heldAt > LIMITS.recheckDoubtMs) return lapseAs("unavailable");
    timer = setTimeout(() => void look(LIMITS.recheckMs), Math.min(Math.max(until - now, 1), LIMITS.recheckMs));
  };
  // It was let in just now: of what is known of it, only when it expires matters.
  void look(Number.POSITIVE_INFINITY);
  const end = (): void => {
    isWatching = false;
    clearTimeout(timer);
  };
  return { lapsed: lapsed.signal, lapse: () => lapse, end };
}

/** Refuses whoever waited longer than their credentials held. */
export function requireStanding({ lapse }: Standing): void {
  const why = lapse();
  if (why !== null) throw new Refused(why === "unauthorized" ? rejection(why, NO_KEY) : TROUBLE);
}
