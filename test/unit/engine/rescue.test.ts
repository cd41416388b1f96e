/** What a step does when its agent is slow, fails or is not there: a second agent, another one, a fallback. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { degradedSteps } from "../../../src/tasks/views/view.ts";
import { nextHedgeAt, nextWakeAt } from "../../../src/engine/rules/wake.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { completes, fails, failsForGood, given, step, STARTED_AT, type Options, type Scenario } from "./scenario.ts";

const two = { agents: ["agent_1", "agent_2"] };
const hedged = (more: Record<string, unknown> = {}) => step("a", { hedge: { after: "200ms", max_share: 1 }, ...more });
const atOnce = { delay: "0s", jitter: "none" } as const;
const decline = (attempt: number): TaskInput => ({ type: "decline", step: "a", attempt, reason: "full", retryAt: 0 });

/** Whoever was asked, attempt after attempt. */
const agentsOf = (task: Scenario): readonly string[] =>
  task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "attempt.started" ? [event.agent] : [])));

describe("a second agent", () => {
  test("is asked when the first takes that long, not before", () => {
    const task = given([hedged()], two);
    expect(nextHedgeAt(task.state)).toBe(STARTED_AT + 200);
    task.after(199).then();
    task.after(1).then("attempt.started a#2");
    expect(task.last.events).toMatchObject([
      { type: "agent.selected", attempt: 2, agent: "agent_2" },
      { agent: "agent_2", hedge: true },
    ]);
    expect(task.last.commands).toEqual([{ type: "dispatch", step: "a", attempt: 2 }]);
  });

  test("is asked once, however long both take", () => {
    const task = given([hedged()], { agents: ["agent_1", "agent_2", "agent_3"] }).after(200);
    expect(nextHedgeAt(task.state)).toBeNull();
    task.after(10_000).then();
  });

  test.each([1, 2])("is asked once, also when attempt %i has failed meanwhile", (failed) => {
    const task = given([hedged()], { agents: ["agent_1", "agent_2", "agent_3"] })
      .after(200)
      .when(fails("a", {}, failed));
    task.after(10_000).then();
    task.when({ type: "look" }).then();
  });

  test("is worth no alarm of its own", () => {
    expect(nextWakeAt(given([hedged()], two).state)).toBeNull();
  });

  test("comes when 95 in 100 replies of the first would be there, once that is known", () => {
    const p95 = hedged({ hedge: { after: "p95" } });
    expect(nextHedgeAt(given([p95], { ...two, agent: { p95Ms: 300.2 } }).state)).toBe(STARTED_AT + 301);
    expect(nextHedgeAt(given([p95], { ...two, agent: { p95Ms: null } }).state)).toBeNull();
  });

  test("is not asked while the task is paused, but when it goes on", () => {
    const task = given([hedged()], two).when({ type: "pause" });
    expect(nextHedgeAt(task.state)).toBeNull();
    task.after(500).then();
    task.when({ type: "resume" }).then("task.resumed", "attempt.started a#2");
  });

  test("is not asked when nobody else is there, and is once somebody came", () => {
    const task = given([hedged()]).after(200).then();
    expect(task.status).toBe("running");
    task.agents = ["agent_1", "agent_2"];
    task.when({ type: "look" }).then("attempt.started a#2");
  });

  test("shows beside the first", () => {
    const { live, attempts, agent } = given([hedged()], two).after(200).view().steps[0] ?? {};
    expect(live).toMatchObject([
      { attempt: 1, agent: "agent_1" },
      { attempt: 2, agent: "agent_2", hedge: true },
    ]);
    expect([attempts, agent]).toEqual([2, "agent_2"]);
  });
});

