import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import type { AgentState } from "../../../src/agents/agent-state.ts";
import { lookupIn, select } from "../../../src/agents/selection/selection.ts";
import type { SelectDefinition } from "../../../src/language/agent-definition.ts";
import type { Policy } from "../../../src/language/staffing.ts";
import type { Wanted } from "../../../src/engine/world.ts";
import { agent, directoryOf, failed, KNOWN, seen, stateOf, wanted, type Candidates } from "./candidates.ts";

const known = (id: string, figures: Parameters<typeof seen>[1] = {}, more: Partial<AgentRecord> = {}, state: Partial<AgentState> = {}) =>
  [agent(id, more), stateOf({ ...seen(KNOWN, figures), ...state })] as const;

function chosenBy(what: Partial<Wanted> & { readonly select?: SelectDefinition }, ...candidates: Candidates): readonly string[] {
  return select(wanted(what), directoryOf(...candidates)).agents.map(({ agent }) => agent);
}

const shareOf = (picks: readonly string[], id: string): number => picks.filter((pick) => pick === id).length / picks.length;
const times = <T>(count: number, one: (index: number) => T): readonly T[] => Array.from({ length: count }, (_, index) => one(index));
const seedOf = (index: number): string => `task_${index}/a/1`;

describe("policies that score", () => {
  const better = {
    success: [known("b", { successes: 0.9 * KNOWN }), known("a", { successes: 0.7 * KNOWN })],
    latency: [known("b", { latencyMs: 100 }), known("a", { latencyMs: 400 })],
    price: [known("b", { costUsd: 0.01 }), known("a", { costUsd: 0.04 })],
    load: [known("b"), known("a", {}, { limits: { maxConcurrency: 4 } }, { inFlight: 2, waiting: 1 })],
  } satisfies Record<string, Candidates>;

  test.each(Object.entries(better))("balanced prefers who is better in %s, all else being equal", (_, candidates) => {
    expect(chosenBy({}, ...candidates)).toEqual(["b"]);
  });

  // Each is the best in one thing and the worst in another.
  const specialists = [
    known("dear_but_fast", { latencyMs: 50, costUsd: 9, successes: 0.8 * KNOWN }),
    known("slow_but_cheap", { latencyMs: 5_000, costUsd: 0.01, successes: 0.8 * KNOWN }),
    known("loaded_but_reliable", { latencyMs: 900, costUsd: 3, successes: KNOWN }, {}, { inFlight: 30 }),
    known("idle_but_flaky", { latencyMs: 900, costUsd: 3, successes: 0.5 * KNOWN }),
    known("busy_and_slow", { latencyMs: 5_000, costUsd: 3, successes: 0.6 * KNOWN }, {}, { inFlight: 40 }),
  ];
  const busy = new Map([
    ["dear_but_fast", 10],
    ["slow_but_cheap", 10],
  ]);
  test.each([
    ["fastest", "dear_but_fast"],
    ["cheapest", "slow_but_cheap"],
    ["most_reliable", "loaded_but_reliable"],
    ["least_loaded", "idle_but_flaky"],
  ] as const)("%s picks %s", (policy, best) => {
    expect(chosenBy({ select: { policy }, busy }, ...specialists)).toEqual([best]);
  });

  test("count what the task itself has with an agent as load, where nobody else knows better", () => {
    expect(chosenBy({ busy: new Map([["a", 1]]), select: { policy: "least_loaded" } }, known("a"), known("b"))).toEqual(["b"]);
  });

  test("believe what the task has seen itself of an agent's speed", () => {
    const evidence = new Map([["a", failed(0, { successes: 3, latencyMs: 5_000 })]]);
    expect(chosenBy({ evidence, select: { policy: "fastest" } }, known("a"), known("b"))).toEqual(["b"]);
  });

  test("take what an agent declares until it is known", () => {
    const [a, b] = [agent("a", { expectedLatencyMs: 60_000 }), agent("b", { expectedLatencyMs: 10 })];
    const picks = times(200, (index) => chosenBy({ seed: seedOf(index), select: { policy: "fastest" } }, a, b)[0] ?? "");
    expect(shareOf(picks, "b")).toBeGreaterThan(0.85);
  });

  test("trust a degraded agent less", () => {
    expect(chosenBy({}, known("a", {}, {}, { status: "degraded" }), known("b"))).toEqual(["b"]);
  });

  test("give a tie to the smaller id", () => {
    for (const policy of ["balanced", "fastest", "cheapest", "most_reliable", "least_loaded"] as const) {
      expect(chosenBy({ select: { policy }, count: 3 }, known("c"), known("a"), known("b"))).toEqual(["a", "b", "c"]);
    }
  });
});

