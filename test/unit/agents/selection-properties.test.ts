/** What holds for every directory and every question, over thousands of random ones. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AgentState } from "../../../src/agents/agent-state.ts";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import { isOnTrial, ruledOut } from "../../../src/agents/selection/filters.ts";
import { select, type DirectorySnapshot } from "../../../src/agents/selection/selection.ts";
import { POLICIES } from "../../../src/language/agent-definition.ts";
import { selectionOf } from "../../../src/language/staffing.ts";
import type { Wanted } from "../../../src/engine/world.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { agent, directoryOf, NOW, seen, stateOf, wanted } from "./candidates.ts";

const ids = Array.from({ length: 15 }, (_, index) => `agent_${index}`);
const defined = <T extends object>(members: T): T =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 2 });

const inputSchema = { type: "object", required: ["text"] };
const capabilities = fc.record({
  version: maybe(fc.constantFrom("1", "2", "2.1", "2.1.7")),
  inputSchema: maybe(fc.constant(inputSchema)),
  price: maybe(fc.record({ perCallUsd: fc.constantFrom(0, 0.1, 1) })),
});
const records = fc
  .record({
    capability: capabilities,
    kind: fc.constantFrom("http", "http", "pull"),
    draining: maybe(fc.boolean()),
    region: maybe(fc.constantFrom("eu", "us")),
    labels: maybe(fc.dictionary(fc.constantFrom("tier", "gpu"), fc.constantFrom("gold", "yes"))),
    weight: maybe(fc.double({ min: 0.001, max: 1_000, noNaN: true })),
    expectedLatencyMs: fc.option(fc.nat(5_000)),
    limits: maybe(fc.record({ maxConcurrency: fc.integer({ min: 1, max: 100 }) })),
    updatedAt: fc.constantFrom(0, NOW - 500, NOW),
  })
  .map(({ capability, ...rest }) => defined({ ...rest, capabilities: [defined({ ...capability, name: "work" })] }) as Partial<AgentRecord>);
const figures = fc
  .record({
    calls: fc.constantFrom(0, 1, 20, 10_000),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    latencyMs: fc.option(fc.nat(10_000)),
    p50Ms: fc.option(fc.nat(5_000)),
    costUsd: fc.option(fc.constantFrom(0, 0.05, 2)),
  })
  .map(({ calls, share, p50Ms, ...rest }) => {
    const quantiles = { p50Ms, p95Ms: p50Ms && p50Ms * 2, p99Ms: p50Ms && p50Ms * 3 };
    return seen(calls, { ...rest, ...quantiles, successes: calls * share });
  });
const states = fc
  .record({
    status: fc.constantFrom("healthy", "healthy", "degraded", "unhealthy", "offline"),
    breaker: fc.constantFrom<AgentState["breaker"]>(
      { status: "closed" },
      { status: "closed" },
      { status: "half_open" },
      { status: "open", until: NOW + 1, reason: "it failed" },
      { status: "open", until: NOW, reason: "it failed" },
    ),
    inFlight: fc.nat(20),
    waiting: fc.nat(20),
    figures: fc.option(figures, { nil: {} }),
  })
  .map(({ figures, ...rest }) => stateOf({ ...rest, ...figures }));

type Candidate = readonly [agent: AgentRecord, state: AgentState] | AgentRecord;
const fleets: fc.Arbitrary<readonly Candidate[]> = fc
  .uniqueArray(fc.record({ id: fc.constantFrom(...ids), record: records, state: fc.option(states) }), { selector: ({ id }) => id })
  .map((all) => all.map(({ id, record, state }) => (state === null ? agent(id, record) : ([agent(id, record), state] as const))));

const some = fc.subarray(ids.slice(0, 8));
const questions: fc.Arbitrary<Wanted> = fc
  .record({
    select: fc
      .record({
        policy: fc.constantFrom(...POLICIES),
        version: maybe(fc.constantFrom("2", "2.1")),
        region: maybe(fc.constant("eu")),
        labels: maybe(fc.constant({ tier: "gold" })),
        exclude: maybe(some),
        max_cost_usd: maybe(fc.constantFrom(0, 0.1, 1)),
        meet: maybe(fc.record({ within: fc.constant("1s"), probability: fc.constantFrom(0.5, 0.95) })),
      })
      .map((select) => selectionOf(defined({ ...select, sticky: "input.key" }))),
    count: fc.constantFrom(1, 1, 1, 2, 3, 10),
    seed: fc.string(),
    turn: fc.nat(),
    stickyKey: fc.string(),
    busyWithIt: fc.subarray(ids, { maxLength: 2 }),
    declined: fc.subarray(ids, { maxLength: 2 }),
    tried: fc.oneof(fc.constant([]), some),
    prefer: fc.option(fc.constantFrom(...ids)),
    withinMs: fc.option(fc.nat(10_000)),
    input: fc.constantFrom({}, { text: "x" }),
    evidence: fc.dictionary(
      fc.constantFrom(...ids),
      fc.record({
        successes: fc.nat(20),
        faults: fc.nat(20),
        faultsInARow: fc.nat(7),
        lastFaultAt: fc.constantFrom(NOW - 1_000, NOW - 100_000),
        latencyMs: fc.option(fc.nat(5_000)),
      }),
    ),
    busy: fc.dictionary(fc.constantFrom(...ids), fc.nat(50)),
  })
  .map(({ select, busyWithIt, declined, tried, evidence, busy, input, ...rest }) =>
    wanted({
      ...rest,
      selection: select,
      input: () => input,
      barred: new Map([
        ...busyWithIt.map((id) => [id, "busy_with_it"] as const),
        ...declined.filter((id) => !busyWithIt.includes(id)).map((id) => [id, "declined"] as const),
      ]),
      tried: new Set(tried),
      evidence: new Map(Object.entries(evidence)),
      busy: new Map(Object.entries(busy)),
    }),
  );

const holds = (check: (fleet: readonly Candidate[], question: Wanted, directory: DirectorySnapshot) => void, numRuns = 1_000): void =>
  fc.assert(
    fc.property(fleets, questions, (fleet, question) => check(fleet, question, directoryOf(...fleet))),
    { numRuns },
  );

const SCORING: readonly string[] = ["balanced", "fastest", "cheapest", "most_reliable", "least_loaded"];
const candidatesIn = (directory: DirectorySnapshot) => directory.byCapability.get("work") ?? [];
const eligibleIn = (directory: DirectorySnapshot, question: Wanted) =>
  candidatesIn(directory).filter((candidate) => ruledOut(candidate, question, question.input) === null);

describe("for every directory and question", () => {
  test("the same question gets the same answer", () => {
    holds((_, question, directory) => {
      expect(select(question, directory)).toEqual(select(question, directory));
    });
  });

  test("it does not matter in which order the agents are known", () => {
    holds((fleet, question, directory) => {
      const [one, other] = [select(question, directory), select(question, directoryOf(...fleet.toReversed()))];
      expect(other.agents).toEqual(one.agents);
      const ranked = ({ receipt }: typeof one) => receipt.candidates.filter(({ score }) => score !== undefined);
      expect(ranked(other)).toEqual(ranked(one));
    });
  });

  test("nobody is chosen whom a rule rules out, nobody twice, and never more than are wanted", () => {
    holds((_, question, directory) => {
      const chosen = select(question, directory).agents.map(({ agent }) => agent);
      const eligible = eligibleIn(directory, question).map(({ agent }) => agent.id);
      expect(new Set(chosen).size).toBe(chosen.length);
      expect(chosen.filter((id) => !eligible.includes(id))).toEqual([]);
      expect(chosen.length).toBe(Math.min(question.count, eligible.length));
    });
  });

  test("who failed the step is asked again only if nobody else is left", () => {
    const steps = fc.record({ there: some, tried: some, count: fc.integer({ min: 1, max: 5 }), seed: fc.string() });
    fc.assert(
      fc.property(steps, ({ there, tried, ...rest }) => {
        const { agents } = select(wanted({ ...rest, tried: new Set(tried) }), directoryOf(...there.map((id) => agent(id))));
        const untried = there.filter((id) => !tried.includes(id));
        const chosen = agents.map(({ agent }) => agent).filter((id) => untried.includes(id));
        expect(chosen.length).toBe(Math.min(rest.count, untried.length));
      }),
      { numRuns: 1_000 },
    );
  });

  test("the receipt names the chosen first, and the scores are in order under a policy that scores", () => {
    holds((_, question, directory) => {
      const { agents, receipt } = select(question, directory);
      expect(receipt.policy).toBe(question.selection.policy);
      if (agents.length < question.count) {
        expect(receipt.candidates.some(({ verdict }) => verdict === "chosen")).toBe(false);
        return;
      }
      const chosen = receipt.candidates.slice(0, agents.length);
      expect(chosen.map(({ agent, verdict }) => [agent, verdict])).toEqual(agents.map(({ agent }) => [agent, "chosen"]));
      expect(receipt.candidates.filter(({ verdict }) => verdict === "chosen")).toHaveLength(agents.length);
      // Those on trial and those who failed the step have their places apart from the others.
      const isMixed = question.tried.size > 0 || candidatesIn(directory).some((candidate) => isOnTrial(candidate, question));
      if (isMixed || !SCORING.includes(question.selection.policy)) return;
      const scores = receipt.candidates.flatMap(({ score }) => (score === undefined ? [] : [score]));
      // Those who are known and those who are not are two orders, one after the other.
      const climbs = scores.filter((score, index) => index > 0 && score > (scores[index - 1] ?? 0));
      expect(climbs.length).toBeLessThanOrEqual(1);
    });
  });

  test("every score is a number", () => {
    holds((_, question, directory) => {
      for (const { score, parts } of select(question, directory).receipt.candidates) {
        for (const number of [score ?? 0, ...Object.values(parts ?? {})]) expect(Number.isFinite(number)).toBe(true);
      }
    });
  });

  test("the receipt counts everybody, and gives a reason for whoever was ruled out", () => {
    holds((_, question, directory) => {
      const { candidates, more = 0 } = select(question, directory).receipt;
      expect(candidates.length + more).toBe(candidatesIn(directory).length);
      for (const { verdict, reason } of candidates) {
        expect(reason === undefined).toBe(verdict === "chosen" || verdict === "eligible");
      }
    });
  });

  test("the receipt stays small with a thousand agents, whoever of them is ruled out", () => {
    const ways = fc.record({ draining: fc.nat(LIMITS.agentsPerTenant), count: fc.integer({ min: 1, max: LIMITS.ensembleAgents }) });
    fc.assert(
      fc.property(ways, ({ draining, count }) => {
        const fleet = Array.from({ length: LIMITS.agentsPerTenant }, (_, index) => agent(`agent_${index}`, { draining: index < draining }));
        const { agents, receipt } = select(wanted({ count }), directoryOf(...fleet));
        expect(agents).toHaveLength(Math.min(count, fleet.length - draining));
        expect(receipt.candidates.length).toBeLessThanOrEqual(LIMITS.receiptCandidates + agents.length);
        expect(receipt.candidates.length + (receipt.more ?? 0)).toBe(fleet.length);
      }),
      { numRuns: 10 },
    );
  });
});
