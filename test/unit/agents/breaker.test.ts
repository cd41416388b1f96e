import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BreakerSettings } from "../../../src/agents/agent.ts";
import { breakerAt, CLOSED, recordOutcome, retrial, type BreakerState } from "../../../src/agents/object/breaker.ts";
import { LIMITS } from "../../../src/agents/limits.ts";
import { DEFAULTS } from "../../../src/shared/limits.ts";
import { isFault, OUTCOME_CLASSES, type OutcomeClass } from "../../../src/shared/outcome.ts";

const { consecutive, cooldownMs, failureRate, minCalls, windowMs } = DEFAULTS.breaker;

/** A breaker that hears of one call after another. */
class Agent {
  state: BreakerState = CLOSED;
  now = 1_000_000;
  readonly #settings: BreakerSettings | undefined;

  constructor(settings?: BreakerSettings) {
    this.#settings = settings;
  }

  replies(outcome: OutcomeClass, { times = 1, everyMs = 1, ms = 10, isProbe = false } = {}): this {
    for (let call = 0; call < times; call++) {
      this.now += everyMs;
      this.state = recordOutcome(this.state, { class: outcome, ms }, isProbe, this.#settings, this.now);
    }
    return this;
  }

  probed(outcome: OutcomeClass): this {
    return this.replies(outcome, { isProbe: true });
  }

  after(ms: number): this {
    this.now += ms;
    return this;
  }

  get status(): BreakerState["status"] {
    return breakerAt(this.state, this.now).status;
  }
}

const openAgent = (settings?: BreakerSettings): Agent => new Agent(settings).replies("unavailable", { times: consecutive });

describe("a closed breaker", () => {
  test("opens after so many faults in a row, and says so", () => {
    const agent = new Agent().replies("timeout", { times: consecutive - 1 });
    expect(agent.status).toBe("closed");
    agent.replies("invalid");
    expect(agent.state).toEqual({
      status: "open",
      since: agent.now,
      until: agent.now + cooldownMs,
      cooldownMs,
      reason: `${consecutive} failures in a row`,
    });
  });

  test("forgets the row at a success, but not the faults", () => {
    const agent = new Agent();
    for (let round = 0; round < 3; round++) agent.replies("unavailable", { times: consecutive - 1 }).replies("success");
    expect(agent.state).toMatchObject({ status: "open", reason: expect.stringMatching(/^\d+ of the last \d+ calls failed$/) });
  });

  test("opens at the failure rate, once there were enough calls to tell, and only by a fault", () => {
    const agent = new Agent();
    for (let call = 0; call < minCalls / 2 - 1; call++) agent.replies("unavailable").replies("success");
    agent.replies("unavailable");
    expect(agent.status).toBe("closed");
    agent.replies("success");
    expect(agent.status).toBe("closed");
    agent.replies("unavailable");
    expect(agent.state).toMatchObject({ reason: `${minCalls / 2 + 1} of the last ${minCalls + 1} calls failed` });
  });

  test("stays closed below the failure rate, however long that goes on", () => {
    const agent = new Agent();
    for (let round = 0; round < 500; round++) agent.replies("success", { times: 2 }).replies("unavailable", { everyMs: 1_000 });
    expect(agent.status).toBe("closed");
    expect(failureRate).toBeGreaterThan(1 / 3);
  });

  test("takes little room, however many calls there are in its window", () => {
    const agent = new Agent().replies("success", { times: 1_000, everyMs: windowMs / 500 });
    expect(agent.state.status === "closed" && agent.state.recent.length).toBeLessThanOrEqual(11);
    expect(agent.state.status === "closed" && agent.state.recent.reduce((sum, { calls }) => sum + calls, 0)).toBeGreaterThan(440);
  });

  test("forgets what is older than its window", () => {
    const agent = new Agent();
    for (let call = 0; call < minCalls / 2; call++) agent.replies("success").replies("unavailable", { everyMs: windowMs / 2 });
    expect(agent.status).toBe("closed");
  });

  test("counts nothing but the agent's own faults against it", () => {
    for (const outcome of OUTCOME_CLASSES) {
      expect(new Agent().replies(outcome, { times: 100 }).status, outcome).toBe(isFault(outcome) ? "open" : "closed");
    }
  });

  test("takes what is nobody's fault for neither a success nor a fault", () => {
    const agent = new Agent().replies("unavailable", { times: consecutive - 1 });
    for (const outcome of ["refused", "throttled", "lost", "canceled"] as const) agent.replies(outcome);
    expect(agent.replies("unavailable").status).toBe("open");
  });

  test("counts a slow reply as a fault, if the agent says so", () => {
    expect(new Agent().replies("success", { times: 100, ms: 5_000 }).status).toBe("closed");
    expect(new Agent({ slowMs: 1_000 }).replies("success", { times: 100, ms: 1_000 }).status).toBe("closed");
    expect(new Agent({ slowMs: 1_000 }).replies("success", { times: consecutive, ms: 1_001 }).status).toBe("open");
  });

  test("does as the agent says", () => {
    const settings = { consecutive: 2, cooldownMs: 5_000 };
    const agent = new Agent(settings).replies("timeout", { times: 2 });
    expect(agent.status).toBe("open");
    expect(agent.after(4_999).status).toBe("open");
    expect(agent.after(1).status).toBe("half_open");
    const picky = new Agent({ failureRate: 0.1, minCalls: 20 }).replies("success", { times: 18 }).replies("timeout");
    expect(picky.status).toBe("closed");
    expect(picky.replies("timeout").status).toBe("open");
  });
});

describe("an open breaker", () => {
  test("lets a probe through once its cooldown is over", () => {
    const agent = openAgent();
    expect(agent.after(cooldownMs - 1).status).toBe("open");
    expect(agent.after(1).status).toBe("half_open");
  });

  test("hears nothing new in replies to calls from before", () => {
    const agent = openAgent();
    const before = agent.state;
    for (const outcome of OUTCOME_CLASSES) expect(agent.replies(outcome).state).toBe(before);
    agent.after(cooldownMs).replies("success", { times: 10 }).replies("timeout", { times: 10 });
    expect(agent.state).toMatchObject({ status: "half_open", successes: 0, cooldownMs });
  });
});

describe("a half-open breaker", () => {
  test("closes with a clean slate when the probe succeeds", () => {
    expect(openAgent().after(cooldownMs).probed("success").state).toEqual(CLOSED);
  });

  test("takes as many probes in a row as the agent says", () => {
    const agent = openAgent({ probes: 3 }).after(cooldownMs).probed("success").probed("success");
    expect(agent.status).toBe("half_open");
    expect(agent.probed("success").status).toBe("closed");
    const other = openAgent({ probes: 3 }).after(cooldownMs).probed("success").probed("success").probed("timeout");
    expect(other.status).toBe("open");
    expect(other.after(2 * cooldownMs).probed("success").state).toMatchObject({ status: "half_open", successes: 1 });
  });

  test("opens for twice as long each time that a probe fails, up to a limit", () => {
    const agent = openAgent();
    const cooldowns: number[] = [];
    for (let probe = 0; probe < 10; probe++) {
      if (agent.state.status !== "open") throw new Error("it is not open");
      cooldowns.push(agent.state.until - agent.now);
      agent.after(agent.state.until - agent.now).probed("timeout");
    }
    expect(cooldowns.slice(0, 4)).toEqual([1, 2, 4, 8].map((times) => times * cooldownMs));
    expect(cooldowns.at(-1)).toBe(LIMITS.breakerCooldownMs);
  });

  test("starts with the agent's own cooldown again after it was closed", () => {
    const agent = openAgent()
      .after(cooldownMs)
      .probed("timeout")
      .after(2 * cooldownMs)
      .probed("success");
    expect(agent.replies("timeout", { times: consecutive }).state).toMatchObject({ cooldownMs });
  });

  test("stays as it is when the probe says nothing about the agent", () => {
    const agent = openAgent().after(cooldownMs).probed("canceled").probed("refused").probed("lost");
    expect(agent.status).toBe("half_open");
  });

  test("is what an agent that registers again gets, at once", () => {
    const agent = openAgent().after(1);
    expect(retrial(agent.state, agent.now)).toEqual({ status: "half_open", since: agent.now, cooldownMs, successes: 0 });
    // One that is in use keeps what counts against it: an agent that crashes and boots in turns must not escape.
    const crashing = new Agent().replies("timeout").state;
    expect(retrial(crashing, agent.now)).toBe(crashing);
  });
});

describe("whatever happens", () => {
  const calls = fc.array(
    fc.record({
      outcome: fc.constantFrom(...OUTCOME_CLASSES),
      isProbe: fc.boolean(),
      everyMs: fc.oneof(fc.nat(2_000), fc.nat(100_000)),
      ms: fc.nat(5_000),
    }),
    { maxLength: 200 },
  );
  const settings = fc.option(
    fc.record({
      consecutive: fc.integer({ min: 1, max: 10 }),
      failureRate: fc.double({ min: 0.01, max: 1, noNaN: true }),
      minCalls: fc.integer({ min: 1, max: 20 }),
      windowMs: fc.integer({ min: 1_000, max: 3_600_000 }),
      probes: fc.integer({ min: 1, max: 5 }),
      slowMs: fc.nat(5_000),
    }),
    { nil: undefined },
  );

  test("it opens only at a fault, closes only at a probe that succeeds, and stays small", () => {
    fc.assert(
      fc.property(calls, settings, (all, declared) => {
        const agent = new Agent(declared);
        for (const { outcome, isProbe, everyMs, ms } of all) {
          const before = breakerAt(agent.state, agent.now + everyMs).status;
          agent.replies(outcome, { isProbe, everyMs, ms });
          const after = agent.state.status;
          const isSlow = declared !== undefined && ms > declared.slowMs;
          if (before !== "open" && after === "open") expect(isFault(outcome) || (outcome === "success" && isSlow)).toBe(true);
          if (before !== "closed" && after === "closed") expect(isProbe && outcome === "success" && !isSlow).toBe(true);
          if (agent.state.status === "closed") expect(agent.state.recent.length).toBeLessThanOrEqual(11);
        }
      }),
    );
  });

  test("what is stored and read again goes on the same", () => {
    fc.assert(
      fc.property(calls, settings, (all, declared) => {
        const [agent, reloaded] = [new Agent(declared), new Agent(declared)];
        for (const { outcome, ...rest } of all) {
          reloaded.state = JSON.parse(JSON.stringify(reloaded.state)) as BreakerState;
          expect(reloaded.replies(outcome, rest).state).toEqual(agent.replies(outcome, rest).state);
        }
      }),
    );
  });
});

describe("an agent that asks for patience", () => {
  const asked = (state: BreakerState, heldUntil: number, now: number): BreakerState =>
    recordOutcome(state, { class: "throttled", ms: 5, heldUntil }, false, { consecutive: 1_000 }, now);

  test("is left alone until then, at most for a minute by each answer, and is on trial afterwards", () => {
    const held = asked(CLOSED, 21_000, 1_000);
    expect(held).toMatchObject({ status: "open", until: 21_000, isAsked: true });
    expect(asked(held, 15_000, 2_000)).toBe(held);
    expect(asked(held, 9_000_000, 2_000)).toMatchObject({ status: "open", since: 1_000, until: 2_000 + LIMITS.patienceMs });
    expect(breakerAt(held, 21_000)).toMatchObject({ status: "half_open", isAsked: true });
    expect(recordOutcome(held, { class: "success", ms: 5 }, true, undefined, 21_000)).toEqual(CLOSED);
    expect(asked(breakerAt(held, 21_000), 30_000, 22_000)).toMatchObject({ status: "open", until: 30_000 });
  });

  test("is used on where what it said comes too late", () => expect(asked(CLOSED, 1_000, 1_000)).toBe(CLOSED));
});