describe("a call that waits for its turn", () => {
  test("is looked at now and then, however soon a second agent is wanted", () => {
    const task = given([hedged({ hedge: { after: "1ms", max_share: 1 } })], two);
    task.calledAt.set("a/1", "in_line");
    let looks = 0;
    for (let ms = 0; ms < 1_000; ms++) {
      task.now++;
      if ((nextHedgeAt(task.state) ?? Number.POSITIVE_INFINITY) > task.now) continue;
      looks++;
      task.when({ type: "wake" }).then();
    }
    expect(looks).toBeLessThanOrEqual(1_000 / LIMITS.hedgeLookMs);
    task.calledAt.set("a/1", task.now);
    task.after(LIMITS.hedgeLookMs).then("attempt.started a#2");
  });
});

describe("of two that work on a step", () => {
  test.each([
    [1, 2],
    [2, 1],
  ])("the first reply wins, that of attempt %i for one, and attempt %i is called off", (winner, loser) => {
    const task = given([hedged()], two).after(200);
    task.when(completes("a", "won", winner));
    task.then(`attempt.canceled a#${loser} (superseded)`, `step.completed a#${winner}`, "task.completed");
    expect(task.last.commands).toMatchObject([
      {
        type: "abandon",
        attempt: loser,
        agent: `agent_${loser}`,
        reason: "superseded",
        outcome: { class: "canceled", hedge: loser === 2 },
      },
      { type: "settled", attempt: winner, agent: `agent_${winner}`, outcome: { class: "success", hedge: winner === 2 } },
    ]);
    expect(task.view().steps[0]).toMatchObject({ agent: `agent_${winner}`, status: "completed" });
    task.when(completes("a", "late", loser)).then();
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "attempt_superseded" } });
  });

  test.each([[failsForGood("a", 1), 2] as const, [fails("a", {}, 2), 1] as const])(
    "one may fail while the other works",
    (failure, other) => {
      const task = given([hedged({ retry: { max_attempts: 1 } })], two)
        .after(200)
        .when(failure);
      task.then(`attempt.failed a#${3 - other} (boom)`);
      expect(task.view().steps[0]).toMatchObject({ status: "running" });
      task.when(completes("a", "fine", other)).then(`step.completed a#${other}`, "task.completed");
    },
  );

  test("both failing is one try", () => {
    const task = given([hedged({ retry: { max_attempts: 2, delay: "1s", jitter: "none" } })], two);
    task
      .after(200)
      .when(fails("a", {}, 2))
      .when(fails("a", {}, 1));
    task.then("attempt.failed a#1 (boom)", "step.retry_scheduled a#3");
    task.after(1_000).then("attempt.started a#3");
    task.after(200).then("attempt.started a#4");
    task.when(fails("a", {}, 3)).then("attempt.failed a#3 (boom)");
    task.when(fails("a", {}, 4)).then("attempt.failed a#4 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("the one that waits in line for a slot is let go when the other replies", () => {
    const task = given([hedged()], { ...two, limited: ["agent_2"] }).after(200);
    task.then("step.waiting a#2");
    expect(task.last.commands).toEqual([{ type: "ask_slot", step: "a", attempt: 2, agent: "agent_2" }]);
    expect(task.view().steps[0]).toMatchObject({ status: "running", live: [{ status: "sent" }, { status: "in_line", hedge: true }] });
    task.when(completes("a")).then("attempt.canceled a#2 (superseded)", "step.completed a#1", "task.completed");
    expect(task.last.commands[0]).toMatchObject({ type: "abandon", attempt: 2, slot: true });
  });

  test("the one in line may be turned away, and the other goes on", () => {
    const task = given([hedged()], { ...two, limited: ["agent_2"] }).after(200);
    task.when(decline(2)).then("attempt.declined a#2 (full)");
    task.when(completes("a")).then("step.completed a#1", "task.completed");
  });

  test("a try that failed counts, although the second agent turned the step away after it", () => {
    const options = { ...two, limited: ["agent_2"] };
    const twice = given([hedged({ retry: { ...atOnce, max_attempts: 2 } })], options)
      .after(200)
      .when(fails("a"), decline(2));
    twice.then("attempt.failed a#1 (boom)", "attempt.declined a#2 (full)", "step.retry_scheduled a#3", "attempt.started a#3");
    twice.when(fails("a", {}, 3)).then("attempt.failed a#3 (boom)", "step.failed a (boom)", "task.failed (boom)");
    const task = given([hedged({ retry: { max_attempts: 1 } })], options)
      .after(200)
      .when(fails("a"), decline(2));
    task.then("attempt.failed a#1 (boom)", "attempt.declined a#2 (full)", "step.failed a (boom)", "task.failed (boom)");
  });
});

