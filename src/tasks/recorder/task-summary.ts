/** A task as it is compared with another: what it was given, and what each of its steps came to. */
import { createHash } from "node:crypto";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { Usage } from "../../engine/facts/call.ts";
import { stepViews, type StepView } from "../views/step-view.ts";
import { taskHead, type TaskHead } from "../views/view.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import { createdIn, type Loaded } from "../journal/load.ts";

/** `hash`: `null` of what is kept no longer, or was too much to be read. */
export type ValueSummary = { readonly value: Json } | { readonly hash: string | null; readonly bytes: number };

export interface StepSummary extends Pick<StepView, "id" | "type" | "status" | "agent" | "attempts" | "reason" | "kept"> {
  readonly error: string | null;
  readonly durationMs: number | null;
  readonly usage: Usage | null;
  readonly output: ValueSummary | null;
}

export interface TaskSummary {
  readonly head: TaskHead;
  readonly usage: Usage | null;
  readonly definition: ValueSummary;
  readonly input: ValueSummary;
  readonly output: ValueSummary | null;
  readonly steps: readonly StepSummary[];
}

export function summaryOf({ state }: Loaded, source: JournalSource): TaskSummary {
  const created = createdIn(source);
  const values = new ValueReader(source);
  const [total, byStep] = usagesIn(source);
  const views = stepViews(state, 0, state.steps.length);
  // The task's own values first: they are what a reader looks for.
  const [input, definition] = [values.summary(state.input), values.summary(created.definition)];
  const output = state.end === null || state.end.output === null ? null : values.summary(state.end.output);
  return {
    head: taskHead(state),
    usage: total,
    definition,
    input,
    output,
    steps: state.steps.map(({ phase, path }, index) => {
      const { id, type, status, agent, attempts, reason, kept, error, started_at, finished_at } = views[index] as StepView;
      return {
        id,
        type,
        status,
        agent,
        attempts,
        ...(reason !== undefined && { reason }),
        ...(kept && { kept }),
        error: error?.code ?? null,
        durationMs: started_at === null || finished_at === null ? null : Date.parse(finished_at) - Date.parse(started_at),
        usage: byStep.get(path) ?? null,
        output: phase.status === "completed" ? values.summary(phase.output) : null,
      };
    }),
  };
}

/** What agents said that their work used: of the whole task, and by step. */
function usagesIn(source: JournalSource): readonly [Usage | null, ReadonlyMap<string, Usage>] {
  const byStep = new Map<string, Usage>();
  let total: Usage | null = null;
  for (const { events } of source.rowsAfter(0)) {
    for (const event of events) {
      const usage = usageIn(event);
      if (usage === undefined || !("step" in event)) continue;
      byStep.set(event.step, sumOf(byStep.get(event.step) ?? null, usage));
      total = sumOf(total, usage);
    }
  }
  return [total, byStep];
}

const usageIn = (event: TaskEvent): Usage | undefined => ("usage" in event ? event.usage : undefined);

function sumOf(one: Usage | null, other: Usage): Usage {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + (count as number);
  return sum;
}

/** Small values as they are, larger ones by their hash, and none once there have been too many. */
class ValueReader {
  readonly #source: JournalSource;
  #readBytes = 0;
  #shownBytes = 0;

  constructor(source: JournalSource) {
    this.#source = source;
  }

  summary(stored: StoredValue): ValueSummary {
    const known = stored.bytes ?? 0;
    const value =
      this.#readBytes + known > LIMITS.diffReadBytes ? undefined : "value" in stored ? stored.value : this.#source.value(stored);
    if (value === undefined) return { hash: null, bytes: known };
    const bytes = stored.bytes ?? JSON.stringify(value).length;
    this.#readBytes += bytes;
    if (bytes > LIMITS.diffValueBytes || this.#shownBytes + bytes > LIMITS.diffShownBytes) return { hash: hashOfValue(value), bytes };
    this.#shownBytes += bytes;
    return { value };
  }
}

export function hashOfValue(value: Json): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
