/**
 * Choices, replies and what is published of them, played over some thousand choices: does it find the best agent, and
 * follow when that changes? No chance and no clock: replies depend on the name of the attempt.
 */
import { describe, expect, test } from "vitest";
import type { AgentState } from "../../../src/agents/agent-state.ts";
import { WEIGHTS } from "../../../src/agents/selection/score.ts";
import { select, snapshotOf } from "../../../src/agents/selection/selection.ts";
import { Statistics } from "../../../src/agents/object/statistics.ts";
import { LIMITS } from "../../../src/agents/limits.ts";
import { unitFromText } from "../../../src/shared/random.ts";
import { agent, directoryOf, NOW, seen, stateOf, wanted } from "./candidates.ts";

/** What an agent is really like: how often it succeeds, and how long it takes on average. */
interface Nature {
  readonly success: number;
  readonly ms: number;
}
type Fleet = { readonly [id: string]: Nature };
type ScoringPolicy = keyof typeof WEIGHTS;

interface Play {
  readonly policy?: ScoringPolicy | "at random";
  readonly choices?: number;
  /** Between two choices; what comes of them is published every `LIMITS.publishMs`. */
  readonly everyMs?: number;
  /** The measure of regret. */
  readonly measure?: ScoringPolicy;
}

/** Who was chosen, and how much worse than the best that was, in all. */
function play(fleetAt: (choice: number) => Fleet, { policy = "balanced", choices = 2_000, everyMs = 500, ...rest }: Play = {}) {
  const weights = WEIGHTS[rest.measure ?? (policy === "at random" ? "balanced" : policy)];
  const statistics = new Map<string, Statistics>();
  let states: ReadonlyMap<string, AgentState> = new Map();
  let publishedAt = Number.NEGATIVE_INFINITY;
  let regret = 0;
  const picks: string[] = [];
  for (let choice = 0; choice < choices; choice++) {
    const now = NOW + choice * everyMs;
    const seed = `task_${choice}/a/1`;
    const fleet = fleetAt(choice);
    const ids = Object.keys(fleet);
    if (now - publishedAt >= LIMITS.publishMs) {
      publishedAt = now;
      states = new Map(ids.map((id) => [id, stateOf({ at: now, capabilities: statistics.get(id)?.all(now) ?? {} })]));
    }
    const directory = snapshotOf(
      ids.map((id) => agent(id)),
      states,
      now,
    );
    const id =
      policy === "at random"
        ? (ids[Math.floor(unitFromText(`${seed} at random`) * ids.length)] as string)
        : (select(wanted({ seed, now, select: { policy } }), directory).agents[0]?.agent as string);
    picks.push(id);
    const { success, ms } = fleet[id] as Nature;
    const isGood = unitFromText(`${seed} succeeds`) < success;
    const took = ms * (0.5 + unitFromText(`${seed} takes`));
    const mine = statistics.get(id) ?? new Statistics(now);
    statistics.set(id, mine);
    mine.add("work", { class: isGood ? "success" : "unavailable", ms: took, costUsd: null, tokens: null, hedge: false }, now);

    const fastest = Math.min(...Object.values(fleet).map((nature) => nature.ms));
    const worth = (nature: Nature): number => weights.success * nature.success + (weights.latency * fastest) / nature.ms;
    regret += Math.max(...Object.values(fleet).map(worth)) - worth(fleet[id] as Nature);
  }
  return { picks, regret };
}

const shareOf = (id: string, picks: readonly string[]): number => picks.filter((pick) => pick === id).length / picks.length;

/** The regret of a policy as a share of that of picking at random. */
function regretOf(fleetAt: (choice: number) => Fleet, options: Play & { readonly policy: ScoringPolicy }): number {
  return play(fleetAt, options).regret / play(fleetAt, { ...options, policy: "at random", measure: options.policy }).regret;
}

const fleet: Fleet = {
  a: { success: 0.95, ms: 200 },
  b: { success: 0.9, ms: 400 },
  c: { success: 0.8, ms: 600 },
  d: { success: 0.7, ms: 300 },
  e: { success: 0.6, ms: 800 },
};

describe("of agents that nobody knows", () => {
  test.each([
    ["balanced", 0.93, 0.15],
    ["fastest", 0.93, 0.15],
    ["most_reliable", 0.8, 0.25],
  ] as const)("%s finds the best, which soon gets nearly everything", (policy, share, regret) => {
    const { picks } = play(() => fleet, { policy });
    expect(shareOf("a", picks.slice(1_000))).toBeGreaterThan(share);
    expect(regretOf(() => fleet, { policy })).toBeLessThan(regret);
  });

  test("it is found with a choice every five seconds too, where half of what is seen has faded after 120 of them", () => {
    const { picks } = play(() => fleet, { everyMs: 5_000 });
    expect(shareOf("a", picks.slice(1_000))).toBeGreaterThan(0.75);
    expect(regretOf(() => fleet, { policy: "balanced", everyMs: 5_000 })).toBeLessThan(0.3);
  });

  test("it is found with two hundred choices between two pictures", () => {
    const { picks } = play(() => fleet, { everyMs: 50, choices: 4_000 });
    expect(shareOf("a", picks.slice(2_000))).toBeGreaterThan(0.95);
    expect(regretOf(() => fleet, { policy: "balanced", everyMs: 50, choices: 4_000 })).toBeLessThan(0.2);
  });

  test("on one picture choices are spread over them all", () => {
    const { picks } = play(() => fleet, { everyMs: 1, choices: 2_000 });
    for (const id of Object.keys(fleet)) expect(Math.abs(shareOf(id, picks) - 0.2)).toBeLessThan(0.05);
  });
});

