/** What checking a definition costs, in this process: compiling it, and everything that lint looks at. */
import { snapshotOf } from "../../src/agents/selection/selection.ts";
import type { AgentRecord } from "../../src/agents/agent.ts";
import { BUILTIN_AGENTS } from "../../src/agents/transports/builtin.ts";
import { compileWorkflow } from "../../src/language/compile.ts";
import { faultsIn } from "../../src/workflows/check.ts";
import { lintWorkflow } from "../../src/workflows/lint/lint.ts";
import type { Figures } from "./report.ts";
import { median } from "./statistics.ts";

const STEPS = 1_000;
const ROUNDS = 31;

const [echo] = BUILTIN_AGENTS as readonly [AgentRecord];
const outputSchema = {
  type: "object",
  properties: { items: { type: "array", items: { type: "object", properties: { name: { type: "string" }, score: { type: "number" } } } } },
};
const capabilities = ["research", "analysis", "write"].map((name) => ({ name, outputSchema }));
const agents = snapshotOf(
  Array.from({ length: 20 }, (_, index) => ({ ...echo, id: `agent-${index}`, kind: "http" as const, capabilities })),
  new Map(),
  0,
);

/** Text that was never compiled before, checked from the first character to the last warning; median, milliseconds. */
export function lintFigures(): Figures {
  const check = (round: number): number => {
    const text = JSON.stringify(planOf(round));
    const startedAt = performance.now();
    const compiled = compileWorkflow(text);
    if (!compiled.ok || faultsIn(compiled.value).length > 0) throw new Error("The plan is not valid");
    const warnings = lintWorkflow(compiled.value, { name: "plan", agents, library: { ok: true, value: {} } });
    if (warnings.length !== 1) throw new Error(`Expected one warning, got ${warnings.length}`);
    return performance.now() - startedAt;
  };
  for (let warmUp = 0; warmUp < 30; warmUp++) check(-warmUp - 1);
  return { lint_ms_1000_steps: median(Array.from({ length: ROUNDS }, (_, round) => check(round))) };
}

/** Rows of steps that read each other, with conditions on results and on failures, and a block in every twenty steps. */
function planOf(round: number): object {
  const steps = Array.from({ length: STEPS - STEPS / 20 }, (_, index) => stepAt(index, round));
  const input_schema = { type: "object", properties: { query: { type: "string" }, docs: { type: "array", maxItems: 100 } } };
  return { name: "plan", description: `${round}`, input_schema, deadline: "2h", steps, output: "${ steps.s0.output.itmes }" };
}

function stepAt(index: number, round: number): object {
  const id = `s${index}`;
  const before = `steps.s${Math.max(0, index - 7)}`;
  const capability = ["research", "analysis", "write"][index % 3];
  if (index < 7) return { id, capability, input: { query: "${ input.query }", round } };
  switch (index % 20) {
    case 0: {
      const inner = { id: `${id}-each`, capability, input: { doc: "${ item }", of: `\${ ${before}.output.items[0].name }` } };
      return { id, type: "map", over: "input.docs", steps: [inner], on_error: { output: { items: [] } } };
    }
    case 5:
      return { id, type: "transform", output: { items: `\${ ${before}.output.items }` } };
    case 10:
      return { id, capability, run_if: "all_settled", when: `${before}.status == 'failed'`, input: { why: `\${ ${before}.error }` } };
    default:
      return {
        id,
        capability,
        ...(index % 4 === 0 && { when: `size(${before}.output.items) > ${index % 9}` }),
        input: { items: `\${ ${before}.output.items }`, note: `Round ${round}` },
        retry: { max_attempts: 2, delay: "1s" },
      };
  }
}
