/** Plays a scenario and says what happens. */
import type { Orchestrator, TaskEvent } from "../setup/orchestrator.ts";
import { Run } from "./run.ts";
import { submissionOf, type Scenario } from "./scenarios.ts";
import { firstNights, putSchedule } from "./scheduled.ts";
import type { Stage } from "./stage.ts";

/** Whether it ended as it should. */
export async function play(scenario: Scenario, stage: Stage): Promise<boolean> {
  const { workflow, title, before, meanwhile, status: expected } = scenario;
  console.log(`\n${workflow}: ${title}`);
  const startedAt = performance.now();
  const say = (text: string): void => console.log(`${(performance.now() - startedAt).toFixed(0).padStart(7)} ms  ${text}`);
  await before?.(stage);
  const id = await (scenario.nights === undefined
    ? stage.orchestrator.submit(submissionOf(scenario))
    : lastNight(workflow, scenario.nights, stage.orchestrator, say));
  const run = Run.follow(stage.orchestrator, id, (event) => tell(event, say));
  await meanwhile?.(run, stage, (text) => say(`☞ ${text}`));
  const { status, output, error } = await run.ended;
  const isAsExpected = status === expected;
  say(`■ ${status}${error === null ? "" : `: ${error.code} in step ${error.step_id}`}${isAsExpected ? "" : ", which is wrong"}`);
  if (error === null) console.log(indented(typeof output === "string" ? output : JSON.stringify(output, null, 2)));
  return isAsExpected;
}

/** The task of the last of some nights. */
async function lastNight(workflow: string, nights: number, orchestrator: Orchestrator, say: (text: string) => void): Promise<string> {
  say(`☾ scheduled for ${(await putSchedule(orchestrator, workflow)).slice(0, 3).join(", ")} …; a night is a second long from now on`);
  const runs = await firstNights(orchestrator, workflow, nights);
  for (const { scheduled_at: at, task_id: id } of runs) say(`☾ the night of ${at}: ${id}`);
  return runs.at(-1)?.task_id ?? "";
}

function tell({ type, step_id: step, data }: TaskEvent, say: (text: string) => void): void {
  switch (type) {
    case "attempt.started":
      return say(`▸ ${step} → ${String(data["agent"])}`);
    case "attempt.completed":
      return say(`  ${step}: ${JSON.stringify(data["output"])}`);
    case "attempt.failed":
      return say(`✗ ${step}: ${wordsOf(data["error"])}`);
    case "step.completed":
      return say(`✓ ${step}${data["degraded"] === undefined ? "" : ` with less than was asked for: ${wordsOf(data["degraded"])}`}`);
    case "step.skipped":
      return say(`– ${step} not needed`);
    case "step.waiting":
      return say(`… ${step} waits: ${(data["waiting_on"] as { readonly type: string }).type}`);
    case "child.started":
      return say(`⇉ ${step} → a task of its own${data["items"] === undefined ? "" : ` with ${JSON.stringify(data["items"])} items`}`);
    case "signal.received":
      return say(`✉ ${JSON.stringify(data["payload"])}`);
    case "approval.escalated":
      return say(`! ${step} is late: ${JSON.stringify(data["assignees"])} may decide now`);
    case "compensation.completed":
      return say(`↩ ${step} undone`);
  }
}

const wordsOf = (failure: unknown): string => (failure as { readonly message: string }).message;

const indented = (text: string): string => text.replaceAll(/^/gm, "            ");
