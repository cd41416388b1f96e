/** What a budget lets a task spend, and what becomes of it at its limits. */
import { describe, expect, test } from "vitest";
import { taskBudget } from "../../../src/language/budget-definition.ts";
import { approvalHead } from "../../../src/tasks/views/approval-view.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { completes, decides, fails, given, step, type Options } from "./scenario.ts";

const costs = { agent_1: 40, agent_2: 15 };
const used = (id: string, cost_usd: number, attempt = 1): TaskInput => ({
  type: "complete",
  step: id,
  attempt,
  output: { value: id },
  usage: { cost_usd },
});
const budget = (more: Partial<NonNullable<Options["budget"]>>): NonNullable<Options["budget"]> => ({ on_exhausted: "stop", ...more });
const three = [step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["b"] })];

describe("a budget", () => {
  test("is reserved before a call and settled by what the agent reports", () => {
    const task = given(three, { costs, budget: budget({ cost_micros: 100 }) });
    expect(task.view().budget).toMatchObject({ reserved: { cost_usd: 0.00004, calls: 1 }, spent: { cost_usd: 0, calls: 0 } });
    task.when(used("a", 0.00001));
    expect(task.view().budget).toMatchObject({
      reserved: { cost_usd: 0.00004, calls: 1 },
      spent: { cost_usd: 0.00001, calls: 1 },
      remaining: { cost_usd: 0.00005 },
    });
  });

  test("is charged what was reserved where nothing is reported, also for a call that failed", () => {
    const task = given([step("a", { retry: { delay: "0s" } })], { costs, budget: budget({ cost_micros: 100 }) });
    task.when(fails("a")).when(completes("a", 1, 2));
    expect(task.view()).toMatchObject({ status: "completed", budget: { spent: { cost_usd: 0.00008, calls: 2 }, reserved: { calls: 0 } } });
  });

  test("holds back a call that may not fit until one under way has given back what it did not use", () => {
    const task = given([step("a"), step("b"), step("c")], { costs, budget: budget({ cost_micros: 100 }) });
    task.then(
      "task.created",
      "task.started",
      "step.started a",
      "attempt.started a#1",
      "step.started b",
      "attempt.started b#1",
      "step.waiting c",
    );
    expect(task.view().steps[2]?.waiting_on).toMatchObject({ type: "budget" });
    task.when(used("a", 0.00002)).then("step.completed a#1", "step.started c", "attempt.started c#1");
  });

  test("never lets go of more than there is, whoever comes first", () => {
    const task = given(
      Array.from({ length: 20 }, (_, index) => step(`s${index}`)),
      { budget: budget({ calls: 5, on_exhausted: "finish" }) },
    );
    expect(task.state.budget).toMatchObject({ reserved: { calls: 5 } });
    task.when(...Array.from({ length: 20 }, (_, index) => completes(`s${index}`)));
    expect(task.view()).toMatchObject({ status: "completed", partial: true, budget: { spent: { calls: 5 } } });
  });

  test("tells honestly of an agent that costs more than was reserved, and lets nothing more begin", () => {
    const task = given(three, { costs, budget: budget({ cost_micros: 100 }) });
    task.when(used("a", 0.0005));
    expect(task.view()).toMatchObject({
      status: "failed",
      error: { code: "budget_exhausted", step_id: "b" },
      budget: { spent: { cost_usd: 0.0005 }, remaining: { cost_usd: -0.0004 } },
    });
  });

  test("reserves the most that a step allows, where it says so", () => {
    const task = given([step("a", { select: { max_cost_usd: 0.00009 } })], { costs, budget: budget({ cost_micros: 100 }) });
    expect(task.view().budget?.reserved.cost_usd).toBe(0.00009);
  });

  test("counts what undoing costs, and does not stop it", () => {
    const undone = step("a", { compensate: { capability: "work", input: {} } });
    const task = given([undone, step("b", { needs: ["a"] })], { costs, budget: budget({ calls: 1 }) });
    task
      .when(completes("a"))
      .then(
        "step.completed a#1",
        "budget.exhausted b",
        "step.canceled b (budget)",
        "task.ending (budget_exhausted)",
        "compensation.started a",
        "step.started a~undo",
        "attempt.started a~undo#1",
      );
    task.when(completes("a~undo"));
    expect(task.view()).toMatchObject({ status: "failed", budget: { spent: { calls: 2 } } });
  });
});

