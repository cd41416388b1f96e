import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OutcomeBuffer, outcomesMessage, outcomesOf, type OutcomesMessage } from "../../../src/agents/transports/outcome-buffer.ts";
import { LIMITS } from "../../../src/agents/limits.ts";
import type { AttemptOutcome } from "../../../src/shared/outcome.ts";

const outcome: AttemptOutcome = { class: "success", ms: 12, costUsd: 0.5, tokens: 7, hedge: true };

describe("outcomes on their way", () => {
  let batches: (readonly OutcomesMessage[])[] = [];
  let buffer: OutcomeBuffer;
  beforeEach(() => {
    vi.useFakeTimers();
    batches = [];
    buffer = new OutcomeBuffer(async (messages) => void batches.push(messages));
  });
  afterEach(() => vi.useRealTimers());
  const quiet = () => vi.advanceTimersByTimeAsync(LIMITS.outcomeQuietMs);

  test("are gathered for a moment, a message for each agent", async () => {
    for (let call = 0; call < 100; call++) buffer.add("acme", `agent_${call % 2}`, "work", outcome);
    buffer.add("other", "agent_0", "work", outcome);
    await vi.advanceTimersByTimeAsync(LIMITS.outcomeQuietMs - 1);
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches.flat().map(({ tenant, agent, outcomes }) => [tenant, agent, outcomes.length])).toEqual([
      ["acme", "agent_0", 50],
      ["acme", "agent_1", 50],
      ["other", "agent_0", 1],
    ]);
    await quiet();
    expect(batches.map(({ length }) => length)).toEqual([2, 1]);
  });

  test("leave sooner when one of them is a fault, and only then", async () => {
    buffer.add("acme", "a", "work", outcome);
    buffer.add("acme", "b", "work", { ...outcome, class: "refused" });
    await vi.advanceTimersByTimeAsync(LIMITS.outcomeFaultMs);
    expect(batches).toEqual([]);
    buffer.add("acme", "c", "work", { ...outcome, class: "timeout" });
    await vi.advanceTimersByTimeAsync(LIMITS.outcomeFaultMs);
    expect(batches.flat().map(({ agent }) => agent)).toEqual(["a", "b", "c"]);
    buffer.add("acme", "d", "work", outcome);
    await quiet();
    expect(batches.flat().map(({ agent }) => agent)).toEqual(["a", "b", "c", "d"]);
  });

  test("arrive as they were", async () => {
    const others: AttemptOutcome = { class: "lost", ms: null, costUsd: null, tokens: null, hedge: false };
    buffer.add("acme", "a", "work", outcome);
    buffer.add("acme", "a", "", others);
    await quiet();
    const message = outcomesMessage.parse(JSON.parse(JSON.stringify(batches[0]?.[0])));
    expect(outcomesOf(message)).toEqual([
      { capability: "work", outcome },
      { capability: "", outcome: others },
    ]);
  });

  test("are no more than say something new", async () => {
    for (let call = 0; call < LIMITS.outcomesPerMessage + 10; call++) buffer.add("acme", "a", "work", outcome);
    for (let agent = 0; agent < LIMITS.outcomeAgents + 10; agent++) buffer.add("acme", `agent_${agent}`, "work", outcome);
    await quiet();
    expect(batches.flat()).toHaveLength(LIMITS.outcomeAgents);
    expect(batches.flat()[0]?.outcomes).toHaveLength(LIMITS.outcomesPerMessage);
    expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(10);
  });

  test("leave again after a time that they could not", async () => {
    let isAway = true;
    const flaky = new OutcomeBuffer(async (messages) => {
      if (isAway) throw new Error("the queue is away");
      batches.push(messages);
    });
    vi.spyOn(console, "log").mockImplementation(() => {});
    vi.spyOn(console, "warn").mockImplementation(() => {});
    flaky.add("acme", "a", "work", outcome);
    await quiet();
    isAway = false;
    flaky.add("acme", "a", "work", outcome);
    await quiet();
    expect(batches.flat()).toHaveLength(1);
    vi.restoreAllMocks();
  });

  test("leave although the one that wanted to send them is gone", async () => {
    buffer.add("acme", "a", "work", outcome);
    vi.clearAllTimers();
    vi.setSystemTime(Date.now() + 3 * LIMITS.outcomeQuietMs);
    buffer.add("acme", "a", "work", outcome);
    await quiet();
    expect(batches.flat()[0]?.outcomes).toHaveLength(2);
  });

  test("say how long their agent asked for patience, and say it soon", async () => {
    buffer.add("acme", "a", "work", outcome);
    buffer.add("acme", "a", "work", { ...outcome, class: "throttled", heldUntil: 9_000 });
    buffer.add("acme", "a", "work", { ...outcome, class: "throttled", heldUntil: 8_000 });
    await vi.advanceTimersByTimeAsync(LIMITS.outcomeFaultMs);
    const [message] = batches.flat();
    expect(outcomesMessage.parse(message)).toEqual(message);
    expect(outcomesOf(message as OutcomesMessage).map((one) => one.outcome.heldUntil)).toEqual([undefined, 9_000, 9_000]);
  });
});