describe("the share of second agents", () => {
  const callsOf = (task: Scenario) => {
    const started = task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "attempt.started" ? [event] : [])));
    return { calls: started.length, hedges: started.filter(({ hedge }) => hedge).length };
  };

  /** Every step takes so long that a second agent is wanted; what is in line is let in. As many at once as `width` says. */
  function play(length: number, max_share: number, width: number, options: Options = {}): Scenario {
    const steps = Array.from({ length }, (_, index) => {
      const needs = index < width ? {} : { needs: [`s${index - width}`] };
      return step(`s${index}`, { hedge: { after: "1s", max_share }, ...needs });
    });
    const task = given(steps, { ...two, ...options });
    for (let at = 0; at < length; at += width) {
      task.after(1_000);
      for (let index = at; index < Math.min(at + width, length); index++) {
        task.when({ type: "grant", step: `s${index}`, attempt: 2, isPull: false });
        task.when(completes(`s${index}`));
      }
    }
    expect(task.status).toBe("completed");
    return task;
  }

  test("of a task's calls is one, and what is allowed of all of them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.constantFrom(0.01, 0.1, 0.3, 1), fc.boolean(), (length, share, isWide) => {
        const { calls, hedges } = callsOf(play(length, share, isWide ? length : 1));
        expect(hedges).toBeGreaterThanOrEqual(1);
        expect(hedges).toBeLessThanOrEqual(1 + share * calls);
      }),
      { numRuns: 50 },
    );
  });

  test("is used", () => {
    expect(callsOf(play(100, 0.1, 1)).hedges).toBeGreaterThanOrEqual(10);
    expect(callsOf(play(100, 1, 1)).hedges).toBe(100);
  });

  test("counts those that stand in line too", () => {
    const { calls, hedges } = callsOf(play(50, 0.1, 50, { limited: ["agent_2"] }));
    expect(hedges).toBeLessThanOrEqual(1 + 0.1 * calls);
  });

  test("is of calls that were made: those turned away make room for no more of them", () => {
    const task = given([step("a")], { agent: { needsSlot: true } });
    for (let attempt = 1; attempt <= 20; attempt++) {
      task.when(decline(attempt));
      task.now += LIMITS.declineMs + 1;
      task.when({ type: "look" });
    }
    expect(task.state.callsByCapability.get("work")).toEqual({ calls: 1, hedges: 0 });
    expect(task.rebuilt().callsByCapability).toEqual(task.state.callsByCapability);
  });

  test("holds for all tasks together, as far as is known", () => {
    for (const [calls, hedges, expected] of [
      [1_000, 100, 0],
      [1_000, 99, 1],
      [10, 10, 1],
    ] as const) {
      const task = given([step("a", { hedge: { after: "1s", max_share: 0.1 } })], two);
      task.everywhere = { calls, hedges };
      expect(callsOf(task.after(1_000)).hedges, `${hedges} of ${calls}`).toBe(expected);
    }
  });
});

describe("trying again", () => {
  test("prefers another agent, and returns to the first when all have failed", () => {
    const task = given([step("a", { retry: { ...atOnce, max_attempts: 4 } })], { agents: ["agent_1", "agent_2", "agent_3"] });
    for (const attempt of [1, 2, 3]) task.when(fails("a", {}, attempt));
    expect(agentsOf(task)).toEqual(["agent_1", "agent_2", "agent_3", "agent_1"]);
  });

  test("stays on the same agent if the step says so", () => {
    const task = given([step("a", { retry: { ...atOnce, on: "same" } })], two);
    for (const attempt of [1, 2]) task.when(fails("a", {}, attempt));
    expect(agentsOf(task)).toEqual(["agent_1", "agent_1", "agent_1"]);
  });

  test("on the same agent means another when it is not there any more", () => {
    const task = given([step("a", { retry: { ...atOnce, on: "same" } })], two);
    task.agents = ["agent_2"];
    task.when(fails("a"));
    expect(agentsOf(task)).toEqual(["agent_1", "agent_2"]);
  });
});

