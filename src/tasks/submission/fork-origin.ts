/**
 * What a task that shares this one's past is made of: how it was submitted, and what had completed. It is read from the
 * journal, be it the object's or an archived one, and travels as JSON in UTF-8.
 */
import { pastOf } from "../../engine/rules/past.ts";
import type { Past } from "../../engine/facts/past.ts";
import { itemsAround } from "../../engine/rules/kept.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import { statusOf, type TaskState } from "../../engine/state/state.ts";
import type { Step } from "../../engine/state/step-state.ts";
import type { StoredValue, Values } from "../../engine/facts/value.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import type { Library } from "../../language/library.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import { createdIn, loadTask, type Loaded } from "../journal/load.ts";
import type { Submission } from "./submission.ts";

/** From where on a task goes another way. */
export interface ForkPoint {
  /** The step that is done again with all that depends on it, or the last event that both share; `null`: as it stands. */
  readonly from: { readonly step: string } | { readonly seq: number } | null;
  /** Steps that get another output, so that whatever depends on them is done again. */
  readonly edited: readonly string[];
  /** It has to have ended without completing. */
  readonly isRetry: boolean;
  /** The input is given anew, and so need not be kept still. */
  readonly hasInput: boolean;
  /** The new one has the same part of a map's items, where the task has. */
  readonly isPart?: true;
}

/** All that had completed, for a task that goes on where another one of the same place failed. */
export const FOR_RETRY: ForkPoint = { from: null, edited: [], isRetry: false, isPart: true, hasInput: true };

/** On the way from the one task to the other. */
export interface ForkOrigin {
  /** The last event that both share. */
  readonly seq: number;
  readonly submission: Pick<
    Submission,
    | "type"
    | "rules"
    | "workflow"
    | "definition"
    | "priority"
    | "tags"
    | "budget"
    | "gate"
    | "queueTtlMs"
    | "onNoAgent"
    | "failFast"
    | "chain"
    | "scheduled"
    | "webhook"
  > & { readonly input?: Json; readonly library?: Json };
  /** How long it had from its submission to its deadline. */
  readonly deadlineMs: number | null;
  readonly past: Past;
  /** The items that each edited step is about, where it is there already. */
  readonly edited: { readonly [path: string]: { readonly of: string | null } };
}

export function forkOrigin(now: Loaded, source: JournalSource, point: ForkPoint): Result<ForkOrigin, Rejection> {
  const refused = refusal(now.state, point);
  if (refused !== null) return err(refused);
  const { from } = point;
  const then = from !== null && "seq" in from ? loadTask(source, from.seq) : now;
  assert(then !== null, "a journal without its beginning");
  const { state } = then;
  const created = createdIn(source);
  const again: Step[] = [];
  for (const path of [...(from !== null && "step" in from ? [from.step] : []), ...point.edited]) {
    const step = state.stepByPath.get(path);
    if (step !== undefined) again.push(step);
    else if (from !== null && "step" in from && path === from.step) return err(unknownStep(state, path));
  }
  const reader = new BoundedReader(source);
  const definition = reader.read(created.definition);
  const input = point.hasInput ? undefined : reader.read(state.input);
  const library = created.library && reader.read(created.library);
  const isOurs = created.imported === undefined;
  const past = pastOf(state, eventsUpTo(source, state.seq), again, valuesOf(source), (stored) => reader.read(stored));
  if (reader.isTooMuch) return err(forkTooLarge(`${reader.bytes} or more`));
  if (definition === undefined || (created.library !== undefined && library === undefined)) return err(gone("definition"));
  if (input === undefined && !point.hasInput) return err(gone("input; give another"));
  return ok({
    seq: state.seq,
    submission: {
      type: created.task_type ?? null,
      rules: created.rules ?? 0,
      workflow: isOurs ? created.workflow : unregistered(created.workflow),
      definition: JSON.stringify(definition),
      ...(input !== undefined && { input }),
      ...(library !== undefined && { library: isOurs ? library : unregisteredAll(library as unknown as Library) }),
      priority: created.priority,
      tags: created.tags,
      ...(created.budget && { budget: created.budget }),
      ...(created.gate && { gate: created.gate }),
      queueTtlMs: created.queue_ttl_ms,
      onNoAgent: created.on_no_agent,
      failFast: created.fail_fast,
      ...(created.chain && { chain: created.chain }),
      ...(created.schedule !== undefined && { scheduled: { schedule: created.schedule, at: created.scheduled_at ?? state.createdAt } }),
      ...(created.webhook && { webhook: created.webhook }),
    },
    deadlineMs: created.deadline_at === undefined ? null : Math.max(1, created.deadline_at - state.createdAt),
    past,
    edited: Object.fromEntries(
      point.edited.flatMap((path) => {
        const step = state.stepByPath.get(path);
        return step === undefined ? [] : [[path, { of: itemsAround(state, step.frame, valuesOf(source)) }]];
      }),
    ),
  });
}

