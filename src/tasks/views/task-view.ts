/** A task with its steps, a step with what it came to, and how a task ended, as they are read. */
import type { Receipt } from "../../engine/facts/receipt.ts";
import type { Json } from "../../shared/json.ts";
import type { StepView } from "./step-view.ts";
import type { TaskHead, TaskResult } from "./view.ts";

export interface TaskView extends TaskHead {
  readonly steps: readonly StepView[];
  /** How many steps there are, where not all are shown. */
  readonly steps_total?: number;
}

export interface StepDetail extends StepView {
  readonly output?: Json;
  /** Every choice of an agent, in order. */
  readonly selections?: readonly SelectionView[];
}

export interface SelectionView {
  readonly attempt: number;
  readonly agent: string;
  readonly why: string;
  readonly receipt: Receipt;
}

/** A result whose value is kept no longer has `expired`. */
export type ResultReading = TaskResult | { readonly expired: true };
