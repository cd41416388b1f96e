/** Steps that wait: for time, for a signal, for people, for another task. */
import { describe, expect, test } from "vitest";
import { approvalHead } from "../../../../src/tasks/views/approval-view.ts";
import type { TaskInput } from "../../../../src/engine/facts/input.ts";
import type { Json } from "../../../../src/shared/json.ts";
import { LIMITS } from "../../../../src/engine/limits.ts";
import { given, STARTED_AT, step, type Scenario } from "../scenario.ts";

const DAY = 86_400_000;
const outputOf = (task: Scenario): unknown => task.state.end?.output;
const refusalOf = (task: Scenario) => {
  const [answer] = task.last.answers;
  return answer?.ok === false ? answer.error : null;
};

describe("a wait", () => {
  test("for a while ends when it is over, and says when that was", () => {
    const task = given([{ id: "nap", type: "wait", for: "10m" }, step("after", { needs: ["nap"] })]);
    expect(task.status).toBe("waiting");
    expect(task.view().waiting_on).toMatchObject({ type: "timer", step_id: "nap", until: new Date(STARTED_AT + 600_000).toISOString() });
    task.untilWake().then("timer.fired nap", "step.completed nap", "step.started after", "attempt.started after#1");
    expect(task.now).toBe(STARTED_AT + 600_000);
  });

  test("until a moment, or for as long as the input says", () => {
    const until = new Date(STARTED_AT + 30 * DAY).toISOString();
    const task = given(
      [
        { id: "month", type: "wait", until: "${ input.at }" },
        { id: "hour", type: "wait", for: "${ input.pause }" },
      ],
      { input: { at: until, pause: "1h" } },
    );
    task.untilWake().then("timer.fired hour", "step.completed hour");
    task.untilWake();
    expect(outputOf(task)).toMatchObject({ value: { month: { waited_until: until } } });
  });

  test("for what has passed is over at once", () => {
    expect(given([{ id: "past", type: "wait", until: "1970-01-01T00:00:01Z" }]).status).toBe("completed");
  });

  test.each([
    ["no duration", { for: "${ input.x }" }, "expected a duration"],
    ["no time", { until: "${ input.x }" }, "expected a time"],
    ["what is nearly a time", { until: "12" }, "expected a time"],
    ["a time of no zone", { until: "2027-01-31T09:00:00" }, "expected a time"],
    ["more than a year", { until: "1999-01-01T00:00:00Z" }, "at most 365 days"],
  ])("for %s fails", (_, more, message) => {
    const task = given([{ id: "nap", type: "wait", ...more }], { input: { x: 7 } });
    expect(task.state.end?.error).toMatchObject({ code: "expression_error", message: expect.stringContaining(message) });
  });

  test("goes on while the task is paused", () => {
    const task = given([{ id: "nap", type: "wait", for: "1m" }, step("after", { needs: ["nap"] })]).when({ type: "pause" });
    task.after(60_000).then("timer.fired nap", "step.completed nap");
    task.when({ type: "resume" }).then("task.resumed", "step.started after", "attempt.started after#1");
  });

  test("outlives any number of restarts", () => {
    const task = given([{ id: "nap", type: "wait", for: "30d" }]);
    for (let restart = 0; restart < 10; restart++) {
      task.last = { ...task.last, state: task.rebuilt() };
      task.after(2 * DAY).then();
    }
    task.after(10 * DAY).then("timer.fired nap", "step.completed nap", "task.completed");
  });
});

