/** The schedule of a workflow, on nights of a second each: two in the morning is too late to be watched. */
import type { Orchestrator } from "../setup/orchestrator.ts";
import { scheduleOf } from "./definitions.ts";

interface Schedule {
  readonly next: readonly string[];
}
interface ScheduleRun {
  readonly scheduled_at: string;
  readonly task_id: string;
}

const WHEN = /^cron: .*\ntimezone: .*$/m;

/** As it is written. */
export async function putSchedule(orchestrator: Orchestrator, workflow: string): Promise<readonly string[]> {
  return (await orchestrator.putYaml<Schedule>(`/schedules/${workflow}`, scheduleOf(workflow))).next;
}

/** The first nights, in order: each with the task that it started. The schedule is gone afterwards, its tasks are not. */
export async function firstNights(orchestrator: Orchestrator, workflow: string, count: number): Promise<readonly ScheduleRun[]> {
  const path = `/schedules/${workflow}`;
  await orchestrator.putYaml(path, scheduleOf(workflow).replace(WHEN, "every: 1s"));
  try {
    for (;;) {
      const { data } = await orchestrator.call<{ readonly data: readonly ScheduleRun[] }>("GET", `${path}/runs?outcome=started`);
      if (data.length >= count) return data.toReversed().slice(0, count);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await orchestrator.delete(path);
  }
}
