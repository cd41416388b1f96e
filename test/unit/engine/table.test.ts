/** Every status a step can have, met by every input there is. A pair that is missing here does not compile. */
import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import type { Hold } from "../../../src/engine/aspects/hold/shape.ts";
import type { StepKind } from "../../../src/language/kinds/table.ts";
import type { StepStatus } from "../../../src/engine/state/step-state.ts";
import { completes, factOf, fails, failsForGood, given, STARTED_AT, step, type Scenario } from "./scenario.ts";

/** What an input of the kind leads to: facts, or the code of a refusal, or nothing. */
type Row = { readonly [I in TaskInput["type"]]: string };

const inputs: { readonly [I in TaskInput["type"]]: TaskInput } = {
  wake: { type: "wake" },
  look: { type: "look" },
  pause: { type: "pause" },
  resume: { type: "resume" },
  cancel: { type: "cancel" },
  admit: { type: "admit" },
  refuse: { type: "refuse", by: "task_2" },
  replace: { type: "replace", input: { value: 2 }, until: STARTED_AT + 2_000 },
  claim: { type: "claim", step: "x", attempt: 1, delivery: 1 },
  accept: { type: "accept", step: "x", attempt: 1 },
  heartbeat: { type: "heartbeat", step: "x", attempt: 1, progress: 1 },
  complete: completes("x"),
  fail: fails("x"),
  lose: { type: "lose", step: "x", attempt: 1 },
  grant: { type: "grant", step: "x", attempt: 1, isPull: false },
  decline: { type: "decline", step: "x", attempt: 1, reason: "full", retryAt: 0 },
  signal: { type: "signal", name: "go", payload: 1, key: "k" },
  decide: { type: "decide", approval: 1, decision: "approve", by: "ann", roles: ["operator"] },
  withdraw_link: { type: "withdraw_link", approval: 1, link: "l1" },
  child: { type: "child", task: "task_x_0", status: "completed", output: { value: 1 }, error: null, failedItems: 0 },
  // Too late: a past comes before anything else.
  keep: { type: "keep", steps: [{ path: "x", kind: "agent", output: 1, of: null }], children: [] },
  cached: { type: "cached", step: "x", output: { value: 1 }, task: "task_0", madeAt: 1 },
  uncached: { type: "uncached", step: "x", reason: "first" },
  invalidated: { type: "invalidated", steps: ["x"] },
  dismissed: { type: "dismissed", tasks: ["task_x_0"] },
  archive: { type: "archive", parts: 1, bytes: 1 },
};

/** A step that waits does so without any agent, or in the line of one; every other kind of step has a way of its own to be at work. */
type Situation =
  | StepStatus
  | "waiting in line"
  | "waiting for the cache"
  | `held: ${Exclude<Hold["type"], "new">}`
  | `at work: ${Exclude<StepKind, "agent">}`;

/** Tasks whose step `x` has the status; step `other` keeps them alive. */
const tasks: { readonly [S in Situation]: () => Scenario } = {
  pending: () => given([step("other"), step("x", { needs: ["other"] })]),
  waiting: () => given([step("other"), step("x", { capability: "rare" })], { missing: ["rare"] }),
  "waiting in line": () => given([step("other"), step("x")], { agent: { needsSlot: true } }),
  "waiting for the cache": () => given([step("other"), step("x", { cache: { ttl: "1h" } })]),
  running: () => given([step("other"), step("x")]),
  retrying: () => given([step("other"), step("x", { retry: { delay: "1m", jitter: "none" } })]).when(fails("x")),
  completed: () => given([step("other"), step("x")]).when(completes("x")),
  failed: () => given([step("other"), step("x")]).when(failsForGood("x")),
  skipped: () => given([step("other"), step("x", { when: "false" })]),
  canceled: () => given([step("other"), step("x")]).when({ type: "cancel" }),
  "held: timer": () => given([step("other"), step("x")], { held: { start_at: STARTED_AT + 1_000 } }),
  "held: debounce": () =>
    given([step("other"), step("x")], { held: { debounce: { key: "k", due_at: STARTED_AT + 1_000, latest_at: STARTED_AT + 5_000 } } }),
  "held: concurrency": () => given([step("other"), step("x")], { held: { gate: { key: "k", limit: 1, overlap: "queue" } } }),
  "at work: map": () => given([step("other"), { id: "x", type: "map", over: [1], steps: [step("a")] }]),
  "at work: switch": () => given([step("other"), { id: "x", type: "switch", cases: [{ when: "true", steps: [step("a")] }] }]),
  "at work: repeat": () => given([step("other"), { id: "x", type: "repeat", max: 2, steps: [step("a")] }]),
  "at work: workflow": () => given([step("other"), { id: "x", type: "workflow", workflow: "study" }]),
  "at work: wait": () => given([step("other"), { id: "x", type: "wait", for: "1m" }]),
  "at work: signal": () => given([step("other"), { id: "x", type: "signal", name: "go" }]),
  "at work: approval": () => given([step("other"), { id: "x", type: "approval", title: "Go?" }]),
  "at work: transform": () => given([step("other"), { id: "x", type: "transform", output: 1 }]),
  "at work: end": () => given([step("other"), { id: "x", type: "end" }]),
};

/** What a situation is to readers. */
const statuses: { readonly [S in Situation]?: StepStatus } = {
  "waiting in line": "waiting",
  "waiting for the cache": "waiting",
  "held: timer": "pending",
  "held: debounce": "pending",
  "held: concurrency": "pending",
  "at work: map": "running",
  "at work: switch": "running",
  "at work: repeat": "running",
  "at work: workflow": "waiting",
  "at work: wait": "waiting",
  "at work: signal": "waiting",
  "at work: approval": "waiting",
  // These are over as soon as they begin.
  "at work: transform": "completed",
  "at work: end": "completed",
};