describe("policies that take turns", () => {
  const three: Candidates = [agent("c"), agent("a"), agent("b")];

  test("round_robin goes through them in the order of their ids, exactly in turn", () => {
    const turns = times(7, (turn) => chosenBy({ turn, seed: seedOf(turn), select: { policy: "round_robin" } }, ...three)[0]);
    expect(turns).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
  });

  test("round_robin leaves out those who are ruled out, and takes the next ones for an ensemble", () => {
    const select: SelectDefinition = { policy: "round_robin", exclude: ["b"] };
    expect(times(3, (turn) => chosenBy({ turn, select }, ...three)[0])).toEqual(["a", "c", "a"]);
    expect(chosenBy({ turn: 2, count: 2, select: { policy: "round_robin" } }, ...three)).toEqual(["c", "a"]);
  });

  const picksOf = (weights: readonly number[], count = 4_000): readonly string[] => {
    const agents = weights.map((weight, index) => agent(`agent_${index}`, { weight }));
    return times(count, (index) => chosenBy({ seed: seedOf(index), select: { policy: "weighted" } }, ...agents)[0] ?? "");
  };

  test("weighted gives each its share", () => {
    const picks = picksOf([1, 2, 7]);
    expect(shareOf(picks, "agent_0")).toBeCloseTo(0.1, 1);
    expect(shareOf(picks, "agent_1")).toBeCloseTo(0.2, 1);
    expect(shareOf(picks, "agent_2")).toBeCloseTo(0.7, 1);
  });

  test("weighted means proportions, whatever the unit", () => {
    for (const unit of [0.001, 1, 1_000]) {
      const picks = picksOf(Array<number>(10).fill(unit));
      for (let index = 0; index < 10; index++) expect(Math.abs(shareOf(picks, `agent_${index}`) - 0.1)).toBeLessThan(0.02);
    }
  });

  test("under weighted, who leaves changes nothing among the others", () => {
    const [a, b, c] = [agent("a", { weight: 3 }), agent("b", { weight: 1 }), agent("c", { weight: 2 })];
    for (let index = 0; index < 300; index++) {
      const what = { seed: seedOf(index), select: { policy: "weighted" } } as const;
      const [before] = chosenBy(what, a, b, c);
      if (before !== "b") expect(chosenBy(what, a, c)).toEqual([before]);
    }
  });
});

describe("sticky", () => {
  const agents = times(10, (index) => agent(`agent_${index}`));
  const agentOf = (key: string, candidates: Candidates = agents, seed = "task_1/a/1"): string =>
    chosenBy({ stickyKey: key, seed, select: { sticky: "input.key" } }, ...candidates)[0] ?? "";
  const keys = times(1_000, (index) => `"conversation ${index}"`);

  test("gives the same agent for the same key, whoever asks", () => {
    for (const key of keys.slice(0, 50)) {
      expect(new Set(times(20, (index) => agentOf(key, agents, seedOf(index)))).size).toBe(1);
    }
  });

  test("spreads keys evenly", () => {
    const picks = keys.map((key) => agentOf(key));
    for (const { id } of agents) expect(Math.abs(shareOf(picks, id) - 0.1)).toBeLessThan(0.03);
  });

  test("moves only the keys of the agent that leaves, and only to the one that comes", () => {
    const fewer = agents.filter(({ id }) => id !== "agent_3");
    const more = [...agents, agent("newcomer")];
    let moved = 0;
    for (const key of keys) {
      const before = agentOf(key);
      if (before !== "agent_3") expect(agentOf(key, fewer)).toBe(before);
      const after = agentOf(key, more);
      if (after !== before) expect(after).toBe("newcomer");
      if (after !== before) moved++;
    }
    expect(Math.abs(moved / keys.length - 1 / 11)).toBeLessThan(0.03);
  });

  test("sends to an agent that is tried again only keys that are its own, and of those one choice in ten", () => {
    const onTrial = [agent("zombie"), stateOf({ breaker: { status: "half_open" } })] as const;
    const all = keys.slice(0, 100).map((key) => ({ own: agentOf(key, [...agents, agent("zombie")]), key }));
    const picksOf = (some: typeof all) =>
      some.map(({ own, key }) => times(50, (index) => [own, agentOf(key, [...agents, onTrial], seedOf(index))]));
    for (const [own, pick] of picksOf(all.filter(({ own }) => own !== "zombie")).flat()) expect(pick).toBe(own);
    const picks = picksOf(all.filter(({ own }) => own === "zombie")).flat();
    expect(
      Math.abs(
        shareOf(
          picks.map(([, pick]) => pick ?? ""),
          "zombie",
        ) - 0.1,
      ),
    ).toBeLessThan(0.1);
  });
});

