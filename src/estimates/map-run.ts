/** A map in a simulated run: items as branches of its task, or, when there are many, of tasks with a part of them each. */
import type { Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { rangeText } from "./assumptions.ts";
import { newFrame, type Branches, type Frame, type Instance, type Part } from "./frame.ts";
import { unknown, type Answer, type Surrounding } from "./known.ts";
import { answerFor } from "./outputs.ts";
import type { MapPlan } from "./plan.ts";
import type { Run } from "./run.ts";
import type { TaskRun } from "./task-run.ts";

export function startMap(run: Run, instance: Instance, step: MapPlan): void {
  const list = answerFor(run, step.over, instance.frame);
  if (list.type === "failed") return run.failExpression(instance, step.over, list.message);
  if (list.type === "known" && !Array.isArray(list.value)) return run.failExpression(instance, step.over, "it is no list");
  const count = list.type === "known" ? (list.value as readonly Json[]).length : drawnItems(run, step, list);
  if (count > LIMITS.mapItems) return run.tooManySteps(instance);
  instance.branches = { count, opened: 0, ended: 0, failed: 0, underWay: 0, last: null, items: list, parts: new Map() };
  if (count === 0) return run.settle(instance, "completed");
  const { task } = instance.frame;
  if (count > LIMITS.mapInline && step.maySpread && !task.isPart) return spread(run, instance, step);
  const next = (): void => run.settle(instance, "completed");
  openItems(run, instance, step, task, { first: 0, count, atOnce: step.concurrency ?? LIMITS.mapConcurrency, next }, null);
}

function drawnItems(run: Run, step: MapPlan, why: Answer): number {
  const { min, max } = step.items;
  run.setting.findings.assumed(step.name, "items", rangeText(step.items, "count"), why);
  return min + run.chance.below(max - min + 1);
}

const branchesOf = ({ branches }: Instance): Branches => branches as Branches;

/** Opens as many items as may be under way at once; `after`: the one whose end made room. */
function openItems(
  run: Run,
  instance: Instance,
  step: MapPlan,
  task: TaskRun,
  part: Omit<Part, "opened" | "ended">,
  after: Frame | null,
): void {
  const begun: Part = { ...part, opened: 0, ended: 0 };
  branchesOf(instance).parts?.set(task, begun);
  fill(run, instance, step, task, begun, after);
}

function fill(run: Run, instance: Instance, step: MapPlan, task: TaskRun, part: Part, after: Frame | null): void {
  const room = Math.min(part.count - part.opened, part.atOnce - (part.opened - part.ended));
  if (room > 0 && !run.mayOpen(task, step.block, room)) return run.tooManySteps(instance);
  const branches = branchesOf(instance);
  for (let left = room; left > 0; left--) {
    const branch = part.first + part.opened++;
    branches.opened++;
    branches.underWay++;
    const surrounding = surroundingOf(run, instance, step, branch, branches.items);
    run.open(newFrame(step.block, task, { owner: instance, surrounding, branch, after }, run.clock.now));
  }
}

/** An item has ended. */
export function itemEnded(run: Run, instance: Instance, step: MapPlan, frame: Frame): void {
  const branches = branchesOf(instance);
  const part = branches.parts?.get(frame.task);
  if (part === undefined) return;
  part.ended++;
  const tolerated = "items" in step.tolerate ? step.tolerate.items : Math.floor(step.tolerate.share * branches.count);
  if (branches.failed > tolerated) return run.settle(instance, "failed");
  if (part.ended < part.count) fill(run, instance, step, frame.task, part, frame);
  else part.next();
}

/** Tasks of a hundred items each, so many at once that together they have as many under way as the step allows. */
function spread(run: Run, instance: Instance, step: MapPlan): void {
  const branches = branchesOf(instance);
  const { concurrency } = step;
  const tasksAtOnce = concurrency === null ? LIMITS.mapChildren : Math.min(LIMITS.mapChildren, Math.ceil(concurrency / LIMITS.mapChunk));
  const atOnce = concurrency === null ? LIMITS.mapChunk : Math.ceil(concurrency / tasksAtOnce);
  const parent = instance.frame.task;
  let [next, underWay] = [0, 0];
  const startTasks = (after: Frame | null): void => {
    while (underWay < tasksAtOnce && next < branches.count) {
      const [first, count] = [next, Math.min(LIMITS.mapChunk, branches.count - next)];
      next += count;
      underWay++;
      run.startChild(parent, true, (task) => {
        const isThrough = (): void => run.endChild(task, parent, ended);
        openItems(run, instance, step, task, { first, count, atOnce, next: isThrough }, after);
      });
    }
  };
  const ended = (): void => {
    underWay--;
    if (instance.status !== "running") return;
    if (underWay === 0 && next === branches.count) run.settle(instance, "completed");
    else startTasks(branches.last);
  };
  startTasks(null);
}

/** What the steps of an item see: made where they ask for it, and once for all runs. */
function surroundingOf(run: Run, instance: Instance, step: MapPlan, branch: number, list: Answer | null): Surrounding {
  const outer = instance.frame.surrounding;
  const { names } = step.block;
  if (!names.has(step.as) && !names.has(step.indexAs)) return outer;
  const serial = list?.type === "known" ? list.serial : "?";
  return outer.within(`${step.place}/${serial}/${branch}`, () =>
    run.setting.knowledge.surrounding(outer, {
      [step.as]: itemOf(run, step, list, branch),
      [step.indexAs]: run.setting.knowledge.known(branch),
    }),
  );
}

/** An item of a list of which only the length is known is not known. */
function itemOf(run: Run, step: MapPlan, list: Answer | null, branch: number): Answer {
  const member = list?.type === "known" ? Object.getOwnPropertyDescriptor(list.value, branch) : undefined;
  return member !== undefined && "value" in member
    ? run.setting.knowledge.known(member.value as Json)
    : unknown(`the items of ${step.name}`);
}