describe("a signal", () => {
  const hear = (more: Record<string, unknown> = {}) => ({ id: "hear", type: "signal", name: "paid", ...more });
  let keys = 0;
  const signal = (payload: Json, name = "paid", key = `key ${keys++}`): TaskInput => ({
    type: "signal",
    name,
    payload,
    key,
  });

  test("is what the step that waits for it comes to", () => {
    const task = given([hear()]);
    expect(task.view().waiting_on).toMatchObject({ type: "signal", name: "paid", step_id: "hear" });
    task.when(signal({ amount: 3 })).then("signal.received paid", "step.completed hear", "task.completed");
    expect(outputOf(task)).toEqual({ value: { hear: { amount: 3 } } });
  });

  test("that comes early is kept, and each goes to one step, in order", () => {
    const task = given([step("first"), hear({ needs: ["first"] }), hear({ id: "again", needs: ["hear"] })]);
    task
      .when(signal(1))
      .when(signal(2))
      .when({ type: "complete", step: "first", attempt: 1, output: { value: null } });
    expect(outputOf(task)).toEqual({ value: { again: 2 } });
  });

  test("goes to the step that it matches", () => {
    const task = given([hear({ id: "a", match: "signal.to == 'a'" }), hear({ id: "b", match: "signal.to == 'b'" })]);
    task.when(signal({ to: "b" })).then("signal.received paid", "step.completed b");
    task.when(signal({ other: true })).then("signal.received paid");
    task.when(signal({ to: "a" }));
    expect(outputOf(task)).toEqual({ value: { a: { to: "a" }, b: { to: "b" } } });
  });

  test("counts once under a key", () => {
    const task = given([hear(), hear({ id: "again", needs: ["hear"] })]).when(signal(1, "paid", "k"));
    task.when(signal(1, "paid", "k")).then();
    expect(task.status).toBe("waiting");
  });

  test("under the key of another one is refused, before and after restarts; one of which nothing is known is the same", () => {
    const marked = (fingerprint?: string): TaskInput => ({ ...signal(1, "paid", "k"), ...(fingerprint !== undefined && { fingerprint }) });
    const task = given([hear(), hear({ id: "again", needs: ["hear"] })]).when(marked("one"));
    task.when(marked("another")).then();
    expect(refusalOf(task)).toMatchObject({ code: "idempotency_conflict" });
    task.last = { ...task.last, state: task.rebuilt() };
    task.when(marked("another"));
    expect(refusalOf(task)).toMatchObject({ code: "idempotency_conflict" });
    task.when(marked("one"), marked()).then();
    expect(refusalOf(task)).toBeNull();
    const before = given([hear(), hear({ id: "again", needs: ["hear"] })]).when(marked());
    before.when(marked("another")).then();
    expect(refusalOf(before)).toBeNull();
  });

  test("that nobody can receive is refused with the status", () => {
    const task = given([hear(), step("last", { needs: ["hear"] })]).when(signal(1, "paid!"));
    expect(refusalOf(task)).toMatchObject({ code: "signal_unexpected", facts: { task_status: "waiting" } });
    task.when(signal(1)).when(signal(2));
    expect(refusalOf(task)).toMatchObject({ code: "signal_unexpected", facts: { task_status: "running" } });
  });

  test("reaches steps inside others", () => {
    const task = given([
      { id: "each", type: "map", over: [1, 2], steps: [hear({ match: "signal.n == item" })], output: "${ steps.hear.output.n }" },
    ]);
    task.when(signal({ n: 2 })).when(signal({ n: 1 }));
    expect(outputOf(task)).toEqual({ value: { each: [1, 2] } });
  });

  test("that does not come in time fails the step", () => {
    const task = given([hear({ timeout: "1h", on_error: { output: "late" } })]);
    task.untilWake().then("timer.fired hear", "step.completed hear", "task.completed");
    expect(given([hear({ timeout: "1h" })]).untilWake().state.end?.error?.code).toBe("signal_timeout");
  });

  test("is kept with a thousand others that came early, and found among them", () => {
    const task = given([step("first"), hear({ needs: ["first"], match: "signal.n == 999" })]);
    for (let n = 0; n < 1_000; n++) task.when(signal({ n }));
    expect(task.state.keptSignals).toBe(1_000);
    task.when({ type: "complete", step: "first", attempt: 1, output: { value: null } });
    expect(outputOf(task)).toEqual({ value: { hear: { n: 999 } } });
    expect(task.state.keptSignals).toBe(999);
  });

  test("beyond what a task keeps is refused", () => {
    const task = given([step("first"), hear({ needs: ["first"] })]);
    const many = Array.from({ length: LIMITS.keptSignals }, () => signal(1));
    task.when(...many).when(signal(1));
    expect(refusalOf(task)).toMatchObject({ code: "limit_reached" });
  });
});

