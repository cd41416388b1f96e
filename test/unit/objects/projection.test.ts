import { beforeEach, describe, expect, test, vi } from "vitest";
import { Projection } from "../../../src/objects/projection.ts";

const SECOND = 1_000;

/** What D1 has, and what it is told. */
function published(start: { readonly current: number | null; readonly stored: number | null }) {
  const it = { ...start, told: [] as number[], isAway: false };
  const projection = new Projection<number>({
    current: () => it.current,
    stored: () => it.stored,
    store: async (version) => {
      it.told.push(version);
      await Promise.resolve();
      if (it.isAway) throw new Error("away");
    },
    confirm: (version) => {
      it.stored = version;
    },
  });
  return { it, projection };
}

describe("what is published until it is stored", () => {
  let now = 1_000_000;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now });
    return () => vi.useRealTimers();
  });
  const passes = (ms: number): void => {
    now += ms;
    vi.setSystemTime(now);
  };

  test("is owed by every instance until it is known to be stored, and not after", async () => {
    const { it, projection } = published({ current: 2, stored: 1 });
    expect(projection.nextAt(now)).toBe(now + 30 * SECOND);
    await projection.publish();
    expect(it).toMatchObject({ told: [2], stored: 2 });
    expect(projection.nextAt(now)).toBeNull();
    await projection.publish();
    expect(it.told).toEqual([2]);
    expect(published({ current: null, stored: null }).projection.nextAt(now)).toBeNull();
  });

  test("is tried again after 30 s, doubling up to ten minutes, and from the beginning once it was heard", async () => {
    const { it, projection } = published({ current: 1, stored: null });
    it.isAway = true;
    const pauses: number[] = [];
    for (let tries = 0; tries < 7; tries++) {
      await expect(projection.publish()).rejects.toThrow("away");
      pauses.push(((projection.nextAt(now) ?? 0) - now) / SECOND);
      passes(pauses.at(-1) ?? 0);
    }
    expect(pauses).toEqual([60, 120, 240, 480, 600, 600, 600]);
    it.isAway = false;
    await projection.publish();
    it.current = 2;
    expect(projection.nextAt(now)).toBe(now + 30 * SECOND);
  });

  test("is owed since it first was, however often it changes meanwhile", () => {
    const { it, projection } = published({ current: 1, stored: null });
    const first = projection.nextAt(now);
    it.current = 2;
    expect(projection.nextAt(now + 20 * SECOND)).toBe(first);
  });

  test("goes one after the other: what changes meanwhile goes next, and who asks together waits together", async () => {
    const { it, projection } = published({ current: 1, stored: null });
    const both = [projection.publish(), projection.publish()];
    it.current = 2;
    await Promise.all(both);
    expect(it).toMatchObject({ told: [1, 2], stored: 2 });
  });
});
