/** Every kind of step there is: a kind without its arm does not compile. */
import type { StepKind } from "../../language/kinds/table.ts";
import { startRound } from "../rules/choose.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { NodeOf, StepNode } from "../../language/graph.ts";
import { keptOutcome } from "../rules/kept.ts";
import { reasonToSkip, waitIsOver } from "../aspects/table.ts";
import { carryOut } from "../rules/ruling.ts";
import { skipped } from "../rules/step.ts";
import type { TaskState } from "../state/state.ts";
import type { Step } from "../state/step-state.ts";
import type { World } from "../world.ts";
import { approval } from "./approval.ts";
import { end } from "./end.ts";
import type { Kind } from "./kind.ts";
import { map } from "./map.ts";
import { repeat } from "./repeat.ts";
import { signal } from "./signal.ts";
import { switchKind } from "./switch.ts";
import { transform } from "./transform.ts";
import { wait } from "./wait.ts";
import { workflow } from "./workflow.ts";

const KINDS: { readonly [K in StepKind]: Kind<NodeOf<K>> } = {
  agent: { start: startRound },
  map,
  switch: switchKind,
  repeat,
  workflow,
  wait,
  signal,
  approval,
  transform,
  end,
};

const kindOf = (step: Step): Kind<StepNode> => KINDS[step.node.kind] as Kind<StepNode>;

/** What is kept costs nothing, so it is there also when nothing more may be spent. */
export function startStep(state: TaskState, step: Step, world: World): readonly TaskEvent[] {
  const kept = keptOutcome(state, step, world.values);
  if (kept !== null) return kept;
  const reason = reasonToSkip(state, step);
  return reason !== null ? [skipped(state, step, reason)] : kindOf(step).start(state, step, world);
}

export function stepIsDue(state: TaskState, step: Step, world: World): readonly TaskEvent[] {
  const ruling = waitIsOver(state, step);
  return ruling === null ? (kindOf(step).due?.(state, step, world) ?? []) : carryOut(state, ruling, world);
}

export function proceedWith(state: TaskState, step: Step, world: World): readonly TaskEvent[] {
  return kindOf(step).proceed?.(state, step, world) ?? [];
}
