/** How two tasks differ. Only differences are told, and as many of them as anybody reads. */
import type { TaskHead } from "../views/view.ts";
import type { Json } from "../../shared/json.ts";
import { changesOf, type JsonChange } from "../../shared/json-changes.ts";
import { LIMITS } from "../limits.ts";
import { hashOfValue, type TaskSummary, type StepSummary, type ValueSummary } from "./task-summary.ts";

export interface Change<T> {
  readonly from: T;
  readonly to: T;
}

/** An operation of JSON Patch; values too large to be shown are named by their size. */
export interface ShownChange {
  readonly op: JsonChange["op"];
  readonly path: string;
  readonly value?: Json;
  readonly value_bytes?: number;
  readonly old?: Json;
  readonly old_bytes?: number;
}

/** `more`: there are others. Without `changes` the values are too large to be compared but by what they are as a whole. */
export type ValueChange =
  | { readonly changes: readonly ShownChange[]; readonly more?: true }
  | { readonly bytes: Change<number | null>; readonly unknown?: true };

type Cost = { readonly [name: string]: number };

export interface StepDiff {
  readonly id: string;
  readonly only_in?: "task" | "with";
  readonly type?: Change<string>;
  readonly status?: Change<string>;
  readonly agent?: Change<string | null>;
  readonly attempts?: Change<number>;
  readonly reason?: Change<string | null>;
  readonly error?: Change<string | null>;
  readonly output?: ValueChange;
  readonly usage?: Change<Cost | null>;
  readonly duration_ms?: Change<number | null>;
}

export interface TaskDiff {
  readonly task: string;
  readonly with: string;
  /** Neither what they were given nor what came of it differs, times aside. */
  readonly same: boolean;
  readonly status?: Change<string>;
  readonly type?: Change<string | null>;
  readonly workflow?: Change<TaskHead["workflow"]>;
  readonly error?: Change<TaskHead["error"]>;
  readonly duration_ms: Change<number | null>;
  readonly usage?: Change<Cost | null>;
  readonly input?: ValueChange;
  readonly definition?: ValueChange;
  readonly output?: ValueChange;
  readonly steps: readonly StepDiff[];
  /** Steps that differ and are not shown. */
  readonly more_steps?: number;
  /** Steps that are alike, and those of them that one of the two has from the other, or from the same third. */
  readonly same_steps: number;
  readonly kept: readonly string[];
}

export function diffOf(one: TaskSummary, other: TaskSummary): TaskDiff {
  const others = new Map(other.steps.map((step) => [step.id, step]));
  const ids = new Set(one.steps.map(({ id }) => id));
  const kept: string[] = [];
  const steps: StepDiff[] = [];
  let same = 0;
  for (const step of one.steps) {
    const counterpart = others.get(step.id);
    const diff = counterpart === undefined ? { id: step.id, only_in: "task" as const } : stepDiff(step, counterpart);
    if (diff !== null) steps.push(diff);
    else {
      same++;
      if ((step.kept || counterpart?.kept) && kept.length < LIMITS.diffSteps) kept.push(step.id);
    }
  }
  for (const { id } of other.steps) if (!ids.has(id)) steps.push({ id, only_in: "with" });
  const differences = {
    ...changed("status", one.head.status, other.head.status),
    ...changed("type", one.head.type, other.head.type),
    ...changed("workflow", one.head.workflow, other.head.workflow),
    ...changed("error", one.head.error, other.head.error),
    ...changed("usage", one.usage, other.usage),
    ...valueChange("input", one.input, other.input),
    ...valueChange("definition", one.definition, other.definition),
    ...valueChange("output", one.output, other.output),
  };
  return {
    task: one.head.id,
    with: other.head.id,
    same: Object.keys(differences).length === 0 && steps.length === 0,
    ...differences,
    duration_ms: { from: lasted(one.head), to: lasted(other.head) },
    steps: steps.slice(0, LIMITS.diffSteps),
    ...(steps.length > LIMITS.diffSteps && { more_steps: steps.length - LIMITS.diffSteps }),
    same_steps: same,
    kept,
  };
}

/** `null` where nothing but times differs. A step that is kept came to what it came to before: who did it there is no difference. */
function stepDiff(one: StepSummary, other: StepSummary): StepDiff | null {
  const isKept = one.kept !== other.kept;
  const differences = {
    ...changed("type", one.type, other.type),
    ...changed("status", one.status, other.status),
    ...(!isKept && changed("agent", one.agent, other.agent)),
    ...(!isKept && changed("attempts", one.attempts, other.attempts)),
    ...changed("reason", one.reason ?? null, other.reason ?? null),
    ...changed("error", one.error, other.error),
    ...valueChange("output", one.output, other.output),
    ...(!isKept && changed("usage", one.usage, other.usage)),
  };
  if (Object.keys(differences).length === 0) return null;
  return { id: one.id, ...differences, ...changed("duration_ms", one.durationMs, other.durationMs) };
}

function changed(name: string, from: unknown, to: unknown): object {
  return changesOf(from as Json, to as Json, 1).length === 0 ? {} : { [name]: { from, to } };
}

function valueChange(name: string, from: ValueSummary | null, to: ValueSummary | null): object {
  const change = changeOf(from, to);
  return change === null ? {} : { [name]: change };
}

function changeOf(from: ValueSummary | null, to: ValueSummary | null): ValueChange | null {
  if (from === null || to === null) {
    // Beside its status, which says why there is none.
    if (from === to) return null;
    if (to !== null && "value" in to) return { changes: [shown({ op: "add", path: "", value: to.value })] };
    if (from !== null && "value" in from) return { changes: [shown({ op: "remove", path: "", old: from.value })] };
    return { bytes: { from: sizeOf(from), to: sizeOf(to) } };
  }
  if ("value" in from && "value" in to) {
    const changes = changesOf(from.value, to.value, LIMITS.diffChanges + 1);
    if (changes.length === 0) return null;
    return { changes: changes.slice(0, LIMITS.diffChanges).map(shown), ...(changes.length > LIMITS.diffChanges && { more: true }) };
  }
  const bytes = { from: sizeOf(from), to: sizeOf(to) };
  const [one, two] = [hashOf(from), hashOf(to)];
  if (one === null || two === null) return { bytes, unknown: true };
  return one === two ? null : { bytes };
}

const hashOf = (value: ValueSummary): string | null => ("value" in value ? hashOfValue(value.value) : value.hash);

const sizeOf = (value: ValueSummary | null): number | null =>
  value === null ? null : "value" in value ? Buffer.byteLength(JSON.stringify(value.value)) : value.bytes;

function shown(change: JsonChange): ShownChange {
  const { op, path } = change;
  return { op, path, ...("value" in change && part("value", change.value)), ...("old" in change && part("old", change.old)) };
}

function part(name: "value" | "old", value: Json): object {
  const text = JSON.stringify(value);
  return text.length <= LIMITS.diffPartLength ? { [name]: value } : { [`${name}_bytes`]: Buffer.byteLength(text) };
}

const lasted = ({ created_at, finished_at }: TaskHead): number | null =>
  finished_at === null ? null : Date.parse(finished_at) - Date.parse(created_at);
