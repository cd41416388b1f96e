/** Several agents at once, and when their replies decide. */
import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { readValue } from "../../../src/engine/facts/value.ts";
import { LIMITS } from "../../../src/shared/limits.ts";
import { completes, fails, failsForGood, given, step, type Options, type Scenario } from "./scenario.ts";

const agents = ["agent_1", "agent_2", "agent_3", "agent_4", "agent_5"];
const grant = (attempt: number): TaskInput => ({ type: "grant", step: "a", attempt, isPull: false });
const decline = (attempt: number): TaskInput => ({ type: "decline", step: "a", attempt, reason: "full", retryAt: 0 });
const replies = (attempt: number, output: Parameters<typeof completes>[1]) => completes("a", output, attempt);

/** A step that asks several, and tries once more than it did. */
function asking(ensemble: Record<string, unknown>, options: Options = {}, more: Record<string, unknown> = {}): Scenario {
  const retry = { max_attempts: 2, delay: "1s", jitter: "none" };
  return given([step("a", { ensemble, retry, ...more })], { agents, ...options });
}
const outputOf = (task: Scenario): unknown => {
  const output = task.state.end?.output ?? null;
  return output === null ? undefined : (readValue(output, task.world().values) as { readonly a: unknown }).a;
};

/** Whoever was asked, attempt after attempt. */
const startsOf = (task: Scenario): readonly string[] =>
  task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "attempt.started" ? [event.agent] : [])));

