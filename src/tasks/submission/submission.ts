/** A task as it is handed to its object: checked, with its workflow pinned. */
import { causedBy, type By } from "../../shared/actor.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { Past } from "../../engine/facts/past.ts";
import type { Rules } from "../../language/rules.ts";
import type { Json } from "../../shared/json.ts";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { assert } from "../../shared/result.ts";
import type { Journal } from "../object/journal.ts";

export interface Submission {
  readonly tenant: string;
  readonly task: string;
  readonly type: string | null;
  /** By which it decides; absent where the sender knows only those of the first release. */
  readonly rules?: Rules;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  /** The definition as JSON text: nothing reads the registry later. */
  readonly definition: string;
  readonly input: Json;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly deadlineAt: number | null;
  readonly budget?: TaskCreated["budget"];
  readonly family?: TaskCreated["family"];
  readonly queueTtlMs: number;
  readonly onNoAgent: "wait" | "fail";
  readonly failFast: boolean;
  /** Of the submitted body, when it came under an idempotency key. */
  readonly fingerprint: string | null;
  readonly traceparent: string;
  readonly tracestate?: string;
  readonly origin: string;
  /** The step that starts it; the map of whose items it has some; the task whose end starts it. */
  readonly parent?: TaskCreated["parent"];
  readonly spread?: TaskCreated["spread"];
  readonly chain?: TaskCreated["chain"];
  /** The task whose past it shares, and what it is given of that. */
  readonly forked?: TaskCreated["forked"];
  readonly past?: Past;
  /** A task whose past it has to fetch itself: the one that another like it had started at the same place. */
  readonly after?: string;
  /** Who submits it, or has it start. */
  readonly actor?: By;
  /** The schedule that starts it, for a time. */
  readonly scheduled?: { readonly schedule: string; readonly at: number };
  /** What keeps it from beginning. */
  readonly startAt?: number;
  readonly debounce?: TaskCreated["debounce"];
  readonly gate?: TaskCreated["gate"];
  /** Definitions that it may start, by how they are referred to. */
  readonly library?: Json;
  readonly webhook?: TaskCreated["webhook"];
}

export function submissionFrom(submission: Submission | Uint8Array): Submission {
  return submission instanceof Uint8Array ? (bytesToJson(submission) as unknown as Submission) : submission;
}

/** The first fact. Large values go to payload rows of the same transaction. */
export function createdEvent(submission: Submission, journal: Journal): TaskCreated {
  const definition = journal.write(JSON.parse(submission.definition) as Json);
  const input = journal.write(submission.input);
  const library = submission.library === undefined ? undefined : journal.write(submission.library);
  assert(definition !== null && input !== null && library !== null, `a submission is at most ${LIMITS.bodyBytes} bytes`);
  return {
    type: "task.created",
    v: 1,
    tenant: submission.tenant,
    task: submission.task,
    ...(submission.rules && { rules: submission.rules }),
    ...(submission.type !== null && { task_type: submission.type }),
    workflow: submission.workflow,
    definition,
    input,
    priority: submission.priority,
    tags: submission.tags,
    ...(submission.deadlineAt !== null && { deadline_at: submission.deadlineAt }),
    ...(submission.budget && { budget: submission.budget }),
    ...(submission.family && { family: submission.family }),
    queue_ttl_ms: submission.queueTtlMs,
    on_no_agent: submission.onNoAgent,
    fail_fast: submission.failFast,
    ...(submission.fingerprint !== null && { fingerprint: submission.fingerprint }),
    traceparent: submission.traceparent,
    ...(submission.tracestate !== undefined && { tracestate: submission.tracestate }),
    origin: submission.origin,
    ...(submission.parent && { parent: submission.parent }),
    ...(submission.spread && { spread: submission.spread }),
    ...(submission.chain && { chain: submission.chain }),
    ...(submission.forked && { forked: submission.forked }),
    ...causedBy(submission),
    ...(submission.scheduled && { schedule: submission.scheduled.schedule, scheduled_at: submission.scheduled.at }),
    ...(submission.startAt !== undefined && { start_at: submission.startAt }),
    ...(submission.debounce && { debounce: submission.debounce }),
    ...(submission.gate && { gate: submission.gate }),
    ...(library && { library }),
    ...(submission.webhook && { webhook: submission.webhook }),
  };
}
