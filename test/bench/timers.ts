/** A thousand timers of one task that ring one after another: what each costs in rows, and how often the alarm is moved for it. */
import type { WorkflowDefinition } from "../../src/language/definition.ts";
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { settled } from "./server.ts";
import type { Service } from "./service.ts";

const TIMERS = 1_000;
/** Until the first, when all have been set. */
const FIRST_MS = 2_000;
/** Apart enough for most of them to ring alone. */
const APART_MS = 20;

export async function timerFigures(_agents: AgentProcess, service: Service): Promise<Figures> {
  const workflow: WorkflowDefinition = {
    steps: Array.from({ length: TIMERS }, (_, index) => ({ id: `t${index}`, type: "wait", for: `${FIRST_MS + index * APART_MS}ms` })),
    output: {},
  };
  const { id, status } = await service.run(workflow);
  if (status !== "completed") throw new Error(`${id}: ${status}`);
  await settled(service.server);
  const { rowsWritten, alarmsSet, journalRows } = await service.taskMeter(id);
  progress(`  ${TIMERS} timers: ${alarmsSet} alarms, ${journalRows} journal rows`);
  return { timers_1000_in_one_task_rows: (rowsWritten + alarmsSet) / TIMERS, timers_1000_alarm_moves: alarmsSet / TIMERS };
}
