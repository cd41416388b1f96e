import { describe, expect, test } from "vitest";
import type { AgentState } from "../../../src/agents/agent-state.ts";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import { select } from "../../../src/agents/selection/selection.ts";
import type { SelectDefinition } from "../../../src/language/agent-definition.ts";
import type { Choice, Wanted } from "../../../src/engine/world.ts";
import { DEFAULTS } from "../../../src/shared/limits.ts";
import { agent, directoryOf, failed, NOW, seen, stateOf, wanted } from "./candidates.ts";

interface Case {
  readonly agent?: Partial<AgentRecord>;
  readonly state?: Partial<AgentState>;
  readonly wanted?: Partial<Wanted> & { readonly select?: SelectDefinition };
}

/** The choice where `one` is all there is. */
function choiceOf(given: Case): Choice {
  const one = agent("one", given.agent);
  return select(wanted(given.wanted), directoryOf(given.state ? [one, stateOf(given.state)] : one));
}

const CHOSEN = { agents: [{ agent: "one" }], receipt: { candidates: [{ agent: "one", verdict: "chosen" }] } };

const versioned = (version?: string): Case => ({
  agent: { capabilities: [{ name: "work", ...(version !== undefined && { version }) }] },
  wanted: { select: { version: "2.1" } },
});
const text = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const open = { status: "open", until: NOW + 5_000, reason: "5 failures in a row" } as const;
const { consecutive, cooldownMs } = DEFAULTS.breaker;

describe("an agent is ruled out, and the receipt says why", () => {
  const rows: readonly (readonly [when: string, given: Case, verdict: string, reason: string])[] = [
    ["it offers another version", versioned("2.2.1"), "version", "offers 2.2.1, wanted 2.1"],
    ["its version only begins with the same digits", versioned("2.10"), "version", "offers 2.10, wanted 2.1"],
    ["it says nothing of its version", versioned(), "version", "offers no version, wanted 2.1"],
    [
      "the input is not what it takes",
      { agent: { capabilities: [{ name: "work", inputSchema: text }] }, wanted: { input: () => ({ text: 7 }) } },
      "input_schema",
      "/text: Instance type",
    ],
    [
      "the input as a whole is not what it takes",
      { agent: { capabilities: [{ name: "work", inputSchema: text }] }, wanted: { input: () => "text" } },
      "input_schema",
      "the input: Instance type",
    ],
    ["it is offline", { state: { status: "offline", reason: "no heartbeat for 30 s" } }, "health", "offline: no heartbeat for 30 s"],
    ["its probes fail", { state: { status: "unhealthy", reason: "3 probes failed" } }, "health", "unhealthy: 3 probes failed"],
    ["it drains", { agent: { draining: true } }, "draining", "it takes no new work"],
    [
      "its breaker is open",
      { state: { status: "unhealthy", breaker: open } },
      "breaker",
      `left alone until ${new Date(NOW + 5_000).toISOString()}: 5 failures in a row`,
    ],
    [
      "it has failed this task as often in a row as opens a breaker",
      { wanted: { evidence: new Map([["one", failed(consecutive)]]) } },
      "breaker",
      "5 failures in a row in this task",
    ],
    [
      "… or as often as it says itself",
      { agent: { breaker: { consecutive: 2 } }, wanted: { evidence: new Map([["one", failed(2)]]) } },
      "breaker",
      "2 failures in a row in this task",
    ],
    ["it is elsewhere", { agent: { region: "us" }, wanted: { select: { region: "eu" } } }, "region", "is in us, wanted eu"],
    ["it does not say where it is", { wanted: { select: { region: "eu" } } }, "region", "is in no declared region, wanted eu"],
    [
      "a label differs",
      { agent: { labels: { tier: "free", gpu: "yes" } }, wanted: { select: { labels: { gpu: "yes", tier: "gold" } } } },
      "labels",
      "label tier is free, wanted gold",
    ],
    ["a label is absent", { wanted: { select: { labels: { gpu: "yes" } } } }, "labels", "label gpu is absent, wanted yes"],
    [
      "it costs too much by its own account",
      { agent: { price: { perCallUsd: 0.25, per1kInputTokensUsd: 0.5 } }, wanted: { select: { max_cost_usd: 0.5 } } },
      "price",
      "a call costs about 0.75 USD, more than 0.5",
    ],
    [
      "it has cost too much lately, whatever it declares",
      { agent: { price: { perCallUsd: 0.1 } }, state: seen(10, { costUsd: 0.5 }), wanted: { select: { max_cost_usd: 0.25 } } },
      "price",
      "a call costs about 0.5 USD, more than 0.25",
    ],
    ["the step excludes it", { wanted: { select: { exclude: ["one"] } } }, "excluded", "the step excludes it"],
    [
      "it works on the step already",
      { wanted: { barred: new Map([["one", "busy_with_it"]]) } },
      "excluded",
      "it works on this step already",
    ],
    ["its line turned the step away", { wanted: { barred: new Map([["one", "declined"]]) } }, "declined", "it turned the step away"],
  ];
  test.each(rows)("when %s", (_, given, verdict, reason) => {
    const { agents, receipt } = choiceOf(given);
    expect(agents).toEqual([]);
    expect(receipt.candidates).toEqual([{ agent: "one", verdict, reason: expect.stringContaining(reason) }]);
  });

  test("when it failed the step and there is somebody else", () => {
    const { agents, receipt } = select(wanted({ tried: new Set(["one"]) }), directoryOf(agent("one"), agent("two")));
    expect(agents.map(({ agent }) => agent)).toEqual(["two"]);
    expect(receipt.candidates).toContainEqual({ agent: "one", verdict: "tried", reason: "it failed this step already" });
  });

  test("when the step is to be tried again on the same agent, and it is another", () => {
    const { agents, receipt } = select(wanted({ tried: new Set(["one"]), prefer: "one" }), directoryOf(agent("one"), agent("two")));
    expect(agents.map(({ agent }) => agent)).toEqual(["one"]);
    expect(receipt.candidates).toContainEqual({ agent: "two", verdict: "tried", reason: "the step is tried again on the same agent" });
  });

  test("by the first rule that does", () => {
    const given = { ...versioned("1"), state: { status: "offline", reason: "gone" } } as const;
    expect(choiceOf({ ...given, agent: { ...given.agent, draining: true } }).receipt.candidates).toMatchObject([{ verdict: "version" }]);
  });
});

