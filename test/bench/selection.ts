/** What choosing an agent costs, in this process: `select` alone, over a directory as large as a tenant's may be. */
import type { AgentState } from "../../src/agents/agent-state.ts";
import type { AgentRecord } from "../../src/agents/agent.ts";
import { BUILTIN_AGENTS } from "../../src/agents/transports/builtin.ts";
import { select, snapshotOf } from "../../src/agents/selection/selection.ts";
import { Statistics } from "../../src/agents/object/statistics.ts";
import { POLICIES, type SelectDefinition } from "../../src/language/agent-definition.ts";
import { selectionOf } from "../../src/language/staffing.ts";
import type { Wanted } from "../../src/engine/world.ts";
import { LIMITS } from "../../src/agents/limits.ts";
import { unitFromText } from "../../src/shared/random.ts";
import type { Figures } from "./report.ts";
import { median } from "./statistics.ts";

const NOW = 1_800_000_000_000;
/** Each agent offers one of them and one that all offer, so a hundred of the thousand offer what is wanted. */
const CAPABILITIES = 10;
const CALLS = 200;
const ROUNDS = 15;

const agents = Array.from({ length: LIMITS.agentsPerTenant }, (_, index) => agentAt(index));
const snapshot = snapshotOf(agents, new Map(agents.map(({ id }, index) => [id, stateAt(id, index)])), NOW);

/** The policy that takes longest: every one of them, and the choice for a deadline. */
export function selectionFigures(): Figures {
  if (snapshot.byCapability.get("work-0")?.length !== LIMITS.agentsPerTenant / CAPABILITIES) throw new Error("Not a tenth offers it");
  const policies = POLICIES.map((policy): SelectDefinition => ({ policy, ...(policy === "sticky" && { sticky: "input.key" }) }));
  return { selection_us_1000_agents: Math.max(...[...policies, { meet: { within: "250ms" } }].map(choiceUs)) };
}

function choiceUs(definition: SelectDefinition): number {
  let calls = 0;
  const choose = (): void => {
    const { agents: chosen, receipt } = select(wantedBy(definition, calls++), snapshot);
    if (chosen.length !== 1 || receipt.candidates.length !== LIMITS.receiptCandidates) throw new Error(JSON.stringify(receipt));
  };
  for (let warmUp = 0; warmUp < CALLS; warmUp++) choose();
  return median(
    Array.from({ length: ROUNDS }, () => {
      const startedAt = performance.now();
      for (let call = 0; call < CALLS; call++) choose();
      return ((performance.now() - startedAt) / CALLS) * 1_000;
    }),
  );
}

/** A step in the middle of a task that has seen some of the agents itself. */
function wantedBy(definition: SelectDefinition, turn: number): Wanted {
  const seen = agents.filter((_, index) => index % (10 * CAPABILITIES) === 0).map(({ id }) => id);
  return {
    target: { type: "capability", capability: "work-0" },
    selection: selectionOf(definition),
    count: 1,
    seed: `task_1/s${turn}/1`,
    turn,
    stickyKey: definition.policy === "sticky" ? `"key-${turn}"` : null,
    barred: new Map([[seen[0] as string, "declined"]]),
    tried: new Set(seen.slice(1, 2)),
    prefer: null,
    input: () => ({ text: "a" }),
    withinMs: definition.meet === undefined ? null : 250,
    now: NOW,
    evidence: new Map(seen.map((id) => [id, { successes: 8, faults: 1, faultsInARow: 0, lastFaultAt: NOW - 1_000, latencyMs: 120 }])),
    busy: new Map(seen.map((id) => [id, 2])),
  };
}

function agentAt(index: number): AgentRecord {
  const [echo] = BUILTIN_AGENTS as readonly [AgentRecord];
  const id = `agent-${index}`;
  const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] } as const;
  return {
    ...echo,
    id,
    kind: "http",
    url: `https://${id}.example/`,
    capabilities: [{ name: `work-${index % CAPABILITIES}`, version: "1.2.0", inputSchema }, { name: "anything" }],
    price: { perCallUsd: unitFromText(`${id}/price`) / 100 },
    expectedLatencyMs: 100,
    ...(index % 3 === 0 && { limits: { maxConcurrency: 10 } }),
    weight: 1 + (index % 5),
    region: index % 2 === 0 ? "eu" : "us",
    labels: { tier: "gold" },
  };
}

/** Fifty calls on record; one agent in fifty is left alone. */
function stateAt(id: string, index: number): AgentState {
  const statistics = new Statistics(NOW - 60_000);
  for (let call = 0; call < 50; call++) {
    const luck = unitFromText(`${id}/${call}`);
    const outcome = { ms: 50 + 200 * luck, costUsd: 0.001, tokens: 100, hedge: false };
    statistics.add(`work-${index % CAPABILITIES}`, { ...outcome, class: luck < 0.05 ? "unavailable" : "success" }, NOW - 1_000 * call);
  }
  const isOpen = index % 500 === 40;
  return {
    v: 1,
    at: NOW,
    status: isOpen ? "unhealthy" : "healthy",
    reason: null,
    since: NOW - 60_000,
    breaker: isOpen ? { status: "open", until: NOW + 30_000, reason: "5 failures in a row" } : { status: "closed" },
    inFlight: index % 7,
    waiting: 0,
    capabilities: statistics.all(NOW),
  };
}