describe("a newcomer", () => {
  const arrives = (nature: Nature) => (choice: number) => (choice < 1_000 ? fleet : { ...fleet, f: nature });

  test("that is better has most of the choices within fifty, and nearly all in the end", () => {
    const { picks } = play(arrives({ success: 0.99, ms: 100 }));
    expect(shareOf("f", picks.slice(1_050, 1_150))).toBeGreaterThan(0.7);
    expect(shareOf("f", picks.slice(1_500))).toBeGreaterThan(0.9);
  });

  test("that is worse gets a fair trial, and little after it", () => {
    const { picks } = play(arrives({ success: 0.7, ms: 300 }));
    expect(picks.slice(1_000, 1_100).filter((id) => id === "f").length).toBeGreaterThanOrEqual(5);
    expect(shareOf("f", picks.slice(1_100))).toBeLessThan(0.05);
  });

  test("that always fails costs little", () => {
    const { picks } = play(arrives({ success: 0, ms: 100 }));
    expect(picks.filter((id) => id === "f").length).toBeLessThan(60);
  });

  test.each([1, 3, 20])("or %i of them, nobody knows yet: they have a fifth of the choices together until there is news", (count) => {
    const veterans = Object.keys(fleet).map((id) => [agent(id), stateOf(seen(1_000, { successes: 950 }))] as const);
    const newcomers = Array.from({ length: count }, (_, index) => agent(`new_${index}`));
    const directory = directoryOf(...veterans, ...newcomers);
    const picks = Array.from(
      { length: 1_000 },
      (_, index) => select(wanted({ seed: `task_${index}/a/1` }), directory).agents[0]?.agent ?? "",
    );
    const theirs = picks.filter((id) => id.startsWith("new_")).length / picks.length;
    expect(theirs).toBeGreaterThan(0.15);
    expect(theirs).toBeLessThan(0.25);
  });

  test("nobody has timed is taken for one in the middle, not for the fastest", () => {
    const timed = [100, 200, 900].map((ms) => [agent(`t_${ms}`), stateOf(seen(100, { latencyMs: ms }))] as const);
    const { receipt } = select(
      wanted({ seed: "task_1/a/1" }),
      directoryOf(...timed, [agent("untimed"), stateOf(seen(100, { latencyMs: null }))]),
    );
    const latencyOf = (id: string) => receipt.candidates.find((candidate) => candidate.agent === id)?.parts?.["latency"];
    expect(latencyOf("untimed")).toBe(latencyOf("t_200"));
  });
});

describe("when agents change", () => {
  const changes = (after: Fleet) => (choice: number) => (choice < 2_000 ? fleet : { ...fleet, ...after });
  const best = { d: { success: 0.98, ms: 150 } };

  test.each([
    ["fails", { success: 0.3, ms: 200 }, "balanced"],
    ["fails", { success: 0.3, ms: 200 }, "most_reliable"],
    ["slows down", { success: 0.95, ms: 2_000 }, "balanced"],
    ["slows down", { success: 0.95, ms: 2_000 }, "fastest"],
  ] as const)("and the best %s (%o), another is found under %s", (_, turned, policy) => {
    const worlds = changes({ a: turned, ...best });
    const { picks } = play(worlds, { policy, choices: 4_000 });
    expect(shareOf("a", picks.slice(1_000, 2_000))).toBeGreaterThan(0.8);
    expect(shareOf("a", picks.slice(2_400))).toBeLessThan(0.1);
    expect(shareOf("d", picks.slice(3_000))).toBeGreaterThan(0.9);
    expect(regretOf(worlds, { policy, choices: 4_000 })).toBeLessThan(0.4);
  });

  test("one that was bad and is the best now is found, although nothing went wrong with the others", () => {
    const { picks } = play(changes({ e: { success: 0.99, ms: 60 } }), { choices: 6_000 });
    expect(shareOf("e", picks.slice(5_000))).toBeGreaterThan(0.8);
  });
});

describe("what is added to a score for exploring", () => {
  const deviatesOf = (id: string, calls: number): readonly number[] => {
    const candidate = (id: string) => [agent(id), stateOf(seen(calls))] as const;
    const directory = directoryOf(candidate("agent_1"), candidate("agent_2"));
    return Array.from({ length: 5_000 }, (_, index) => {
      const { candidates } = select(wanted({ seed: `task_${index}/a/1` }), directory).receipt;
      return candidates.find(({ agent }) => agent === id)?.parts?.["exploration"] ?? 0;
    });
  };
  const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;
  const product = (a: readonly number[], b: readonly number[]): readonly number[] => a.map((one, index) => one * (b[index] as number));

  test("is normal, centred on nothing, and independent between agents", () => {
    const [one, two] = [deviatesOf("agent_1", 0), deviatesOf("agent_2", 0)];
    const width = Math.sqrt(mean(product(one, one)));
    expect(Math.abs(mean(one)) / width).toBeLessThan(0.05);
    expect(Math.abs(mean(product(one, two))) / width ** 2).toBeLessThan(0.05);
    const beyond = (widths: number): number => one.filter((deviate) => deviate > widths * width).length / one.length;
    expect(beyond(1)).toBeCloseTo(0.1587, 1.5);
    expect(beyond(2)).toBeCloseTo(0.0228, 2);
  });

  test("shrinks with the root of what has been seen", () => {
    const widthAfter = (calls: number): number => Math.sqrt(mean(deviatesOf("agent_1", calls).map((deviate) => deviate ** 2)));
    expect(widthAfter(0) / widthAfter(99)).toBeCloseTo(10, 0);
  });
});