describe("an agent is not ruled out", () => {
  const rows: readonly (readonly [when: string, given: Case])[] = [
    ["when it offers the version", versioned("2.1")],
    ["when it offers a finer version than is wanted", versioned("2.1.7")],
    [
      "for what it has cost exactly as much as is allowed",
      { agent: { price: { perCallUsd: 1 } }, wanted: { select: { max_cost_usd: 1 } } },
    ],
    [
      "for labels that nobody asked for",
      { agent: { labels: { tier: "free", gpu: "yes" } }, wanted: { select: { labels: { gpu: "yes" } } } },
    ],
    [
      "by an input that suits its schema",
      { agent: { capabilities: [{ name: "work", inputSchema: text }] }, wanted: { input: () => ({ text: "x" }) } },
    ],
    ["while it is degraded", { state: { status: "degraded", reason: "a health probe failed" } }],
    ["when it registered again since it was offline", { agent: { updatedAt: NOW }, state: { status: "offline", reason: "silent" } }],
    ["when it registered again since its probes failed", { agent: { updatedAt: NOW }, state: { status: "unhealthy", reason: "500" } }],
    ["when it registered again since its breaker opened", { agent: { updatedAt: NOW }, state: { status: "unhealthy", breaker: open } }],
    ["once the breaker's cooldown is over", { state: { status: "unhealthy", breaker: { ...open, until: NOW } } }],
    ["by a breaker that lets calls through to find out", { state: { status: "degraded", breaker: { status: "half_open" } } }],
    ["by one failure less than opens a breaker", { wanted: { evidence: new Map([["one", failed(consecutive - 1)]]) } }],
    ["by failures of long ago", { wanted: { evidence: new Map([["one", failed(consecutive, { lastFaultAt: NOW - cooldownMs })]]) } }],
    [
      "by failures before it registered again",
      { agent: { updatedAt: NOW }, wanted: { evidence: new Map([["one", failed(consecutive)]]) } },
    ],
  ];
  test.each(rows)("%s", (_, given) => expect(choiceOf(given)).toMatchObject(CHOSEN));

  test("for having failed the step, when there is nobody else", () => {
    expect(choiceOf({ wanted: { tried: new Set(["one"]) } })).toMatchObject(CHOSEN);
  });
});

describe("an agent on trial is asked through its object", () => {
  const needsSlot = (given: Case): boolean | undefined => choiceOf(given).agents[0]?.needsSlot;
  test("when its breaker is half open or its cooldown is over", () => {
    expect(needsSlot({ state: { breaker: { status: "half_open" } } })).toBe(true);
    expect(needsSlot({ state: { breaker: { ...open, until: NOW } } })).toBe(true);
    expect(needsSlot({ state: {} })).toBe(false);
  });
  test("when the task itself saw it fail so often in a row", () => {
    const evidence = new Map([["one", failed(consecutive, { lastFaultAt: NOW - cooldownMs })]]);
    expect(needsSlot({ wanted: { evidence } })).toBe(true);
    expect(needsSlot({ wanted: { evidence: new Map([["one", failed(1)]]) } })).toBe(false);
  });
  test("like one with limits and one that pulls", () => {
    expect(needsSlot({ agent: { limits: { maxConcurrency: 1 } } })).toBe(true);
    expect(needsSlot({ agent: { kind: "pull", url: "" } })).toBe(true);
  });
});

describe("the step's input", () => {
  test("is evaluated once, and only if somebody declares what it takes", () => {
    let evaluated = 0;
    const input = () => ({ text: String(++evaluated) });
    select(wanted({ input }), directoryOf(agent("a"), agent("b")));
    expect(evaluated).toBe(0);
    const picky = { capabilities: [{ name: "work", inputSchema: text }] };
    select(wanted({ input }), directoryOf(agent("a", picky), agent("b", picky), agent("c", picky)));
    expect(evaluated).toBe(1);
  });

  test("is for the step to complain of where it cannot be evaluated", () => {
    const picky = { capabilities: [{ name: "work", inputSchema: text }] };
    expect(choiceOf({ agent: picky, wanted: { input: () => undefined } })).toMatchObject(CHOSEN);
  });
});