describe("a task that runs out of money", () => {
  test("stops", () => {
    const task = given(three, { costs, budget: budget({ cost_micros: 50 }) });
    task
      .when(completes("a"))
      .then(
        "step.completed a#1",
        "budget.exhausted b",
        "step.canceled b (budget)",
        "step.canceled c (budget)",
        "task.failed (budget_exhausted)",
      );
    expect(task.view().error?.message).toBe('The budget is exhausted: step "b" needs 0.00004 USD, and 0.00001 USD of 0.00005 USD are left');
  });

  test("asks for approval, and goes on with what is given", () => {
    const task = given(three, { costs, budget: budget({ cost_micros: 50, on_exhausted: "ask" }) });
    task.when(completes("a")).then("step.completed a#1", "step.waiting b", "budget.exhausted b", "approval.requested b");
    expect(task.view()).toMatchObject({ status: "waiting", waiting_on: { type: "budget", step_id: "b", approval_id: "approval_1_1" } });
    expect(approvalHead(task.state, 1)).toMatchObject({
      title: 'The budget lacks 0.00003 USD for step "b"',
      status: "pending",
      editable: true,
    });
    task.when(decides(1, "approve")).then("approval.decided b", "budget.raised", "step.started b", "attempt.started b#1");
    expect(approvalHead(task.state, 1)).toMatchObject({ status: "approved" });
    task.when(completes("b")).then("step.completed b#1", "step.waiting c", "budget.exhausted c", "approval.requested c");
    task.when(decides(2, "approve", { payload: { raise: { cost_usd: 1 } } }));
    task.when(completes("c"));
    expect(task.view()).toMatchObject({ status: "completed", budget: { limits: { cost_usd: 1.00008 } } });
    expect(task.replayed().divergence).toBeNull();
  });

  test("asks again where what is given is not enough, and stops when it is refused", () => {
    const task = given([step("a")], { costs, budget: budget({ cost_micros: 10, on_exhausted: "ask" }) });
    task
      .when(decides(1, "approve", { payload: { raise: { cost_usd: 0.00001 } } }))
      .then("approval.decided a", "budget.raised", "budget.exhausted a", "approval.requested a");
    task.when(decides(1, "reject"));
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "already_decided" } });
    task.when(decides(2, "approve", { payload: { raise: { money: 1 } } }));
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "invalid_request" } });
    task.when(decides(2, "reject"));
    expect(task.view()).toMatchObject({ status: "failed", error: { code: "budget_exhausted" } });
    expect(approvalHead(task.state, 2)).toMatchObject({ status: "rejected" });
  });

  test("uses cheaper agents, and stops when there are none", () => {
    const task = given(three, { costs, agents: ["agent_1", "agent_2"], budget: budget({ cost_micros: 60, on_exhausted: "cheaper" }) });
    expect(task.state.steps[0]?.agent).toBe("agent_1");
    task.when(completes("a"));
    expect(task.state.steps[1]?.agent).toBe("agent_2");
    task.when(completes("b"));
    expect(task.view()).toMatchObject({ status: "failed", error: { code: "budget_exhausted", step_id: "c" } });
    expect(task.replayed().divergence).toBeNull();
  });

  test("finishes with a partial result", () => {
    const last = { id: "sum", type: "transform", needs: ["a", "b"], run_if: "all_settled", output: "${ steps.b.status }" };
    const task = given([step("a"), step("b", { needs: ["a"] }), last], {
      costs,
      output: { sum: "${ steps.sum.output }", b: "${ steps.b.output.text }" },
      budget: budget({ cost_micros: 50, on_exhausted: "finish" }),
    });
    task
      .when(completes("a"))
      .then(
        "step.completed a#1",
        "budget.exhausted b",
        "step.skipped b (budget)",
        "step.started sum",
        "step.completed sum",
        "task.completed",
      );
    expect(task.view()).toMatchObject({ status: "completed", partial: true });
    expect(task.state.end?.output).toEqual({ value: null });
  });

  test("ends when the time is over that it may take", () => {
    const stopped = given([step("a")], { budget: budget({ duration_ms: 5_000 }) });
    stopped.after(5_000).then("budget.exhausted", "step.canceled a (budget)", "task.failed (budget_exhausted)");
    const finished = given([step("a"), { id: "w", type: "wait", for: "1h" }], {
      budget: budget({ duration_ms: 5_000, on_exhausted: "finish" }),
    });
    finished.after(5_000).then("budget.exhausted", "step.skipped w (budget)").when(completes("a", 1));
    expect(finished.view()).toMatchObject({ status: "completed", partial: true });
  });
});

