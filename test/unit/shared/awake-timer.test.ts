import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AwakeTimer } from "../../../src/shared/awake-timer.ts";

describe("a time limit that counts the time in which the process is awake", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The process sleeps: the clock goes on, and what was due comes when it is awake again. */
  const sleep = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

  test.each([20, 1_000, 3_500])("ends after %i ms of them, and once", async (ms) => {
    const over = vi.fn<() => void>();
    new AwakeTimer().start(ms, over);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(over).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over).toHaveBeenCalledOnce();
  });

  test("does not count a freeze, whenever it comes", async () => {
    for (const before of [500, 2_900]) {
      const over = vi.fn<() => void>();
      new AwakeTimer().start(3_000, over);
      await vi.advanceTimersByTimeAsync(before);
      sleep(60_000);
      await vi.advanceTimersByTimeAsync(3_000 - before);
      expect(over).toHaveBeenCalledTimes(before === 2_900 ? 0 : 1);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(over).toHaveBeenCalledOnce();
    }
  });

  test("ends some day, however late everything is", async () => {
    const over = vi.fn<() => void>();
    new AwakeTimer().start(1_000, over);
    for (let second = 0; second < 30; second++) {
      sleep(1_000);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(over).toHaveBeenCalledOnce();
  });

  test("is lifted for good", async () => {
    const over = vi.fn<() => void>();
    const stop = new AwakeTimer().start(2_000, over);
    await vi.advanceTimersByTimeAsync(1_500);
    stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over).not.toHaveBeenCalled();
  });

  test("has its own length beside others, of which all share one timer", async () => {
    const timer = new AwakeTimer();
    const ended: number[] = [];
    const from = Date.now();
    for (const ms of [2_500, 300, 1_700]) timer.start(ms, () => void ended.push(Date.now() - from));
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    const lift = timer.start(1_000, () => void ended.push(-1));
    timer.start(450, () => void ended.push(Date.now() - from));
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(900);
    lift();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ended).toEqual([300, 650, 1_700, 2_500]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("that begins in a freeze of others is not cut by it", async () => {
    const timer = new AwakeTimer();
    const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
    timer.start(1_500, first);
    sleep(60_000);
    timer.start(1_500, second);
    await vi.advanceTimersByTimeAsync(1_400);
    expect(second).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(first).toHaveBeenCalledOnce();
    expect(second).toHaveBeenCalledOnce();
  });

  test("sets no timer for each of a row of calls, and none is left when it rests", async () => {
    const timer = new AwakeTimer();
    const set = vi.spyOn(globalThis, "setTimeout");
    for (let call = 0; call < 10; call++) timer.start(60_000, () => {})();
    expect(set).toHaveBeenCalledTimes(1);
    timer.rest();
    expect(vi.getTimerCount()).toBe(0);
  });
});
