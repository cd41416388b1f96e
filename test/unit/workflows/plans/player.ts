/** Plays a plan to its end with obliging partners: agents answer, people approve, signals come, other tasks complete, time passes. */
import type { TaskEvent } from "../../../../src/engine/facts/event.ts";
import { stepIn } from "../../../../src/engine/state/frame.ts";
import type { TaskInput } from "../../../../src/engine/facts/input.ts";
import type { Step } from "../../../../src/engine/state/step-state.ts";
import { nextWakeAt } from "../../../../src/engine/rules/wake.ts";
import { Scenario } from "../../engine/scenario.ts";
import { INPUT, VALUE, type Plan } from "./plan.ts";

/** How partners behave; what is not said goes well. */
export interface Partners {
  readonly agentFails?: (step: string) => boolean;
}

export function play(plan: Plan, { agentFails = () => false }: Partners = {}): Scenario {
  const task = new Scenario(plan.steps, {
    input: INPUT,
    agents: Array.from({ length: 10 }, (_, index) => `agent-${index + 1}`),
    ...("output" in plan && { output: plan["output"] }),
  });
  for (let turn = 0; task.state.end === null; turn++) {
    if (turn > 2_000) throw new Error(`It does not end: ${JSON.stringify(plan)}`);
    const inputs = [...task.state.steps].flatMap((step) => answersTo(step, task, turn, agentFails));
    if (inputs.length > 0) {
      // One by one: what one leads to, the next finds.
      for (const input of inputs) if (task.state.end === null) task.when(input);
      continue;
    }
    const wakeAt = nextWakeAt(task.state);
    if (wakeAt === null) throw new Error(`It waits for nothing: ${JSON.stringify(plan)}`);
    task.after(Math.max(0, wakeAt - task.now));
  }
  return task;
}

function answersTo(step: Step, { state }: Scenario, turn: number, agentFails: (step: string) => boolean): readonly TaskInput[] {
  const { phase, path } = step;
  if (phase.status === "running") {
    return phase.live.map(({ number }) =>
      agentFails(path)
        ? { type: "fail", step: path, attempt: number, error: { code: "boom", message: "it broke", retryable: false } }
        : { type: "complete", step: path, attempt: number, output: { value: VALUE } },
    );
  }
  if (phase.status === "open" && step.node.kind === "workflow") {
    return [...state.children].flatMap(([task, child]): readonly TaskInput[] => {
      const output = { value: VALUE };
      return child.step === step.index ? [{ type: "child", task, status: "completed", output, error: null, failedItems: 0 }] : [];
    });
  }
  if (phase.status !== "waiting") return [];
  if (phase.on.type === "signal") {
    return [{ type: "signal", name: phase.on.name, payload: VALUE, key: `${path}/${turn}` }];
  }
  if (phase.on.type !== "approval") return [];
  return [{ type: "decide", approval: phase.on.approval, decision: "approve", by: `person-${turn}`, roles: ["admin"] }];
}

/** Steps that began before what they need let them, as sentences. */
export function tooEarly(task: Scenario): readonly string[] {
  const settled = new Set<string>();
  const begun = new Set<string>();
  const early: string[] = [];
  for (const event of task.journal.flatMap(({ events }) => events)) {
    if (isSettling(event)) settled.add(event.step);
    if (event.type !== "step.started") continue;
    begun.add(event.step);
    const step = task.state.stepByPath.get(event.step) as Step;
    const needs = step.node.needs.map((index) => stepIn(task.state, step.frame, index).path);
    const isReady = step.node.runIf.startsWith("any_") ? needs.some((need) => settled.has(need)) : needs.every((need) => settled.has(need));
    if (!isReady) early.push(`${event.step} before ${needs.filter((need) => !settled.has(need)).join(", ")}`);
    const owner = step.frame.owner?.path;
    if (owner !== undefined && !begun.has(owner)) early.push(`${event.step} before ${owner} began`);
  }
  return early;
}

type Settling = Extract<TaskEvent, { type: "step.completed" | "step.failed" | "step.skipped" | "step.canceled" }>;
const SETTLING: readonly string[] = ["step.completed", "step.failed", "step.skipped", "step.canceled"];
const isSettling = (event: TaskEvent): event is Settling => SETTLING.includes(event.type);

/** The steps that began, by the pointer-like path of the definition: without items and iterations. */
export function stepsBegun(task: Scenario): ReadonlySet<string> {
  const events = task.journal.flatMap(({ events }) => events);
  return new Set(events.flatMap((event) => (event.type === "step.started" ? [event.step.split("/").at(-1) ?? ""] : [])));
}
