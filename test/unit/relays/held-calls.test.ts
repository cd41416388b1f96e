/** What a relay holds: made once, told once, hung up when nobody wants it or nobody asks. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HeldCalls } from "../../../src/relays/held-calls.ts";
import { LIMITS } from "../../../src/relays/limits.ts";
import type { RelayReport } from "../../../src/relays/relay-contract.ts";
import { bytesToJson } from "../../../src/shared/json-bytes.ts";
import { Agent, callNamed, NOTHING } from "./calls.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const calls = (...keys: string[]) => ({ ...NOTHING, calls: keys.map((key) => callNamed(key)) });
const outputs = ({ answers }: RelayReport) =>
  answers.map(({ key, outcome }) => [key, outcome.type === "completed" ? bytesToJson(outcome.output) : outcome.type]);

/** The report, once it comes; `null` so long. */
function watched(asked: Promise<RelayReport>): { report: RelayReport | null } {
  const seen: { report: RelayReport | null } = { report: null };
  void asked.then((report) => (seen.report = report));
  return seen;
}

describe("answers", () => {
  test("that come at once are one message, and none waits for a call that takes longer", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const asked = watched(relay.exchange(calls("a", "b", "c")));
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(1);
    agent.answer("b");
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    expect(outputs(asked.report as RelayReport)).toEqual([
      ["a", "a"],
      ["b", "b"],
    ]);
    const next = watched(relay.exchange({ ...NOTHING, awaited: ["c"] }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(next.report).toBeNull();
    agent.answer("c");
    await vi.advanceTimersByTimeAsync(0);
    expect(outputs(next.report as RelayReport)).toEqual([["c", "c"]]);
  });

  test("are told again to who has lost its memory, and the call is not made again", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const first = relay.exchange(calls("a", "b"));
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    expect(outputs(await first)).toEqual([["a", "a"]]);
    const again = relay.exchange(calls("a", "b"));
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    expect(outputs(await again)).toEqual([["a", "a"]]);
    expect(agent.asked).toEqual(["a", "b"]);
  });

  test("that are recorded are forgotten", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const first = relay.exchange(calls("a"));
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(0);
    await first;
    expect(await relay.exchange({ ...NOTHING, recorded: ["a"], awaited: ["a"] })).toMatchObject({ answers: [], gone: ["a"] });
  });

  test("of calls that throw are lost, which spends no attempt", async () => {
    const relay = new HeldCalls(() => Promise.reject(new Error("out of memory")));
    const asked = relay.exchange(calls("a"));
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    expect(await asked).toMatchObject({ answers: [{ key: "a", outcome: { type: "lost" } }] });
  });

  test("a question without an answer ends after a while", async () => {
    const relay = new HeldCalls(new Agent().make);
    const asked = watched(relay.exchange(calls("a")));
    await vi.advanceTimersByTimeAsync(LIMITS.relayAskMs);
    expect(asked.report).toEqual({ answers: [], gone: [], isOvertaken: false });
  });

  test("go to who asks last", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const first = relay.exchange(calls("a"));
    const second = relay.exchange(calls("b"));
    expect(await first).toEqual({ answers: [], gone: [], isOvertaken: true });
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    expect(outputs(await second)).toEqual([["a", "a"]]);
  });
});

describe("calls", () => {
  test("are made six at a time, in order", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const keys = Array.from({ length: 8 }, (_, index) => `s${index}`);
    void relay.exchange(calls(...keys));
    expect(agent.asked).toEqual(keys.slice(0, 6));
    agent.answer("s3");
    await vi.advanceTimersByTimeAsync(0);
    expect(agent.asked).toEqual(keys.slice(0, 7));
    expect(agent.most).toBe(LIMITS.relayCalls);
  });

  test("that it does not have are gone at once, and not made when they come late", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    expect(await relay.exchange({ ...NOTHING, awaited: ["a"] })).toMatchObject({ gone: ["a"] });
    expect(await relay.exchange(calls("a"))).toMatchObject({ gone: ["a"] });
    expect(agent.asked).toEqual([]);
  });

  test("that nobody wants are hung up at once, under way or in line, and leave room for others", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const keys = Array.from({ length: 8 }, (_, index) => `s${index}`);
    void relay.exchange(calls(...keys));
    void relay.exchange({ ...NOTHING, awaited: ["s1"], unwanted: ["s0", "s6"] });
    await vi.advanceTimersByTimeAsync(0);
    expect([...agent.open.keys()]).toEqual(["s1", "s2", "s3", "s4", "s5", "s7"]);
    expect(await relay.exchange(calls("s0"))).toMatchObject({ gone: ["s0"] });
  });

  test("are hung up where nobody asks for long", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    void relay.exchange(calls("a"));
    await vi.advanceTimersByTimeAsync(LIMITS.relayLeaseMs - 1_000);
    void relay.exchange({ ...NOTHING, awaited: ["a"] });
    await vi.advanceTimersByTimeAsync(LIMITS.relayLeaseMs - 1_000);
    expect(agent.open.size).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(agent.open.size).toBe(0);
  });

  test("nothing keeps a relay awake that has nothing to do", async () => {
    const agent = new Agent();
    const relay = new HeldCalls(agent.make);
    const asked = relay.exchange(calls("a"));
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(LIMITS.answersMs);
    await asked;
    expect(vi.getTimerCount()).toBe(0);
  });

  test("begin when they are let, as in an alarm, which is over when all are", async () => {
    const agent = new Agent();
    let alarms = 0;
    const relay = new HeldCalls(agent.make, () => alarms++);
    void relay.exchange(calls("a"));
    expect([alarms, agent.asked]).toEqual([1, []]);
    relay.fill();
    expect(agent.asked).toEqual(["a"]);
    let isOver = false;
    void relay.idle().then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(isOver).toBe(false);
    agent.answer("a");
    await vi.advanceTimersByTimeAsync(0);
    expect(isOver).toBe(true);
  });
});
