import type { Context } from "hono";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Api } from "../../../src/http/route.ts";
import { watchCredentials } from "../../../src/http/standing.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A request with a key that holds until `until` says otherwise; what was looked up is believed for as long as may be. */
function request(until: () => number | null) {
  const looks: number[] = [];
  let seen: { readonly at: number; readonly until: number | null } = { at: Date.now(), until: until() };
  const holdsUntil = async (_key: string, maxAgeMs: number, now: number): Promise<number | null> => {
    if (now - seen.at >= maxAgeMs || (seen.until ?? now) <= now) {
      looks.push(now);
      seen = { at: now, until: until() };
    }
    return seen.until === null ? null : Math.min(seen.until, now + maxAgeMs);
  };
  return { looks, c: { var: { services: { keys: { holdsUntil } } }, get: () => "a key" } as unknown as Context<Api> };
}

test("a key that is revoked is no more believed within 30 s", async () => {
  const started = Date.now();
  let revoked = false;
  const { c } = request(() => (revoked ? null : Number.POSITIVE_INFINITY));
  const { lapsed, lapse } = watchCredentials(c);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(lapsed.aborted).toBe(false);
  revoked = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect([lapse(), Date.now() - started]).toEqual(["unauthorized", 130_000]);
});

test("a key that expires is believed until then, to the moment", async () => {
  const expiresAt = Date.now() + 2_500;
  const { c } = request(() => (Date.now() < expiresAt ? expiresAt : null));
  const { lapse } = watchCredentials(c);
  await vi.advanceTimersByTimeAsync(2_499);
  expect(lapse()).toBeNull();
  await vi.advanceTimersByTimeAsync(2);
  expect(lapse()).toBe("unauthorized");
});

test("nobody is asked for what was known a moment ago, and not more than four times a minute", async () => {
  const { c, looks } = request(() => Number.POSITIVE_INFINITY);
  const { end } = watchCredentials(c);
  await vi.advanceTimersByTimeAsync(14_000);
  expect(looks).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks.length).toBeLessThanOrEqual(4);
  end();
  expect(vi.getTimerCount()).toBe(0);
});

test("an outage of whoever knows is borne for a while, and then said to be one", async () => {
  const started = Date.now();
  const { c } = request(() => {
    if (Date.now() > started) throw new Error("away");
    return Number.POSITIVE_INFINITY;
  });
  const { lapse } = watchCredentials(c);
  await vi.advanceTimersByTimeAsync(50_000);
  expect(lapse()).toBeNull();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(lapse()).toBe("unavailable");
});