describe("fallbacks", () => {
  const fallback = [{ capability: "plan_b" }, { agent: "last_resort" }];
  const rescued = step("a", { retry: { ...atOnce, max_attempts: 2 }, fallback });

  test("come in order, each with attempts of its own", () => {
    const task = given([rescued]);
    task.when(fails("a")).then("attempt.failed a#1 (boom)", "step.retry_scheduled a#2", "attempt.started a#2");
    task.when(fails("a", {}, 2)).then("attempt.failed a#2 (boom)", "step.degraded a (boom)", "attempt.started a#3");
    task.when(fails("a", {}, 3)).when(fails("a", {}, 4));
    task.then("attempt.failed a#4 (boom)", "step.degraded a (boom)", "attempt.started a#5");
    task.when(fails("a", {}, 5)).when(fails("a", {}, 6));
    task.then("attempt.failed a#6 (boom)", "step.failed a (boom)", "task.failed (boom)");
    const asked = task.asked.map((target) => ("agent" in target ? target.agent : target.capability));
    expect(asked).toEqual(["work", "work", "plan_b", "plan_b", "last_resort", "last_resort"]);
  });

  test("come at once after a failure that trying again would not change", () => {
    given([rescued]).when(failsForGood("a")).then("attempt.failed a#1 (boom)", "step.degraded a (boom)", "attempt.started a#2");
  });

  test("come at once when nobody offers what is wanted, as soon as that is certain", () => {
    const task = given([rescued], { missing: ["work", "plan_b"] }).then("task.created", "step.waiting a");
    task.when({ type: "look" }).then("step.degraded a (no_agent)", "step.waiting a");
    task.when({ type: "look" }).then("step.degraded a (no_agent)", "task.started", "step.started a", "attempt.started a#1");
    expect(agentsOf(task)).toEqual(["last_resort"]);
  });

  test("wait for an agent like anybody else when they are the last", () => {
    const task = given([rescued], { missing: ["work", "plan_b", "last_resort"], queueTtlMs: 60_000 });
    task.when({ type: "look" }).when({ type: "look" }).when({ type: "look" }).then();
    expect(task.view()).toMatchObject({ status: "waiting", waiting_on: { type: "agent", agent: "last_resort" } });
    task.missing.clear();
    task.untilWake();
    expect(agentsOf(task)).toEqual(["last_resort"]);
  });

  test("make the step degraded, and the result says so", () => {
    const task = given([rescued]).when(failsForGood("a"));
    const degraded = { code: "boom", message: "it broke" };
    expect(task.view().steps[0]).toMatchObject({ status: "running", degraded });
    task.when(completes("a", "good enough", 2)).then("step.completed a#2", "task.completed");
    expect(task.view().steps[0]).toMatchObject({ status: "completed", degraded, error: null });
    expect(degradedSteps(task.state)).toEqual([{ ...degraded, step_id: "a" }]);
    expect(degradedSteps(task.rebuilt())).toEqual([{ ...degraded, step_id: "a" }]);
  });

  test("come before on_error, which has the last word", () => {
    const task = given([step("a", { fallback: [{ capability: "plan_b" }], on_error: { output: "nothing" } })]);
    task.when(failsForGood("a")).when(failsForGood("a", 2)).then("attempt.failed a#2 (boom)", "step.completed a", "task.completed");
    expect(task.state.end?.output).toMatchObject({ value: { a: "nothing" } });
  });

  test("forget who failed before them", () => {
    const task = given([step("a", { retry: { max_attempts: 1 }, fallback: [{ capability: "plan_b" }] })], two).when(fails("a"));
    expect(agentsOf(task)).toEqual(["agent_1", "agent_1"]);
  });
});
