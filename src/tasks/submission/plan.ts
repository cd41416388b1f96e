/**
 * What a task is to be: of what it runs, what it is given, what somebody says of it, and what it has of another task. Every
 * way to a task of its own leads through here: a submission, a schedule's time, a retry or fork, a step that starts one, the
 * end of another.
 */
import { smaller, taskBudget, type TaskBudget } from "../../language/budget-definition.ts";
import type { GateTerms } from "../../language/concurrency.ts";
import type { Workflow } from "../../language/compile.ts";
import { startsTasks } from "../../engine/aspects/table.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import { rejectionOf, type Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { parseDuration } from "../../shared/time.ts";
import { inputFaults } from "../../workflows/input-schema.ts";
import type { SubmissionBody } from "../routes/task-schemas.ts";
import { deadlineFor, type InheritedDeadline } from "./deadline.ts";
import { holdOptions, type HoldOptions } from "./hold-options.ts";
import type { Submission } from "./submission.ts";

/** A definition, compiled, and what it may start. */
export interface Runnable extends Pick<Submission, "type" | "workflow" | "definition" | "library"> {
  readonly compiled: Workflow;
}

/** What somebody says of it; without a word its workflow's, or that of the task before it, holds. */
export type Said = Pick<
  SubmissionBody,
  "priority" | "tags" | "deadline" | "budget" | "queue_ttl" | "on_no_agent" | "fail_fast" | "start_at" | "debounce" | "concurrency"
>;

export type Options = Pick<Submission, "priority" | "tags" | "queueTtlMs" | "onNoAgent" | "failFast">;

/** What it has of the task that it goes on with, or that starts it. */
export interface Inherited extends Partial<Options>, InheritedDeadline {
  /** The most that it may spend. */
  readonly budget?: TaskBudget | undefined;
  /** How many tasks may come of it. */
  readonly family?: TaskCreated["family"] | undefined;
  readonly gate?: GateTerms | undefined;
  /** The key of the gate is made anew, where the workflow says how: it is made of something that is different now. */
  readonly makesGate?: boolean;
}

export type Planned = Omit<Runnable, "compiled"> &
  Options &
  HoldOptions &
  Pick<Submission, "task" | "rules" | "input" | "deadlineAt" | "budget" | "family">;

export function planSubmission(
  task: string,
  { compiled, ...what }: Runnable,
  input: Json,
  said: Said,
  inherited: Inherited,
  now: number,
): Result<Planned, Rejection> {
  const { definition, graph } = compiled;
  const faults = inputFaults(definition, input);
  if (faults.length > 0) return err(rejectionOf(faults, "invalid_input"));
  const deadlineAt = deadlineFor(said.deadline, inherited, definition.deadline, now);
  // Where nothing of it is said it is a time to come, or passes while the task is made.
  if (said.deadline !== undefined && deadlineAt !== null && deadlineAt <= now) {
    const message = "the deadline has passed already";
    return err(rejectionOf([{ pointer: "/deadline", message, code: "invalid_request" }], "invalid_request"));
  }
  const options: Options = {
    priority: said.priority ?? inherited.priority ?? DEFAULTS.priority,
    tags: said.tags === undefined ? (inherited.tags ?? []) : [...new Set(said.tags)],
    queueTtlMs: (said.queue_ttl === undefined ? null : parseDuration(said.queue_ttl)) ?? inherited.queueTtlMs ?? DEFAULTS.queueTtlMs,
    onNoAgent: said.on_no_agent ?? inherited.onNoAgent ?? "wait",
    failFast: said.fail_fast ?? inherited.failFast ?? false,
  };
  const held = holdOptions(said, inherited, graph.concurrency, { task, ...what, ...options, input }, deadlineAt, now);
  if (!held.ok) return held;
  const allowed = taskBudget(said.budget, definition.budget);
  const budget = said.budget === undefined ? smaller(inherited.budget, allowed) : allowed;
  const family = startsTasks(graph) ? inherited.family : undefined;
  const limits = { deadlineAt, ...(budget && { budget }), ...(family && { family }) };
  return ok({ task, rules: graph.rules, ...what, ...options, ...held.value, input, ...limits });
}

/** What a task hands on to those that come of it. */
export function optionsOf({ priority, tags, queue_ttl_ms, on_no_agent, fail_fast }: TaskCreated): Options {
  return { priority, tags, queueTtlMs: queue_ttl_ms, onNoAgent: on_no_agent, failFast: fail_fast };
}