describe("an approval", () => {
  const ask = (more: Record<string, unknown> = {}) => ({
    id: "ask",
    type: "approval",
    title: "Pay ${ input.sum }?",
    payload: { sum: "${ input.sum }" },
    ...more,
  });
  const says = (decision: "approve" | "reject", by = "ann", more: Partial<Extract<TaskInput, { type: "decide" }>> = {}): TaskInput => ({
    type: "decide",
    approval: 1,
    decision,
    by,
    roles: ["operator"],
    ...more,
  });
  const input = { input: { sum: 5 } };

  test("is asked with what is to be approved and its hash, and decided once", () => {
    const task = given([ask()], input);
    task.then("task.created", "task.started", "step.started ask", "approval.requested ask", "step.waiting ask");
    expect(task.view().waiting_on).toMatchObject({ type: "approval", step_id: "ask", approval_id: "approval_1_1" });
    expect(task.state.steps[0]?.approval).toMatchObject({ title: "Pay 5?", hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    task.when(says("approve", "ann", { comment: "fine" })).then("approval.decided ask", "step.completed ask", "task.completed");
    expect(outputOf(task)).toEqual({ value: { ask: { decision: "approve", payload: { sum: 5 }, decided_by: "ann", comment: "fine" } } });
    task.when(says("reject", "bob"));
    expect(refusalOf(task)).toMatchObject({
      code: "already_decided",
      facts: { first_decision: { decision: "approve", decided_by: "ann" } },
    });
  });

  test("that is rejected completes with that: the workflow says what follows", () => {
    const task = given([ask(), step("pay", { needs: ["ask"], when: "steps.ask.output.decision == 'approve'" })], input).when(
      says("reject"),
    );
    expect(task.steps()).toEqual(["completed", "skipped"]);
  });

  test("wants as many who approve as it says, each of them once, and one who rejects", () => {
    const task = given([ask({ quorum: 2 })], input).when(says("approve"));
    task.when(says("reject"));
    expect(refusalOf(task)).toMatchObject({ code: "already_decided" });
    expect(
      given([ask({ quorum: 2 })], input)
        .when(says("approve"))
        .when(says("reject", "bob")).status,
    ).toBe("completed");
    task.when(says("approve", "bob"));
    expect(task.status).toBe("completed");
  });

  test("is decided once by whoever says the same twice, and who says something else is refused", () => {
    const task = given([ask({ quorum: 2, editable: true })], input).when(says("approve", "ann", { comment: "fine", payload: { sum: 4 } }));
    task.when(says("approve", "ann", { comment: "fine", payload: { sum: 4 } })).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
    for (const other of [{ comment: "fine" }, { payload: { sum: 4 } }, { comment: "fine", payload: { sum: 3 } }]) {
      expect(refusalOf(task.when(says("approve", "ann", other)))).toMatchObject({ code: "already_decided" });
    }
    task.when(says("approve", "bob"));
    expect(task.status).toBe("completed");
    task.when(says("approve", "bob")).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
  });

  test("that somebody edits is asked anew of those who had approved what it was", () => {
    const task = given([ask({ quorum: 2, editable: true })], input).when(says("approve", "ann"));
    const before = task.state.steps[0]?.approval?.hash ?? "";
    task.when(says("approve", "bob", { hash: before, payload: { sum: 4 } }));
    const { hash = "", payload } = task.state.steps[0]?.approval ?? {};
    expect(payload).toMatchObject({ value: { sum: 4 } });
    expect(hash).not.toBe(before);
    expect(task.status).toBe("waiting");
    expect(task.view().steps[0]?.approval?.decisions).toMatchObject([
      { by: { type: "key", id: "ann" }, hash: before, edited: false },
      { by: { type: "key", id: "bob" }, hash, edited: true },
    ]);
    // The answer may have got lost; what they say of it now is something else.
    for (const [repeated, code] of [
      [says("approve", "bob", { hash: before, payload: { sum: 4 } }), undefined],
      [says("approve", "ann", { hash: before }), undefined],
      [says("approve", "bob"), "already_decided"],
      [says("approve", "ann"), "approval_changed"],
      [says("approve", "eve", { hash: before }), "approval_changed"],
    ] as const) {
      expect(refusalOf(task.when(repeated))?.code).toBe(code);
      expect(task.status).toBe("waiting");
    }
    task.when(says("approve", "ann", { hash }));
    expect(outputOf(task)).toMatchObject({ value: { ask: { payload: { sum: 4 }, decided_by: "ann" } } });
  });

  test("that is edited back to what somebody had approved counts them once", () => {
    const task = given([ask({ quorum: 2, editable: true })], input).when(says("approve", "ann", { payload: { sum: 4 } }));
    const hash = (): string => task.state.steps[0]?.approval?.hash ?? "";
    task.when(says("approve", "bob", { hash: hash(), payload: { sum: 3 } }));
    task.when(says("approve", "ann", { hash: hash(), payload: { sum: 4 } }));
    expect(task.status).toBe("waiting");
    task.when(says("approve", "bob", { hash: hash() }));
    expect(outputOf(task)).toMatchObject({ value: { ask: { payload: { sum: 4 }, decided_by: "bob" } } });
  });

  test("is edited so often and no more; what it has become can still be decided", () => {
    const task = given([ask({ quorum: 2, editable: true })], input);
    const hash = (): string => task.state.steps[0]?.approval?.hash ?? "";
    const edit = (sum: number) => task.when(says("approve", `person ${sum}`, { hash: hash(), payload: { sum } }));
    for (let sum = 0; sum < LIMITS.approvalDecisions; sum++) expect(refusalOf(edit(sum))).toBeNull();
    expect(refusalOf(edit(-1))).toMatchObject({ code: "limit_reached" });
    task.when(says("approve", "ann", { hash: hash() }));
    expect(task.status).toBe("completed");
  });

  test.each([
    ["role:admin", "ann", ["operator"], false],
    ["role:operator", "ann", ["operator"], true],
    ["subject:ann", "ann", ["viewer"], true],
    ["subject:ann", "bob", ["operator"], false],
    ["subject:ann", "bob", ["admin"], true],
  ])("is decided by %s: %s as %s, %s", (assignee, by, roles, may) => {
    const task = given([ask({ assignees: [assignee] })], input).when(says("approve", by, { roles }));
    expect(refusalOf(task)?.code ?? "decided").toBe(may ? "decided" : "forbidden");
  });

  test("about something else than what is asked is refused", () => {
    const task = given([ask()], input).when(says("approve", "ann", { hash: "0".repeat(64) }));
    expect(refusalOf(task)).toMatchObject({ code: "approval_changed" });
    const hash = task.state.steps[0]?.approval?.hash ?? "";
    expect(task.when(says("approve", "ann", { hash })).status).toBe("completed");
  });

  test("may be given for something that was edited, if it says so", () => {
    const edited = says("approve", "ann", { payload: { sum: 4 } });
    expect(refusalOf(given([ask()], input).when(edited))).toMatchObject({ code: "invalid_request" });
    const task = given([ask({ editable: true })], input).when(edited);
    expect(outputOf(task)).toMatchObject({ value: { ask: { payload: { sum: 4 } } } });
    const hash = given([ask()], input).state.steps[0]?.approval?.hash ?? "";
    expect(task.last.events[0]).toMatchObject({ type: "approval.decided", hash: expect.not.stringMatching(hash) });
  });

  test.each([
    ["fail", "failed"],
    ["approve", "completed"],
    ["reject", "completed"],
  ] as const)("that nobody decides in time can %s", (on_expiry, status) => {
    const task = given([ask({ due: "1h", on_expiry })], input).untilWake();
    expect(task.state.end?.status).toBe(status);
    if (on_expiry === "fail") expect(task.state.end?.error?.code).toBe("approval_expired");
    else expect(outputOf(task)).toMatchObject({ value: { ask: { decision: on_expiry, decided_by: null } } });
  });

  test("that nobody decides in time has expired, also where its step has an output for that", () => {
    const task = given([ask({ due: "1h", on_error: { output: "as it is" } })], input).untilWake();
    expect(task.status).toBe("completed");
    expect(approvalHead(task.state, 1)).toMatchObject({ status: "expired", decisions: [] });
  });

  test("is asked of others as well when it is due, and is due once more", () => {
    const task = given([ask({ due: "1h", assignees: ["subject:ann"], escalate_to: ["role:operator"] })], input);
    expect(refusalOf(task.when(says("approve", "bob")))?.code).toBe("forbidden");
    task.untilWake().then("approval.escalated ask", "step.waiting ask");
    expect(task.status).toBe("waiting");
    expect(task.when(says("approve", "bob")).status).toBe("completed");
    const late = given([ask({ due: "1h", escalate_to: ["role:operator"] })], input)
      .untilWake()
      .untilWake();
    expect(late.state.end?.error?.code).toBe("approval_expired");
  });

  test("of a task that was canceled is decided no more", () => {
    const task = given([ask()], input).when({ type: "cancel" }).when(says("approve"));
    expect(refusalOf(task)).toMatchObject({ code: "already_decided", facts: { step_status: "canceled" } });
  });
});

describe("a step that is a task of its own", () => {
  const child = { id: "sub", type: "workflow", workflow: "study@3", input: { q: "${ input.q }" } };
  const ended = (status: "completed" | "failed" | "canceled", more: object = {}): TaskInput => ({
    type: "child",
    task: "task_sub_0",
    status,
    output: null,
    error: null,
    failedItems: 0,
    ...more,
  });

  test("starts it, waits for it and has its result", () => {
    const task = given([child], { input: { q: 1 } });
    task.then("task.created", "task.started", "step.started sub", "child.started sub[0]");
    expect(task.last.commands).toEqual([{ type: "start_child", step: "sub", branch: 0, task: "task_sub_0" }]);
    expect(task.view()).toMatchObject({
      status: "waiting",
      waiting_on: { type: "child", task_id: "task_sub_0" },
      steps: [{ task_id: "task_sub_0", status: "waiting" }],
    });
    task.when(ended("completed", { output: { value: 7 } })).then("child.ended sub[0]", "step.completed sub", "task.completed");
    expect(outputOf(task)).toEqual({ value: { sub: 7 } });
    task.when(ended("completed", { output: { value: 8 } })).then();
  });

  test.each([
    ["failed", "boom"],
    ["canceled", "child_canceled"],
  ] as const)("that is %s fails the step", (status, code) => {
    const error = status === "failed" ? { code: "boom", message: "it broke", retryable: false } : null;
    const task = given([child], { input: { q: 1 } }).when(ended(status, { error }));
    expect(task.state.end?.error).toMatchObject({ code, message: expect.stringContaining(`The task task_sub_0 is ${status}`) });
  });

  test("is canceled, paused and resumed with this one", () => {
    const task = given([child], { input: { q: 1 } });
    expect(task.when({ type: "pause" }).last.commands).toContainEqual({ type: "steer_children" });
    expect(task.when({ type: "resume" }).last.commands).toContainEqual({ type: "steer_children" });
    expect(task.when({ type: "cancel" }).last.commands).toEqual([{ type: "cancel_children", tasks: ["task_sub_0"] }]);
    expect([...task.state.orphans]).toEqual([["task_sub_0", "task_canceled"]]);
    task.when(ended("completed", { output: { value: 8 } })).then();
  });

  test("whose input cannot be made is not started", () => {
    const task = given([child], { input: {} });
    expect(task.state.end?.error?.code).toBe("expression_error");
    expect(task.state.children.size).toBe(0);
  });
});

describe("a transform", () => {
  test("is its output, at once and without any agent", () => {
    const task = given([{ id: "sum", type: "transform", output: { total: "${ input.a + input.b }" } }], { input: { a: 1, b: 2 } });
    task.then("task.created", "task.started", "step.started sum", "step.completed sum", "task.completed");
    expect(outputOf(task)).toEqual({ value: { sum: { total: 3 } } });
  });

  test("that cannot be computed fails", () => {
    expect(given([{ id: "sum", type: "transform", output: "${ input.a.b }" }], { input: {} }).state.end?.error?.code).toBe(
      "expression_error",
    );
  });
});

describe("an end", () => {
  test("completes the task with what it says, whatever is under way", () => {
    const task = given([
      step("slow"),
      step("quick"),
      { id: "stop", type: "end", needs: ["quick"], output: { early: "${ steps.quick.output }" } },
    ]);
    task.when({ type: "complete", step: "quick", attempt: 1, output: { value: 1 } });
    task.then("step.completed quick#1", "step.started stop", "step.completed stop", "step.canceled slow (task_ended)", "task.completed");
    expect(outputOf(task)).toEqual({ value: { early: 1 } });
  });

  test("fails it with its error", () => {
    const task = given([{ id: "stop", type: "end", status: "failed", error: { code: "too_small", message: "Only ${ input.n }" } }], {
      input: { n: 2 },
    });
    expect(task.state.end).toMatchObject({ status: "failed", error: { code: "too_small", message: "Only 2", step_id: "stop" } });
  });

  test("ends it from inside other steps", () => {
    const stop = { id: "stop", type: "end", when: "item == 2", output: "${ item }" };
    const task = given([{ id: "each", type: "map", over: [1, 2, 3], steps: [step("work", { when: "item != 2" }), stop] }]);
    expect(task.state.end).toMatchObject({ status: "completed", output: { value: 2 } });
    expect(task.state.live).toBe(0);
  });
});
