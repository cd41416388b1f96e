/** How much may be under way, and how much of replies may be in memory. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallRoom } from "../../../src/relays/call-room.ts";
import { ReplyRoom } from "../../../src/relays/reply-room.ts";

const never = new AbortController().signal;
const turns = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("room for calls", () => {
  test("is never passed, but for who is heavier than all and goes alone; nobody waits for ever, or overtakes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 30 }), async (weights) => {
        const room = new CallRoom(10);
        const inside = new Map<number, number>();
        const order: number[] = [];
        const entering = weights.map(async (weight, index) => {
          const leave = await room.enter(weight, never);
          inside.set(index, weight);
          order.push(index);
          const sum = [...inside.values()].reduce((all, one) => all + one, 0);
          expect(sum <= 10 || inside.size === 1).toBe(true);
          await turns();
          inside.delete(index);
          leave();
          leave();
        });
        await Promise.all(entering);
        expect(order).toEqual(weights.map((_, index) => index));
        expect(room.isEmpty).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test("is not kept for who does not want it any more", async () => {
    const room = new CallRoom(1);
    const leave = await room.enter(1, never);
    const gone = new AbortController();
    const waiting = room.enter(1, gone.signal);
    const next = room.enter(1, never);
    gone.abort();
    await expect(waiting).rejects.toThrow();
    leave();
    (await next)();
    expect(room.isEmpty).toBe(true);
  });
});

describe("room for replies", () => {
  test("is given to who has been reading longest where there is none, so that somebody always goes on", async () => {
    const room = new ReplyRoom(10);
    const [first, second] = [room.reader(never), room.reader(never)];
    await first.take(6);
    await second.take(4);
    let hasMore = false;
    const more = second.take(1).then(() => (hasMore = true));
    await first.take(6);
    expect([room.taken, hasMore]).toEqual([16, false]);
    first.read();
    await turns();
    // It is the first now.
    expect(hasMore).toBe(true);
    await more;
    first.close();
    second.close();
    expect(room.taken).toBe(0);
  });

  test("who waits for it and is not wanted any more gives up", async () => {
    const room = new ReplyRoom(10);
    await room.reader(never).take(10);
    const unwanted = new AbortController();
    const waiting = room.reader(unwanted.signal).take(1);
    unwanted.abort();
    await expect(waiting).rejects.toThrow();
  });
});