/** What somebody has brought here says of itself that it is registered; that does not make it so. */
const unregistered = <T extends { readonly version: number | null }>(workflow: T): T => ({ ...workflow, version: null });

const unregisteredAll = (library: Library): Json =>
  Object.fromEntries(Object.entries(library).map(([reference, entry]) => [reference, { ...unregistered(entry) }]));

function refusal(state: TaskState, { from, isRetry, isPart }: ForkPoint): Rejection | null {
  const status = statusOf(state);
  const facts = { task_status: status };
  if (state.created.spread !== undefined && isPart !== true)
    return rejection("invalid_state", "The task has some of a map's items; fork the task that started it", { facts });
  if (isRetry && state.end === null)
    return rejection("invalid_state", `The task is ${status}; only one that has ended can be retried. Fork it to go another way`, {
      facts,
    });
  if (isRetry && status === "completed")
    return rejection("invalid_state", "The task has completed, so there is nothing to retry. Fork it to do parts again", { facts });
  if (from !== null && "seq" in from && (from.seq < 1 || from.seq > state.seq))
    return rejection("unknown_point", `There is no event ${from.seq}; the task has the events 1 to ${state.seq}`, {
      facts: { last_seq: state.seq },
    });
  return null;
}

/** Names what there is, as far as anybody reads. */
export function unknownStep(state: TaskState, path: string): Rejection {
  const paths = state.steps.map((step) => step.path);
  const more = paths.length > LIMITS.faults ? ` and ${paths.length - LIMITS.faults} more` : "";
  return rejection("unknown_point", `There is no step "${path}"; there are ${paths.slice(0, LIMITS.faults).join(", ")}${more}`);
}

/** `bytes`: how many, or that there are more. */
export function forkTooLarge(bytes: string): Rejection {
  const message = `What the task was given and what had completed come to ${bytes} bytes; a fork takes at most ${LIMITS.forkBytes}`;
  return rejection("limit_reached", message);
}

const gone = (what: string): Rejection =>
  rejection("result_expired", `The task's object is gone, and its archive has no room for its ${what}`);

function* eventsUpTo(source: JournalSource, seq: number): Iterable<TaskEvent> {
  let next = 1;
  for (const { events } of source.rowsAfter(0)) {
    for (const event of events) {
      if (next > seq) return;
      next++;
      yield event;
    }
  }
}

/** To look at what is recorded; nothing is written. */
function valuesOf(source: JournalSource): Values {
  return { read: (recorded) => source.value(recorded) ?? null, stage: () => undefined, write: () => null };
}

/** Reads until there is more than a fork takes: the rest need not be read to know that. */
class BoundedReader {
  readonly #source: JournalSource;
  bytes = 0;

  constructor(source: JournalSource) {
    this.#source = source;
  }

  get isTooMuch(): boolean {
    return this.bytes > LIMITS.forkBytes;
  }

  read(stored: StoredValue): Json | undefined {
    if (this.isTooMuch) return undefined;
    this.bytes += stored.bytes ?? 0;
    if (this.isTooMuch) return undefined;
    return "value" in stored ? stored.value : this.#source.value(stored);
  }
}
