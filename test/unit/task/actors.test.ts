/** Who caused a fact, where the fact itself does not say it; and what a repeated request is recognised by. */
import { describe, expect, test } from "vitest";
import { principal } from "../../../src/shared/principal.ts";
import type { TaskCreated } from "../../../src/engine/facts/created.ts";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import { causeOf, submitterOf } from "../../../src/tasks/views/by-view.ts";
import {
  forkFingerprint,
  scheduledFingerprint,
  startedFingerprint,
  submissionFingerprint,
} from "../../../src/tasks/submission/fingerprint.ts";

const created = (more: Partial<TaskCreated> = {}): TaskCreated => ({
  type: "task.created",
  v: 1,
  tenant: "default",
  task: "task_2",
  workflow: { name: null, version: null },
  definition: { value: null },
  input: { value: null },
  priority: 5,
  tags: [],
  queue_ttl_ms: 1,
  on_no_agent: "wait",
  fail_fast: false,
  traceparent: "",
  origin: "",
  ...more,
});

describe("facts from before actors were recorded", () => {
  const parent = { task: "task_1", step: "w", branch: 0, depth: 1 };

  test("say who submitted the task as far as it is known", () => {
    const forked = { from: "task_0", seq: 4 };
    expect(submitterOf(created())).toBeNull();
    expect(submitterOf(created({ parent }))).toEqual({ type: "task", id: "task_1" });
    expect(submitterOf(created({ parent, forked }))).toEqual({ type: "task", id: "task_1" });
    expect(submitterOf(created({ chain: { from: "task_1", depth: 1 } }))).toEqual({ type: "task", id: "task_1" });
    expect(submitterOf(created({ schedule: "nightly" }))).toEqual({ type: "schedule", id: "nightly" });
    // A fork has kept what the task before it had of those, and was somebody's.
    expect(submitterOf(created({ schedule: "nightly", forked }))).toBeNull();
  });

  test("say who paused and who decided", () => {
    const decided = (by: string): TaskEvent => ({ type: "approval.decided", step: "a", approval: 1, by, decision: "approve", hash: "" });
    expect(causeOf({ type: "task.paused", by: "parent" }, created({ parent }))).toEqual({ type: "task", id: "task_1" });
    expect(causeOf({ type: "task.paused" }, created({ parent }))).toBeNull();
    expect(causeOf(decided("key_1"), created())).toEqual({ type: "key", id: "key_1" });
    expect(causeOf(decided("link x7"), created())).toEqual({ type: "link", id: "x7" });
    expect(causeOf(decided("Ann (at home) (link x7)"), created())).toEqual({ type: "link", id: "x7", name: "Ann (at home)" });
  });

  test("of an imported task are the file's, and the task is whose import it was", () => {
    const imported = created({ imported: { from: "task_1", by: { type: "key", id: "key_2" } }, actor: { type: "key", id: "key_1" } });
    expect(submitterOf(imported)).toEqual({ type: "key", id: "key_2" });
    expect(causeOf(imported, imported)).toEqual({ type: "key", id: "key_1", imported: true });
    expect(submitterOf(created({ imported: { from: "task_1" }, actor: { type: "key", id: "key_1" } }))).toBeNull();
  });
});

test("a key that is bound to an agent acts as that agent, any other as itself", () => {
  expect(principal("t", "key_1", "worker", ["agent"], "researcher")).toMatchObject({ type: "agent", id: "researcher", subject: "key_1" });
  expect(principal("t", "key_1", "ci", ["developer"], null)).toMatchObject({ type: "key", id: "key_1", name: "ci", subject: "key_1" });
});

test("requests are recognised by what they were recognised by before", () => {
  expect(submissionFingerprint({ tags: ["b", "a"], priority: 3, type: "simple", message: "Hello" })).toBe(
    "02b977f9fb58369973534f8564a04435720756c00f2446e1c9160e6f478fabb9",
  );
  expect(forkFingerprint("task_1", {}, true)).toBe("a54ed5b3659e4f22c2d1b1c70ecee7b766019bdf945480b927eb533f0df20a21");
  expect(forkFingerprint("task_1", { input: { n: [1, null], query: "bees" }, from: { step: "analyse" } }, false)).toBe(
    "f855c8566d7488f0248d485938e8de9c0a033b962bab6d8d853ba041fd8e634e",
  );
  expect([scheduledFingerprint("nightly"), startedFingerprint("task_1")]).toEqual(["scheduled by nightly", "started by task_1"]);
});
