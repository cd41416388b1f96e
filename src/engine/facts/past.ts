/** What a task that shares the past of another is given of it. */
import type { Json } from "../../shared/json.ts";
import type { StepKind } from "../../language/kinds/table.ts";

/** PERSISTED on the way to the new task: a step that had completed. */
export interface PastStep {
  readonly path: string;
  readonly kind: StepKind;
  readonly output: Json;
  /** The items it was about, where it is inside a map. */
  readonly of: string | null;
  /** How what its task did is undone. */
  readonly undo?: Json;
}

/** PERSISTED on the way to the new task: a task that a step had started; `output` where it had completed. */
export interface PastChild {
  readonly step: string;
  readonly branch: number;
  readonly task: string;
  readonly output: { readonly value: Json } | null;
  readonly failedItems: number;
  readonly of: string | null;
  readonly undo?: Json;
}

/** PERSISTED on the way to the new task: a signal that no step had taken. */
export interface PastSignal {
  readonly name: string;
  readonly payload: Json;
  readonly key: string;
  readonly fingerprint?: string;
}

export interface Past {
  readonly steps: readonly PastStep[];
  readonly children: readonly PastChild[];
  readonly signals: readonly PastSignal[];
}