test("a submission may allow less than the workflow does, and never more", () => {
  expect(taskBudget({ cost_usd: 5, calls: 3 }, { cost_usd: 2, tokens: 10, on_exhausted: "ask" })).toEqual({
    cost_micros: 2_000_000,
    tokens: 10,
    calls: 3,
    on_exhausted: "ask",
  });
  expect(taskBudget(undefined, undefined)).toBeUndefined();
});

describe("a hedge", () => {
  const hedged = step("a", { hedge: { after: "1s", max_share: 1 } });
  const asks = (steps: Parameters<typeof given>[0], calls: number, rules: 0 | 1 = 1): boolean => {
    const task = given([hedged, ...steps], {
      agents: ["agent_1", "agent_2"],
      budget: budget({ calls }),
      input: { list: [1, 2, 3] },
      rules,
    });
    task.after(1_000);
    expect(task.replayed().divergence).toBeNull();
    return task.state.stepByPath.get("a")?.attempts === 2;
  };
  const needs = (id: string, more: object = {}) => step(id, { needs: ["a"], ...more });

  test("takes no call that a step has still to make, one for each", () => {
    expect([asks([needs("b"), needs("c")], 3), asks([needs("b"), needs("c")], 4)]).toEqual([false, true]);
    expect([asks([needs("b"), step("c", { needs: ["b"] })], 3), asks([], 2)]).toEqual([false, true]);
    expect(asks([needs("b"), needs("c")], 3, 0)).toBe(true); // as it was
  });

  test.each<[string, Parameters<typeof given>[0], number]>([
    ["an ensemble makes", [needs("b", { ensemble: { agents: 2, mode: "all" } })], 2],
    ["a task of its own needs", [{ id: "sub", type: "workflow", workflow: "study", needs: ["a"] }], 1],
    ["the items of a map need that have not begun", [{ id: "m", type: "map", over: "input.list", concurrency: 1, steps: [step("x")] }], 3],
    ["an iteration needs", [{ id: "r", type: "repeat", max: 9, needs: ["a"], steps: [step("x"), step("y")] }], 2],
  ])("nor those that %s", (_, steps, calls) => {
    expect([asks(steps, 1 + calls), asks(steps, 2 + calls)]).toEqual([false, true]);
  });

  test.each<[string, Parameters<typeof given>[0]]>([
    ["has a condition", [needs("b", { when: "steps.a.output.n > 1" })]],
    [
      "comes after one that has",
      [needs("b", { when: "steps.a.output.n > 1", capability: undefined, type: "transform", output: 1 }), step("c", { needs: ["b"] })],
    ],
    ["waits for a failure", [needs("b", { run_if: "any_failed" })]],
    ["asks nobody", [{ id: "t", type: "transform", output: "${ steps.a.output }" }]],
  ])("but is not held back for a step that %s", (_, steps) => expect(asks(steps, 2)).toBe(true));
});
