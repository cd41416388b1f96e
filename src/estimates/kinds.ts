/** What each kind of step does in a simulated run, but for those that ask agents: as `engine/kinds/` has it. */
import { LIMITS } from "./limits.ts";
import { parseDuration } from "../shared/time.ts";
import { rangeText, type Range } from "./assumptions.ts";
import { isWanted, newFrame, type Frame, type Instance } from "./frame.ts";
import { itemEnded, startMap } from "./map-run.ts";
import { answerFor } from "./outputs.ts";
import type { ApprovalPlan, PlanBlock, PlanStep, RepeatPlan, SignalPlan, SwitchPlan, WaitPlan, WorkflowPlan } from "./plan.ts";
import type { Run } from "./run.ts";

type StepOf<K extends PlanStep["kind"]> = Extract<PlanStep, { readonly kind: K }>;
type Start<K extends PlanStep["kind"]> = (run: Run, instance: Instance, step: StepOf<K>) => void;

const STARTS: { readonly [K in Exclude<PlanStep["kind"], "agent">]: Start<K> } = {
  transform: (run, instance) => run.settle(instance, "completed"),
  end: (run, instance, { status }) => {
    run.settle(instance, status === "failed" ? "failed" : "completed");
    run.endTask(instance.frame.task, status);
  },
  wait: (run, instance, step) => {
    const ms = waitMs(run, instance, step);
    if (ms !== null) later(run, instance, ms, "completed");
  },
  signal: startSignal,
  approval: startApproval,
  switch: startSwitch,
  repeat: (run, instance, step) => {
    instance.branches = { count: 0, opened: 0, ended: 0, failed: 0, underWay: 0, last: null, items: null, parts: null };
    nextIteration(run, instance, step);
  },
  map: startMap,
  workflow: startWorkflow,
};

export function startKind(run: Run, instance: Instance): void {
  const { step } = instance;
  (STARTS[step.kind as keyof typeof STARTS] as Start<PlanStep["kind"]>)(run, instance, step);
}

/** A branch has ended. */
export function branchEnded(run: Run, owner: Instance, frame: Frame): void {
  const { step, branches } = owner;
  if (branches === null || owner.status !== "running") return;
  branches.ended++;
  branches.underWay--;
  branches.last = frame;
  if (frame.hasFailed) branches.failed++;
  switch (step.kind) {
    case "map":
      return itemEnded(run, owner, step, frame);
    case "repeat":
      return iterationEnded(run, owner, step, frame);
    case "switch":
    case "workflow":
      return run.settle(owner, frame.hasFailed ? "failed" : "completed");
    case "agent":
    case "wait":
    case "signal":
    case "approval":
    case "transform":
    case "end":
  }
}

/** By the alarm. */
function later(run: Run, instance: Instance, ms: number, status: "completed" | "failed"): void {
  if (ms <= 0) return run.settle(instance, status);
  run.wakeIn(instance.frame.task, ms, () => {
    if (isWanted(instance)) run.settle(instance, status);
  });
}

/** What takes its time because of somebody outside. */
function outside(run: Run, instance: Instance, ms: number, status: "completed" | "failed"): void {
  run.ledger.counts.objectRequests++;
  run.ledger.counts.workerRequests++;
  run.ledger.counts.rows += 2;
  run.clock.at(run.clock.now + ms, () => {
    if (isWanted(instance)) run.settle(instance, status);
  });
}

function drawn(run: Run, { min, max }: Range): number {
  // By ratio: from a minute to a day most would last half a day otherwise.
  return max <= 0 || min === max ? min : min * (max / Math.max(min, 1)) ** run.chance.unit();
}

/** `null` where the step has failed of that question. */
function waitMs(run: Run, instance: Instance, { type, until, takesMs, name }: WaitPlan): number | null {
  const answer = answerFor(run, until, instance.frame);
  if (answer.type === "failed") {
    run.failExpression(instance, until, answer.message);
    return null;
  }
  if (answer.type === "known" && typeof answer.value === "string") {
    const ms = type === "for" ? parseDuration(answer.value) : Date.parse(answer.value) - run.setting.startedAt - run.clock.now;
    if (ms !== null && !Number.isNaN(ms)) return ms;
  }
  run.setting.findings.assumed(name, "takes", rangeText(takesMs, "ms"), answer);
  return drawn(run, takesMs);
}

function startSignal(run: Run, instance: Instance, { timeoutMs, takesMs, name }: SignalPlan): void {
  run.setting.findings.assumed(name, "takes", rangeText(takesMs, "ms"), "when the signal comes is up to who sends it");
  const ms = drawn(run, takesMs);
  if (timeoutMs !== null && ms > timeoutMs) later(run, instance, timeoutMs, "failed");
  else outside(run, instance, ms, "completed");
}

function startApproval(run: Run, instance: Instance, step: ApprovalPlan): void {
  const { dueMs, escalateTo, onExpiry, takesMs, approves, name } = step;
  run.setting.findings.assumed(name, "takes", rangeText(takesMs, "ms"), "when people decide is up to them");
  run.setting.findings.assumed(name, "approves", approves, "what people decide is up to them");
  const ms = drawn(run, takesMs);
  const untilMs = dueMs === null ? Number.POSITIVE_INFINITY : escalateTo.length > 0 ? 2 * dueMs : dueMs;
  const isLate = ms > untilMs;
  const decision = isLate ? (onExpiry === "reject" ? "reject" : "approve") : run.chance.happens(approves) ? "approve" : "reject";
  instance.output = run.setting.knowledge.decision(decision);
  if (isLate) later(run, instance, untilMs, onExpiry === "fail" ? "failed" : "completed");
  else outside(run, instance, ms, "completed");
}