describe("for a deadline", () => {
  const quantiles = (p50Ms: number, p95Ms: number, p99Ms: number, costUsd: number) => ({ p50Ms, p95Ms, p99Ms, latencyMs: p50Ms, costUsd });
  const fleet = [
    known("quick_and_dear", quantiles(50, 100, 200, 0.9)),
    known("even_and_fair", quantiles(400, 800, 900, 0.3)),
    known("cheap_but_uneven", quantiles(100, 5_000, 9_000, 0.01)),
    known("slow_and_free", quantiles(20_000, 40_000, 60_000, 0)),
  ];
  const meet = { within: "1s", probability: 0.95 };
  const within = (withinMs: number) => select(wanted({ withinMs, select: { meet } }), directoryOf(...fleet));

  test.each([
    [60_000, "slow_and_free"],
    [6_000, "cheap_but_uneven"],
    [1_000, "even_and_fair"],
    [150, "quick_and_dear"],
  ])("within %i ms it takes the cheapest that is in time: %s", (withinMs, best) => {
    const { agents, receipt } = within(withinMs);
    expect(agents).toMatchObject([{ agent: best }]);
    expect(receipt.note).toBe(`the cheapest that answers within ${withinMs} ms with probability 0.95`);
    expect(receipt.candidates[0]?.parts?.["in_time"]).toBeGreaterThanOrEqual(0.95);
  });

  test("it takes the likeliest, and says so, when nobody is likely enough", () => {
    const { agents, receipt } = within(60);
    expect(agents).toMatchObject([{ agent: "quick_and_dear" }]);
    expect(receipt.note).toBe("nobody answers within 60 ms with probability 0.95: the likeliest");
  });

  test("it asks for no more than the wanted probability", () => {
    const relaxed = { within: "1s", probability: 0.5 };
    expect(chosenBy({ withinMs: 1_000, select: { meet: relaxed } }, ...fleet)).toEqual(["cheap_but_uneven"]);
  });

  test("it gives equal prices to the smaller id, and never explores", () => {
    const twins = [agent("b", { expectedLatencyMs: 10 }), agent("a", { expectedLatencyMs: 10 })];
    const picks = times(100, (index) => chosenBy({ seed: seedOf(index), withinMs: 60_000, select: { meet } }, ...twins)[0]);
    expect(new Set(picks)).toEqual(new Set(["a"]));
  });

  test("it does not bet a deadline on somebody of whom nothing is known", () => {
    expect(chosenBy({ withinMs: 150, select: { meet } }, agent("a_stranger"), ...fleet)).toEqual(["quick_and_dear"]);
  });

  test("without a time to keep the policy decides", () => {
    const { agents, receipt } = select(wanted({ select: { meet, policy: "fastest" } }), directoryOf(...fleet));
    expect(agents).toMatchObject([{ agent: "quick_and_dear" }]);
    expect(receipt.note).toBeUndefined();
  });
});

describe("an agent on trial", () => {
  const onTrial = [agent("a"), stateOf({ status: "degraded", breaker: { status: "half_open" } })] as const;
  const policies: readonly Policy[] = ["balanced", "fastest", "round_robin", "weighted"];

  test.each(policies)("gets one choice in ten under %s while there are others, and the receipt says so", (policy) => {
    const choices = times(2_000, (index) =>
      select(wanted({ seed: seedOf(index), turn: index, select: { policy } }), directoryOf(onTrial, agent("b"), agent("c"))),
    );
    const trials = choices.filter(({ agents }) => agents[0]?.agent === "a");
    expect(Math.abs(trials.length / choices.length - 0.1)).toBeLessThan(0.03);
    for (const { receipt } of trials) expect(receipt.note).toBe("an agent that failed lately is tried again");
  });

  test("gets everything when there is nobody else", () => {
    expect(times(20, (index) => chosenBy({ seed: seedOf(index) }, onTrial)[0])).toEqual(Array(20).fill("a"));
  });
});

describe("what is told about the chosen", () => {
  test("how long it takes, by figures once there are some, and how it is reached", () => {
    const lookup = lookupIn(
      directoryOf(
        agent("declares", { expectedLatencyMs: 70, dispatch: "queue", timeoutMs: 5_000 }),
        [agent("fresh"), stateOf(seen(9, { latencyMs: 40 }))],
        known("veteran", { latencyMs: 40, p95Ms: 90 }),
      ),
    );
    const work = { type: "capability", capability: "work" } as const;
    expect(lookup.find("declares", work)).toMatchObject({ way: "queue", expectedLatencyMs: 70, p95Ms: null, timeoutMs: 5_000 });
    expect(lookup.find("fresh", work)).toMatchObject({ way: null, expectedLatencyMs: 40, p95Ms: null });
    expect(lookup.find("veteran", work)).toMatchObject({ expectedLatencyMs: 40, p95Ms: 90 });
    expect(lookup.find("stranger", work)).toBeNull();
  });

  test("nothing, where nothing is known, whatever the capability is called", () => {
    for (const name of ["work", "constructor", "toString", "__proto__"]) {
      const lookup = lookupIn(directoryOf([agent("a", { capabilities: [{ name }] }), stateOf()]));
      const target = { type: "capability", capability: name } as const;
      expect(lookup.choose(wanted({ target }))?.agents).toMatchObject([{ agent: "a", expectedLatencyMs: null, p95Ms: null }]);
    }
  });

  test("of a capability's calls, how many were hedges", () => {
    const lookup = lookupIn(
      directoryOf([agent("a"), stateOf(seen(30, { hedges: 3 }))], [agent("b"), stateOf(seen(10, { hedges: 1 }))], agent("c")),
    );
    expect(lookup.hedging({ type: "capability", capability: "work" })).toEqual({ calls: 40, hedges: 4 });
    expect(lookup.hedging({ type: "capability", capability: "other" })).toEqual({ calls: 0, hedges: 0 });
  });
});