const CANCEL = "step.canceled other (task_canceled) · step.canceled x (task_canceled) · task.canceled";
const CANCEL_OTHER = "step.canceled other (task_canceled) · task.canceled";

/** A step that no attempt is in flight for refuses every reply and lets the task's verbs through. */
const withoutAttempt = {
  wake: "",
  look: "",
  pause: "task.paused",
  resume: "invalid_state",
  admit: "",
  refuse: "",
  replace: "",
  claim: "attempt_superseded",
  accept: "attempt_superseded",
  heartbeat: "attempt_superseded",
  complete: "attempt_superseded",
  fail: "attempt_superseded",
  lose: "attempt_superseded",
  grant: "attempt_superseded",
  decline: "attempt_superseded",
  signal: "signal_unexpected",
  decide: "not_found",
  withdraw_link: "not_found",
  child: "",
  keep: "",
  cached: "",
  uncached: "",
  invalidated: "",
  dismissed: "",
  archive: "",
};

/** A task that has ended lets nothing through but what puts it away. */
const ended = { ...withoutAttempt, pause: "invalid_state", archive: "task.archived" };
const cancelInside = (inside: string): string =>
  CANCEL.replace(" · task.canceled", ` · step.canceled ${inside} (task_canceled) · task.canceled`);

const TABLE: { readonly [S in Situation]: Row } = {
  pending: { ...withoutAttempt, cancel: CANCEL },
  waiting: { ...withoutAttempt, cancel: CANCEL },
  retrying: { ...withoutAttempt, cancel: CANCEL },
  completed: { ...withoutAttempt, cancel: CANCEL_OTHER },
  failed: { ...withoutAttempt, cancel: CANCEL_OTHER },
  skipped: { ...withoutAttempt, cancel: CANCEL_OTHER },
  "waiting in line": {
    ...withoutAttempt,
    cancel: CANCEL,
    grant: "task.started · step.started x · attempt.started x#1",
    // Turned away, it looks elsewhere, and finds nobody.
    decline: "attempt.declined x#1 (full) · step.waiting x",
  },
  "waiting for the cache": {
    ...withoutAttempt,
    cancel: CANCEL,
    cached: "step.completed x",
    uncached: "cache.missed x (first) · agent.selected x#1 · attempt.started x#1",
  },
  running: {
    wake: "",
    look: "",
    pause: "task.paused",
    resume: "invalid_state",
    cancel: CANCEL,
    admit: "",
    refuse: "",
    replace: "",
    claim: "attempt_superseded", // it is inline
    accept: "attempt.claimed x#1",
    heartbeat: "attempt.progressed x#1",
    complete: "step.completed x#1",
    fail: "attempt.failed x#1 (boom) · step.retry_scheduled x#2",
    lose: "attempt.lost x#1",
    grant: "",
    decline: "attempt.declined x#1 (full) · step.waiting x",
    signal: "signal_unexpected",
    decide: "not_found",
    withdraw_link: "not_found",
    child: "",
    keep: "",
    cached: "",
    uncached: "",
    invalidated: "",
    dismissed: "",
    archive: "",
  },
  // Nothing has happened yet that a past would come too late for.
  "held: timer": { ...withoutAttempt, cancel: CANCEL, keep: "step.kept x" },
  "held: debounce": { ...withoutAttempt, cancel: CANCEL, keep: "step.kept x", replace: "task.replaced" },
  "held: concurrency": {
    ...withoutAttempt,
    keep: "step.kept x",
    cancel: CANCEL,
    admit:
      "task.admitted · agent.selected other#1 · task.started · step.started other · attempt.started other#1 · agent.selected x#1 · step.started x · attempt.started x#1",
    refuse: "step.canceled other (task_rejected) · step.canceled x (task_rejected) · task.rejected (concurrency_limit)",
  },
  "at work: map": { ...withoutAttempt, cancel: cancelInside("x[0]/a") },
  "at work: switch": { ...withoutAttempt, cancel: cancelInside("x[0]/a") },
  "at work: repeat": { ...withoutAttempt, cancel: cancelInside("x[1]/a") },
  "at work: workflow": { ...withoutAttempt, cancel: CANCEL, child: "child.ended x[0] · step.completed x" },
  "at work: wait": { ...withoutAttempt, cancel: CANCEL },
  "at work: signal": { ...withoutAttempt, cancel: CANCEL, signal: "signal.received go · step.completed x" },
  "at work: approval": {
    ...withoutAttempt,
    cancel: CANCEL,
    decide: "approval.decided x · step.completed x",
    withdraw_link: "approval.link_withdrawn x",
  },
  "at work: transform": { ...withoutAttempt, cancel: CANCEL_OTHER },
  "at work: end": { ...ended, cancel: "invalid_state" },
  canceled: {
    ...ended,
    cancel: "",
    claim: "attempt_canceled",
    accept: "attempt_canceled",
    heartbeat: "attempt_canceled",
    complete: "attempt_canceled",
    fail: "attempt_canceled",
    lose: "attempt_canceled",
    grant: "attempt_canceled",
    decline: "attempt_canceled",
  },
};

const rows = Object.entries(TABLE) as [Situation, Row][];

describe.each(rows)("a step that is %s", (status, row) => {
  test.each(Object.entries(row) as [TaskInput["type"], string][])("meets %s", (kind, expected) => {
    const task = tasks[status]();
    expect(task.steps()[1]).toBe(statuses[status] ?? status);
    task.when(inputs[kind]);
    const [answer] = task.last.answers;
    const met = answer?.ok === false ? answer.error.code : task.last.events.map(factOf).join(" · ");
    expect(met).toBe(expected);
    if (answer?.ok === false) expect(task.last.events).toEqual([]);
  });
});