function startSwitch(run: Run, instance: Instance, step: SwitchPlan): void {
  const taken = caseOf(run, instance, step);
  const block = taken === null ? null : taken === step.cases.length ? step.otherwise : (step.cases[taken]?.block ?? null);
  if (block === null) return run.settle(instance, "completed");
  instance.branches = { count: 1, opened: 1, ended: 0, failed: 0, underWay: 1, last: null, items: null, parts: null };
  run.open(
    newFrame(
      block,
      instance.frame.task,
      { owner: instance, surrounding: instance.frame.surrounding, branch: taken ?? 0, after: null },
      run.clock.now,
    ),
  );
}

/** The first case that is known to hold, unless one before it may; of those, each as likely as the others. */
function caseOf(run: Run, instance: Instance, step: SwitchPlan): number | null {
  const possible: number[] = [];
  let why = "";
  for (const [index, { when }] of step.cases.entries()) {
    const answer = answerFor(run, when, instance.frame);
    if (answer.type === "failed") {
      run.failExpression(instance, when, answer.message);
      return null;
    }
    if (answer.type === "known" && answer.value !== true) continue;
    possible.push(index);
    if (answer.type === "known") break;
    why = answer.of;
    if (index === step.cases.length - 1) possible.push(step.cases.length);
  }
  if (possible.length <= 1 && why === "") return possible[0] ?? step.cases.length;
  const { assumedCase } = step;
  const isPossible = assumedCase !== null && possible.includes(assumedCase);
  const value = isPossible ? (assumedCase === step.cases.length ? "default" : assumedCase) : `${possible.length} ways, each as likely`;
  run.setting.findings.assumed(step.name, "case", value, { type: "unknown", of: why });
  return isPossible ? assumedCase : (possible[run.chance.below(possible.length)] ?? null);
}

function nextIteration(run: Run, instance: Instance, step: RepeatPlan): void {
  const branches = instance.branches as NonNullable<Instance["branches"]>;
  const { frame } = instance;
  if (!run.mayOpen(frame.task, step.block, 1)) return run.tooManySteps(instance);
  const branch = ++branches.opened;
  branches.underWay++;
  const names = step.block.names;
  const surrounding =
    names.has("iteration") || names.has("previous") || step.until?.names.has("iteration")
      ? frame.surrounding.within(`${step.place}/${branch}`, () =>
          run.setting.knowledge.surrounding(frame.surrounding, { iteration: run.setting.knowledge.known(branch) }),
        )
      : frame.surrounding;
  run.open(newFrame(step.block, frame.task, { owner: instance, surrounding, branch, after: branches.last }, run.clock.now));
}

function iterationEnded(run: Run, instance: Instance, step: RepeatPlan, frame: Frame): void {
  const branches = instance.branches as NonNullable<Instance["branches"]>;
  if (frame.hasFailed) return run.settle(instance, "failed");
  const isLast = step.until === null ? branches.ended >= step.max : holds(run, instance, step, frame);
  if (isLast === null) return;
  if (isLast) return run.settle(instance, "completed");
  // It never held: the maximum is there to end what went wrong.
  if (branches.ended >= step.max) return run.settle(instance, "failed");
  if (step.delayMs === 0) return nextIteration(run, instance, step);
  run.wakeIn(instance.frame.task, step.delayMs, () => {
    if (isWanted(instance)) nextIteration(run, instance, step);
  });
}

/** Whether it was the last time; `null` where the step has failed of that question. */
function holds(run: Run, instance: Instance, step: RepeatPlan, frame: Frame): boolean | null {
  const branches = instance.branches as NonNullable<Instance["branches"]>;
  const until = step.until as NonNullable<RepeatPlan["until"]>;
  const answer = answerFor(run, until, frame);
  if (answer.type === "failed") {
    run.failExpression(instance, until, answer.message);
    return null;
  }
  if (answer.type === "known") return answer.value === true;
  run.setting.findings.assumed(step.name, "iterations", rangeText(step.iterations, "count"), answer);
  // Drawn at the first iteration that does not know better.
  if (branches.count === 0) branches.count = step.iterations.min + run.chance.below(step.iterations.max - step.iterations.min + 1);
  return branches.ended >= branches.count;
}

function startWorkflow(run: Run, instance: Instance, step: WorkflowPlan): void {
  const { task, surrounding: outer } = instance.frame;
  const block = step.block();
  if (block === null || task.depth >= LIMITS.childDepth) return run.settle(instance, "failed");
  const input = answerFor(run, step.input, instance.frame);
  if (input.type === "failed") return run.failExpression(instance, step.input, input.message);
  const key = `${step.place}/${input.type === "known" ? input.serial : "?"}`;
  const surrounding = outer.within(key, () => run.setting.knowledge.surrounding(null, { input }));
  instance.branches = { count: 1, opened: 1, ended: 0, failed: 0, underWay: 1, last: null, items: null, parts: null };
  run.startChild(task, false, (child) => {
    if (!isWanted(instance)) return;
    openRoot(run, child, block, { owner: instance, surrounding });
  });
}

export function openRoot(run: Run, task: Frame["task"], block: PlanBlock, place: Pick<Frame, "owner" | "surrounding">): void {
  task.root = newFrame(block, task, { ...place, branch: 0, after: null }, run.clock.now);
  run.open(task.root);
}
