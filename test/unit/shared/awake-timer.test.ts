import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startAwakeTimer } from "../../../src/shared/awake-timer.ts";

describe("a timer that counts the time in which the process is awake", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** The process sleeps: the clock goes on, and what was due comes when it is awake again. */
  const sleep = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

  test.each([20, 1_000, 3_500])("ends after %i ms of them, and once", async (ms) => {
    const over = vi.fn<() => void>();
    startAwakeTimer(ms, over);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(over).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over).toHaveBeenCalledOnce();
  });

  test("does not count a freeze, whenever it comes", async () => {
    for (const before of [500, 2_900]) {
      const over = vi.fn<() => void>();
      startAwakeTimer(3_000, over);
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
    startAwakeTimer(1_000, over);
    for (let second = 0; second < 30; second++) {
      sleep(1_000);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(over).toHaveBeenCalledOnce();
  });

  test("is stopped for good", async () => {
    const over = vi.fn<() => void>();
    const stop = startAwakeTimer(2_000, over);
    await vi.advanceTimersByTimeAsync(1_500);
    stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(over).not.toHaveBeenCalled();
  });
});