describe("several agents", () => {
  test("are asked at once, each under its own number, for one reason", () => {
    const task = asking({ agents: 3, mode: "all" });
    task.then("task.created", "task.started", "step.started a", "attempt.started a#1", "attempt.started a#2", "attempt.started a#3");
    expect(task.last.events.filter(({ type }) => type === "agent.selected")).toHaveLength(1);
    expect(task.view().steps[0]?.live).toMatchObject(agents.slice(0, 3).map((agent) => ({ agent })));
  });

  test("are waited for until there are enough of them", () => {
    const task = asking({ agents: 3, mode: "first" }, { agents: ["agent_1", "agent_2"] });
    task.then("task.created", "step.waiting a");
    task.agents = agents;
    task.untilWake();
    expect(task.state.live).toBe(3);
  });

  test("that are too few make the step fail with no_agent after its time", () => {
    const task = asking({ agents: 3, mode: "first" }, { agents: ["agent_1"], queueTtlMs: 5_000 });
    task.after(5_000).then("step.canceled a (task_rejected)", "task.rejected (no_agent)");
    expect(task.view().error?.message).toContain("fewer than 3 healthy");
  });

  test("count as one try, however many fail", () => {
    const task = asking({ agents: 2, mode: "first" })
      .when(fails("a", {}, 1))
      .then("attempt.failed a#1 (boom)");
    task.when(fails("a", {}, 2)).then("attempt.failed a#2 (boom)", "step.retry_scheduled a#3");
    task.after(1_000).then("attempt.started a#3", "attempt.started a#4");
    task.when(fails("a", {}, 4)).when(fails("a", {}, 3));
    task.then("attempt.failed a#3 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("prefer, when tried again, those who have not failed", () => {
    const task = asking({ agents: 2, mode: "all" })
      .when(fails("a", {}, 1))
      .after(1_000);
    const started = task.last.events.flatMap((event) => (event.type === "attempt.started" ? [event.agent] : []));
    expect(started).toEqual(["agent_2", "agent_3"]);
  });

  test("may wait for slots, each in its own line", () => {
    const task = asking({ agents: 3, mode: "all" }, { limited: ["agent_1", "agent_3"] });
    task.then("task.created", "step.waiting a#1", "task.started", "step.started a", "attempt.started a#2", "step.waiting a#3");
    task.when(grant(3)).then("attempt.started a#3");
    task.when(replies(2, "two"), replies(3, "three")).then("attempt.completed a#2", "attempt.completed a#3");
    task.when(grant(1)).when(replies(1, "one")).then("attempt.completed a#1", "step.completed a", "task.completed");
    expect(outputOf(task)).toEqual(["one", "two", "three"]);
  });

  test("are all let go of when the task is canceled", () => {
    const task = asking({ agents: 3, mode: "quorum" }, { limited: ["agent_2"] }).when(replies(1, "x"), { type: "cancel" });
    expect(task.last.commands.filter(({ type }) => type === "abandon")).toMatchObject([
      { attempt: 2, agent: "agent_2", slot: true },
      { attempt: 3, agent: "agent_3", slot: false },
    ]);
  });
});

describe("first", () => {
  test("takes the first reply and calls the others off", () => {
    const task = asking({ agents: 3, mode: "first" }).when(replies(2, "quick"));
    task.then("attempt.canceled a#1 (superseded)", "attempt.canceled a#3 (superseded)", "step.completed a#2", "task.completed");
    expect(outputOf(task)).toBe("quick");
    expect(task.view().steps[0]?.agent).toBe("agent_2");
    expect(task.last.commands).toMatchObject([
      { type: "abandon", attempt: 1 },
      { type: "abandon", attempt: 3 },
      { type: "settled", attempt: 2, outcome: { class: "success" } },
    ]);
  });
});

describe("all", () => {
  test("gives a list in the order they were asked, whoever replies first", () => {
    const task = asking({ agents: 3, mode: "all" }).when(replies(3, "c")).when(replies(1, "a"));
    task.then("attempt.completed a#1");
    task.when(replies(2, "b")).then("attempt.completed a#2", "step.completed a", "task.completed");
    expect(outputOf(task)).toEqual(["a", "b", "c"]);
  });

  test("is over as soon as one has failed, and the next round begins from nothing", () => {
    const task = asking({ agents: 3, mode: "all" }).when(replies(1, "a"), fails("a", {}, 2));
    task.then("attempt.completed a#1", "attempt.failed a#2 (boom)", "attempt.canceled a#3 (decided)", "step.retry_scheduled a#4");
    task.after(1_000).when(replies(4, "d"), replies(5, "e"));
    task.when(replies(6, "f")).then("attempt.completed a#6", "step.completed a", "task.completed");
    expect(outputOf(task)).toEqual(["d", "e", "f"]);
  });

  test("fails with the error of who failed when there is no further try", () => {
    const task = asking({ agents: 2, mode: "all" }).when(failsForGood("a", 2));
    task.then("attempt.failed a#2 (boom)", "attempt.canceled a#1 (decided)", "step.failed a (boom)", "task.failed (boom)");
  });
});

describe("quorum", () => {
  test("is there as soon as enough agree, and the rest are called off", () => {
    const task = asking({ agents: 5, mode: "quorum" }).when(replies(1, { n: 1, m: 2 }), replies(2, "other"), replies(3, { m: 2, n: 1 }));
    task.then("attempt.completed a#1", "attempt.completed a#2", "attempt.completed a#3");
    task.when(replies(5, { n: 1, m: 2 }));
    task.then("attempt.completed a#5", "attempt.canceled a#4 (decided)", "step.completed a#1", "task.completed");
    expect(outputOf(task)).toEqual({ n: 1, m: 2 });
    expect(task.view().steps[0]?.agent).toBe("agent_1");
    expect(task.last.commands).toContainEqual(expect.objectContaining({ type: "abandon", attempt: 4, reason: "decided" }));
  });

  test("compares by what the step says, and gives the reply that came first", () => {
    const task = asking({ agents: 3, mode: "quorum", by: "output.verdict" });
    task.when(replies(3, { verdict: "yes", why: "it looks so" })).when(replies(1, { verdict: "yes", why: "I think so" }));
    expect(outputOf(task)).toEqual({ verdict: "yes", why: "it looks so" });
  });

  test("tells replies apart that differ only far down", () => {
    const long = "x".repeat(2 * LIMITS.eventValueBytes);
    const task = asking({ agents: 3, mode: "quorum" }).when(replies(1, `${long} yes`), replies(2, `${long} no`));
    expect(task.status).toBe("running");
    task.when(replies(3, `${long} no`));
    expect(outputOf(task)).toBe(`${long} no`);
  });

  test("is as many as the step says", () => {
    const task = asking({ agents: 4, mode: "quorum", quorum: 2 }).when(replies(1, "x")).when(replies(4, "x"));
    expect(task.status).toBe("completed");
  });

  test("that cannot be reached any more is no_quorum at once, and is tried again", () => {
    const task = asking({ agents: 3, mode: "quorum", quorum: 3 }).when(replies(1, "x")).when(replies(2, "y"));
    task.then("attempt.completed a#2", "attempt.canceled a#3 (decided)", "step.retry_scheduled a#4");
    task.after(1_000).when(replies(4, "x"), replies(5, "y"));
    expect(task.view()).toMatchObject({ status: "failed", error: { code: "no_quorum", step_id: "a" } });
  });

  test("survives a failure while enough are left", () => {
    const task = asking({ agents: 3, mode: "quorum" }).when(fails("a", {}, 1), replies(2, "x"), replies(3, "x"));
    expect(outputOf(task)).toBe("x");
  });

  test("fails with the error of the last failure when too few are left", () => {
    const task = asking({ agents: 3, mode: "quorum" }).when(fails("a", {}, 1), failsForGood("a", 3));
    task.then(
      "attempt.failed a#1 (boom)",
      "attempt.failed a#3 (boom)",
      "attempt.canceled a#2 (decided)",
      "step.failed a (boom)",
      "task.failed (boom)",
    );
  });

  test("does not count a reply that cannot be compared", () => {
    const task = asking({ agents: 3, mode: "quorum", by: "output.verdict" });
    task.when(replies(1, "no object")).then("attempt.failed a#1 (expression_error)");
    task.when(replies(2, { verdict: 1 }), replies(3, { verdict: 1 }));
    expect(outputOf(task)).toEqual({ verdict: 1 });
  });
});

describe("best", () => {
  const best = { agents: 3, mode: "best", score: "output.n" };

  test("waits for all and takes the highest score", () => {
    const task = asking(best).when(replies(1, { n: 1 }), replies(2, { n: 3 }));
    expect(task.status).toBe("running");
    task.when(replies(3, { n: 2 })).then("attempt.completed a#3", "step.completed a#2", "task.completed");
    expect(outputOf(task)).toEqual({ n: 3 });
    expect(task.view().steps[0]?.agent).toBe("agent_2");
  });

  test("gives a tie to who was asked first", () => {
    expect(outputOf(asking(best).when(replies(3, { n: 1 }), replies(2, { n: 1 }), replies(1, { n: 0 })))).toEqual({ n: 1 });
    expect(
      asking(best)
        .when(replies(3, { n: 1 }), replies(2, { n: 1 }), replies(1, { n: 0 }))
        .view().steps[0]?.agent,
    ).toBe("agent_2");
  });

  test("is the best of those whose reply has a score", () => {
    const task = asking(best).when(replies(1, "no number"), replies(2, { n: "five" }));
    task.then("attempt.failed a#1 (expression_error)", "attempt.failed a#2 (expression_error)");
    expect(task.last.commands).toMatchObject([{ outcome: { class: "lost" } }, { outcome: { class: "lost" } }]);
    task.when(replies(3, { n: -7 })).then("attempt.completed a#3", "step.completed a#3", "task.completed");
  });

  test("fails when no reply has a score: no other agent would change that", () => {
    const task = asking(best).when(replies(1, {}), replies(2, {}), replies(3, {}));
    expect(task.view()).toMatchObject({ status: "failed", error: { code: "expression_error" } });
  });

  test("is the same after a restart, whatever number the score is", () => {
    const odd = { agents: 2, mode: "best", score: "1.0 / output.n" };
    for (const [one, other] of [
      [0, 1],
      [1, 0],
      [-1, 0],
    ]) {
      const task = asking(odd).when(replies(1, { n: one as number }));
      const restarted = asking(odd).when(replies(1, { n: one as number }));
      restarted.journal.splice(0, Infinity, ...(JSON.parse(JSON.stringify(restarted.journal)) as typeof restarted.journal));
      restarted.last = { ...restarted.last, state: restarted.rebuilt() };
      for (const each of [task, restarted]) each.when(replies(2, { n: other as number }));
      expect(outputOf(restarted)).toEqual(outputOf(task));
    }
  });
});

describe("an agent that turns the step away", () => {
  test("before anybody has worked on it costs no try", () => {
    const task = asking({ agents: 2, mode: "first" }, { limited: ["agent_1", "agent_2"] }, { retry: { max_attempts: 1 } });
    task.when(decline(1)).then("attempt.declined a#1 (full)", "task.started", "step.started a", "attempt.started a#3");
    task.when(decline(2)).then("attempt.declined a#2 (full)", "attempt.started a#4");
    expect(task.view().steps[0]).toMatchObject({ live: [{ agent: "agent_3" }, { agent: "agent_4" }] });
  });

  test("is replaced in the same round by another, who is neither at it nor through with it", () => {
    const quorum = { agents: 3, mode: "quorum", quorum: 3 };
    const task = asking(quorum, { limited: ["agent_2"] }, { retry: { max_attempts: 1 } }).when(replies(1, "x"), decline(2));
    task.then("attempt.completed a#1", "attempt.declined a#2 (full)", "attempt.started a#4");
    expect(startsOf(task)).toEqual(["agent_1", "agent_3", "agent_4"]);
    task
      .when(replies(3, "x"), replies(4, "x"))
      .then("attempt.completed a#3", "attempt.completed a#4", "step.completed a#1", "task.completed");
  });

  test("is not replaced while the task is paused", () => {
    const task = asking({ agents: 2, mode: "best", score: "output.n" }, { limited: ["agent_2"] }).when({ type: "pause" }, decline(2));
    expect(startsOf(task)).toEqual(["agent_1"]);
  });

  test("makes nothing fail while the agents are unknown", () => {
    const task = asking({ agents: 2, mode: "all" }, { limited: ["agent_2"] }, { retry: { max_attempts: 1 } });
    task.agentsUnknown = true;
    task.when(decline(2));
    expect(task.state.end).toBeNull();
  });

  test("after another has failed does not make that undone", () => {
    const task = asking(
      { agents: 2, mode: "first" },
      { agents: ["agent_1", "agent_2"], limited: ["agent_2"] },
      { retry: { max_attempts: 1 } },
    );
    for (let attempt = 1; attempt < 10; attempt++) task.when(fails("a", {}, attempt), decline(attempt)).after(1_000);
    expect(startsOf(task).filter((agent) => agent === "agent_1")).toHaveLength(1);
  });

  test("after another has replied does not make that be done again", () => {
    const best = { agents: 2, mode: "best", score: "output.n" };
    const task = asking(best, { limited: ["agent_2"] })
      .when(replies(1, { n: 2 }))
      .when(decline(2))
      .after(1_000);
    expect(startsOf(task)).toEqual(["agent_1", "agent_3"]);
    task.when(replies(3, { n: 1 }));
    expect(outputOf(task)).toEqual({ n: 2 });
  });

  test("… and neither does one that leaves the line after its time", () => {
    const best = { agents: 3, mode: "best", score: "output.n" };
    const task = asking(best, { limited: ["agent_2"], queueTtlMs: 5_000 })
      .when(replies(1, { n: 1 }), replies(3, { n: 2 }))
      .after(5_000);
    expect(outputOf(task)).toEqual({ n: 2 });
  });

  test("is not taken for a difference of opinion", () => {
    const task = asking({ agents: 2, mode: "all" }, { limited: ["agent_2"] }, { retry: { max_attempts: 1 } }).when(decline(2));
    task.when(replies(1, "x"));
    expect(task.view().error?.code).not.toBe("no_quorum");
  });
});
