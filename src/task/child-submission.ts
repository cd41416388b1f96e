/** What a task hands to those it starts, made from its journal: always the same, however often it is asked for. */
import { concurrencyOfChild, tolerated } from "../engine/kinds/map.ts";
import type { EventOf, Failure } from "../engine/event.ts";
import { partOf, scopeOfStep } from "../engine/scope.ts";
import { stepNamed } from "../engine/state.ts";
import { isKind, type Step } from "../engine/step-state.ts";
import type { MapNode, WorkflowNode } from "../engine/graph.ts";
import { readValue } from "../engine/value.ts";
import type { Json, JsonObject } from "../shared/json.ts";
import { jsonToBytes } from "../shared/json-bytes.ts";
import { violationsOf } from "../shared/json-schema.ts";
import { LIMITS } from "../shared/limits.ts";
import { assert, err, ok, type Result } from "../shared/result.ts";
import { durationMs } from "../shared/time.ts";
import { childSpan } from "./call.ts";
import type { ChildOutcome } from "./contract.ts";
import type { Journal } from "./journal.ts";
import type { Loaded } from "./reading.ts";
import type { Submission } from "./submission.ts";

export interface ChildTask {
  readonly task: string;
  readonly step: string;
  readonly branch: number;
}

/** PERSISTED in `task.created`: a definition that was looked up when the task began. */
export interface LibraryEntry {
  readonly name: string;
  readonly version: number;
  readonly definition: JsonObject;
}
export type Library = { readonly [reference: string]: LibraryEntry };

export class ChildSubmissions {
  readonly #journal: Journal;
  /** The task's own definition, for those with some of its items. */
  #definition: string | null = null;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  submissionFor(loaded: Loaded, child: ChildTask, now: number): Result<Submission, Failure> {
    const step = stepNamed(loaded.state, child.step);
    if (isKind(step, "map")) return ok(this.#part(loaded, step, child));
    assert(isKind(step, "workflow"), "only maps and workflows start tasks");
    return this.#workflow(loaded, step, child, now);
  }

  #part(loaded: Loaded, step: Step<MapNode>, child: ChildTask): Submission {
    const { state } = loaded;
    const chunk = step.branches?.chunk ?? LIMITS.mapChunk;
    const first = child.branch * chunk;
    const created = this.#created();
    this.#definition ??= JSON.stringify(this.#read(created.definition));
    return {
      ...this.#common(loaded, child),
      type: created.task_type ?? null,
      workflow: created.workflow,
      definition: this.#definition,
      input: partOf(state, step, first, first + chunk, this.#journal) as unknown as Json,
      deadlineAt: state.created.deadline_at ?? null,
      spread: {
        path: step.node.path,
        first,
        concurrency: concurrencyOfChild(step.node),
        tolerate: tolerated(state, step, step.branches?.count ?? 0),
      },
    };
  }

  #workflow(loaded: Loaded, step: Step<WorkflowNode>, child: ChildTask, now: number): Result<Submission, Failure> {
    const { state } = loaded;
    const entry = this.library()[step.node.workflow];
    if (entry === undefined) {
      return err({
        code: "unknown_workflow",
        message: `There was no workflow "${step.node.workflow}" when the task began`,
        retryable: false,
      });
    }
    const input = step.node.input.evaluate(() => scopeOfStep(state, step, this.#journal));
    if (!input.ok) return err({ code: "expression_error", message: input.error, retryable: false });
    const fault = inputFault(entry, input.value);
    if (fault !== null) return err(fault);
    return ok({
      ...this.#common(loaded, child),
      type: entry.name,
      workflow: { name: entry.name, version: entry.version },
      definition: JSON.stringify(entry.definition),
      input: input.value,
      deadlineAt: deadlineOf(entry, state.created.deadline_at ?? null, step.startedAt ?? now),
    });
  }

  /** The definitions that the task may start. */
  library(): Library {
    const { library } = this.#created();
    return library === undefined ? {} : (this.#read(library) as unknown as Library);
  }

  #common({ state }: Loaded, { task, step, branch }: ChildTask) {
    const { tenant, priority, tags, queue_ttl_ms, on_no_agent, fail_fast, traceparent, origin } = state.created;
    const { library } = this.#created();
    return {
      tenant,
      task,
      priority,
      tags,
      queueTtlMs: queue_ttl_ms,
      onNoAgent: on_no_agent,
      failFast: fail_fast,
      // Whoever starts it again later means the same task, also when only history knows it.
      fingerprint: `child of ${state.created.task}`,
      traceparent: childSpan(traceparent, `${state.created.task}/${step}/${branch}`),
      origin,
      parent: { task: state.created.task, step, branch },
      ...(library && { library: this.#read(library) }),
    };
  }

  outcomeOf({ state }: Loaded): ChildOutcome {
    const { end, created } = state;
    assert(end !== null, "only a task that has ended has come to something");
    return {
      status: end.status,
      output: end.output === null ? null : jsonToBytes(readValue(end.output, this.#journal)),
      error: end.error,
      failedItems: created.spread === undefined ? 0 : (state.steps[0]?.branches?.failed ?? 0),
    };
  }

  #created(): EventOf<"task.created"> {
    const created = this.#journal.rowWith(1)?.events[0];
    assert(created?.type === "task.created", "a journal begins with task.created");
    return created;
  }

  #read(stored: EventOf<"task.created">["definition"]): Json {
    return readValue(stored, this.#journal);
  }
}

/** A fault that the workflow's own schema finds in its input. */
export function inputFault({ name, definition }: LibraryEntry, input: Json): Failure | null {
  const schema = definition["input_schema"] as JsonObject | undefined;
  const [violation] = schema === undefined ? [] : violationsOf(schema, input);
  if (violation === undefined) return null;
  const message = `The input does not match the schema of workflow "${name}": /input${violation.pointer}: ${violation.message}`;
  return { code: "invalid_input", message, retryable: false };
}

/** The earlier of what the workflow allows its tasks and what is left to the one that starts it. */
export function deadlineOf({ definition }: LibraryEntry, until: number | null, startedAt: number): number | null {
  const own = definition["deadline"] as string | undefined;
  const ownAt = own === undefined ? null : startedAt + durationMs(own);
  if (ownAt === null || until === null) return ownAt ?? until;
  return Math.min(ownAt, until);
}
