/** Whether a budget is ever overdrawn: two hundred steps of one task race for fifty calls. Counted by the agent itself. */
import type { AgentProcess } from "./agent-process.ts";
import type { Figures } from "./report.ts";
import type { Service } from "./service.ts";

const STEPS = 200;
const CALLS = 50;

export async function budgetFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  const url = agents.urlOf("racer", { ms: 5 });
  await service.register("racer", { url, capabilities: ["racer"], expected_latency: "5ms" });
  const workflow = {
    budget: { calls: CALLS, on_exhausted: "finish" as const },
    steps: Array.from({ length: STEPS }, (_, index) => ({ id: `s${index}`, capability: "racer" })),
  };
  const { status, output } = await service.run(workflow);
  const { calls } = await agents.seen("racer");
  if (status !== "completed" || Object.keys(output ?? {}).length !== CALLS) throw new Error(`${status}: ${JSON.stringify(output)}`);
  if (calls < CALLS) throw new Error(`Only ${calls} of ${CALLS} calls were made`);
  return { budget_overdraw: calls - CALLS };
}
