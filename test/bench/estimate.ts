/** What an estimate costs, in this process: a thousand runs of a workflow of fifty steps, under one policy. */
import type { AgentState } from "../../src/agents/agent-state.ts";
import type { AgentRecord } from "../../src/agents/agent.ts";
import { BUILTIN_AGENTS } from "../../src/agents/transports/builtin.ts";
import { snapshotOf } from "../../src/agents/selection/selection.ts";
import { Statistics } from "../../src/agents/object/statistics.ts";
import { compileWorkflow } from "../../src/language/compile.ts";
import { estimate, type EstimateQuestion } from "../../src/estimates/estimate.ts";
import { unitFromText } from "../../src/shared/random.ts";
import type { Figures } from "./report.ts";
import { median } from "./statistics.ts";

const NOW = 1_800_000_000_000;
const STEPS = 50;
const AGENTS = 10;
const ROUNDS = 7;

/** From the compiled workflow to the last quantile; median, milliseconds. */
export function estimateFigures(): Figures {
  const measure = (seed: number): number => {
    const startedAt = performance.now();
    const work = estimate({ ...question, seed });
    let step = work.next();
    while (step.done !== true) step = work.next();
    if (!step.value.ok || step.value.value.runs !== question.runs) throw new Error(JSON.stringify(step.value));
    step.value.value.policies[0]?.tally.quantiles("durationMs");
    return performance.now() - startedAt;
  };
  for (let warmUp = 0; warmUp < 2; warmUp++) measure(warmUp);
  return { estimate_ms_1000_runs_50_steps: median(Array.from({ length: ROUNDS }, (_, round) => measure(round))) };
}

const [echo] = BUILTIN_AGENTS as readonly [AgentRecord];
const agents = Array.from({ length: AGENTS }, (_, index): AgentRecord => ({
  ...echo,
  id: `agent-${index}`,
  kind: "http",
  url: "https://agent.example/",
  capabilities: [{ name: "work" }],
  price: { perCallUsd: (index + 1) / 1_000 },
  ...(index % 3 === 0 && { limits: { maxConcurrency: 4 } }),
}));

function stateOf({ id }: AgentRecord): AgentState {
  const statistics = new Statistics(NOW - 60_000);
  for (let call = 0; call < 100; call++) {
    const luck = unitFromText(`${id}/${call}`);
    statistics.add(
      "work",
      { ms: 50 + 400 * luck, costUsd: null, tokens: 100, hedge: false, class: luck < 0.05 ? "unavailable" : "success" },
      NOW,
    );
  }
  const capabilities = statistics.all(NOW);
  return { v: 1, at: NOW, status: "healthy", reason: null, since: 0, breaker: { status: "closed" }, inFlight: 1, waiting: 0, capabilities };
}

/** Ten rows of five steps, each of which needs two of the row before. */
const steps = Array.from({ length: STEPS }, (_, index) => ({
  id: `s${index}`,
  capability: "work",
  needs: index < 5 ? [] : [`s${index - 5}`, `s${Math.floor(index / 5) * 5 - 5 + ((index + 1) % 5)}`],
}));
const compiled = compileWorkflow(JSON.stringify({ steps }));
if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));

const question: EstimateQuestion = {
  graph: compiled.value.graph,
  library: {},
  snapshot: snapshotOf(agents, new Map(agents.map((agent) => [agent.id, stateOf(agent)])), NOW),
  inlinePlaces: 6,
  input: {},
  runs: 1_000,
  seed: 1,
  policies: [null],
  budget: null,
  allowance: undefined,
  assume: {},
  paysForFailures: null,
  deadlineMs: null,
  now: NOW,
};
