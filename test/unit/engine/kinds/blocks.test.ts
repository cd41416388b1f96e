/** Steps with steps inside them: ways to go, items, iterations. */
import { describe, expect, test } from "vitest";
import { concurrencyOfChild, toleratedInPart } from "../../../../src/engine/kinds/map.ts";
import { isKind } from "../../../../src/engine/state/step-state.ts";
import { assert } from "../../../../src/shared/result.ts";
import { completes, fails, failsForGood, given, step } from "../scenario.ts";

const outputOf = (task: ReturnType<typeof given>): unknown => task.state.end?.output;

describe("a switch", () => {
  const routed = {
    id: "route",
    type: "switch",
    cases: [
      { when: "input.size > 10", steps: [step("big")], output: "${ steps.big.output }" },
      { when: "input.size > 5", steps: [step("middle")] },
    ],
    default: { steps: [step("small", { input: "${ input.size }" })], output: "was small" },
  };

  test("goes the first way whose condition holds, and has its output", () => {
    const task = given([routed], { input: { size: 11 } });
    task.then(
      "task.created",
      "task.started",
      "step.started route",
      "branch.started route[0]",
      "step.started route[0]/big",
      "attempt.started route[0]/big#1",
    );
    task.when(completes("route[0]/big", "done"));
    task.then("step.completed route[0]/big#1", "branch.completed route[0]", "step.completed route", "task.completed");
    expect(outputOf(task)).toEqual({ value: { route: "done" } });
  });

  test("without an output of its own has those of the steps that nothing needs", () => {
    const task = given([routed], { input: { size: 7 } }).when(completes("route[1]/middle", 1));
    expect(outputOf(task)).toEqual({ value: { route: { middle: 1 } } });
  });

  test("goes the default way, which may say what it comes to", () => {
    const task = given([routed], { input: { size: 1 } }).when(completes("route[2]/small"));
    expect(outputOf(task)).toEqual({ value: { route: "was small" } });
  });

  test("may only say what each case comes to", () => {
    const table = {
      id: "size",
      type: "switch",
      cases: [{ when: "input.size > 10", output: "big" }],
      default: { output: "${ 'size ' + string(input.size) }" },
    };
    expect(outputOf(given([table], { input: { size: 11 } }))).toEqual({ value: { size: "big" } });
    expect(outputOf(given([table], { input: { size: 3 } }))).toEqual({ value: { size: "size 3" } });
  });

  test("without any way to go is done", () => {
    const { default: _, ...without } = routed;
    expect(outputOf(given([without], { input: { size: 1 } }))).toEqual({ value: { route: null } });
  });

  test("whose condition is none fails", () => {
    const task = given([{ ...routed, cases: [{ when: "input.size", steps: [step("x")] }] }], { input: { size: 1 } });
    expect(task.state.end?.error).toMatchObject({ code: "expression_error", message: expect.stringContaining("cases/0/when") });
  });

  test("fails with the step that failed in it, and on_error sees that", () => {
    const task = given([routed], { input: { size: 11 } }).when(failsForGood("route[0]/big"));
    expect(task.state.end?.error).toMatchObject({ code: "boom", step_id: "route[0]/big", message: 'Step "route[0]/big" failed: it broke' });
    const forgiving = given([{ ...routed, on_error: { output: "nothing" } }], { input: { size: 11 } });
    expect(outputOf(forgiving.when(failsForGood("route[0]/big")))).toEqual({ value: { route: "nothing" } });
  });
});

describe("a map", () => {
  const each = (more: Record<string, unknown> = {}) => ({
    id: "each",
    type: "map",
    over: "input.urls",
    as: "url",
    steps: [step("fetch", { input: { url: "${ url }", index: "${ index }" } })],
    output: "${ steps.fetch.output }",
    ...more,
  });
  const urls = { input: { urls: ["a", "b", "c"] } };

  test("does the same for every item, and has their outputs in order", () => {
    const task = given([each()], urls);
    expect(task.steps()).toEqual(["running", "running", "running", "running"]);
    task.when(completes("each[2]/fetch", 3)).when(completes("each[0]/fetch", 1)).when(completes("each[1]/fetch", 2));
    expect(outputOf(task)).toEqual({ value: { each: [1, 2, 3] } });
  });

  test("gives each item to its steps under the names it says", () => {
    const task = given(
      [{ ...each(), steps: [{ id: "say", type: "transform", output: "${ url }${ index }" }], output: "${ steps.say.output }" }],
      urls,
    );
    expect(outputOf(task)).toEqual({ value: { each: ["a0", "b1", "c2"] } });
  });

  test("takes a list that is written out, and one that is wrapped", () => {
    const said = { steps: [{ id: "say", type: "transform", output: "${ item }" }], output: "${ steps.say.output }", as: "item" };
    expect(outputOf(given([{ ...each(), ...said, over: [1, "${ input.n }"] }], { input: { n: 2 } }))).toEqual({ value: { each: [1, 2] } });
    expect(outputOf(given([{ ...each(), ...said, over: "${ input.urls }" }], urls))).toEqual({ value: { each: ["a", "b", "c"] } });
  });

  test("of nothing is done at once", () => {
    expect(outputOf(given([each()], { input: { urls: [] } }))).toEqual({ value: { each: [] } });
  });

  test.each([
    ["null", null],
    ["an object", { a: 1 }],
    ["a string", "text"],
  ])("over %s fails, and says what it is", (type, value) => {
    const task = given([each()], { input: { urls: value } });
    expect(task.state.end?.error).toMatchObject({
      code: "not_a_list",
      message: expect.stringContaining(`over: "input.urls" is ${type}`),
      pointer: "/steps/0/over",
    });
  });

  test("has as many items under way as it says", () => {
    const task = given([each({ concurrency: 2 })], urls);
    expect(task.state.live).toBe(2);
    task
      .when(completes("each[0]/fetch"))
      .then(
        "step.completed each[0]/fetch#1",
        "branch.completed each[0]",
        "branch.started each[2]",
        "step.started each[2]/fetch",
        "attempt.started each[2]/fetch#1",
      );
    expect(task.state.live).toBe(2);
  });

  test("may call its items whatever a variable may be called", () => {
    const say = { id: "say", type: "transform", output: "${ [constructor, valueOf] }" };
    const named = { id: "each", type: "map", over: "input.urls", as: "constructor", index: "valueOf", steps: [say] };
    expect(outputOf(given([named], urls))).toMatchObject({ value: { each: [{ say: ["a", 0] }, { say: ["b", 1] }, { say: ["c", 2] }] } });
  });

  test("fails with more failures than it tolerates once all items are done, and keeps what those came to", () => {
    const task = given([each({ concurrency: 1 })], urls).when(failsForGood("each[0]/fetch"));
    task.then(
      "attempt.failed each[0]/fetch#1 (boom)",
      "step.failed each[0]/fetch (boom)",
      "branch.failed each[0] (boom)",
      "branch.started each[1]",
      "step.started each[1]/fetch",
      "attempt.started each[1]/fetch#1",
    );
    task.when(completes("each[1]/fetch", 2)).when(completes("each[2]/fetch", 3));
    expect(task.last.events.map(({ type }) => type).slice(-2)).toEqual(["step.failed", "task.failed"]);
    expect(task.state.end?.error?.message).toContain("1 of 3 items failed");
    const again = given([each({ concurrency: 1 })], { ...urls, past: task.past() });
    expect([...again.state.steps].filter(({ phase }) => phase.status === "running").map(({ path }) => path)).toEqual(["each[0]/fetch"]);
    again.when(completes("each[0]/fetch", 1));
    expect(outputOf(again)).toEqual({ value: { each: [1, 2, 3] } });
  });

  test.each<[string, object, object]>([
    ["it says so", { on_item_failure: "cancel" }, {}],
    ["the task says that it fails fast", {}, { failFast: true }],
    ["the task began when all maps did", {}, { rules: 0 }],
  ])("fails at once, and cancels the rest, where %s", (_, more, options) => {
    const task = given([each({ tolerate: 1, ...more })], { ...urls, ...options }).when(failsForGood("each[0]/fetch"));
    task.then("attempt.failed each[0]/fetch#1 (boom)", "step.failed each[0]/fetch (boom)", "branch.failed each[0] (boom)");
    task.when(failsForGood("each[1]/fetch"));
    expect(task.last.events.map(({ type }) => type).slice(-3)).toEqual(["step.canceled", "step.failed", "task.failed"]);
    expect(task.state.end?.error?.message).toContain("2 of 3 items failed");
  });

  test("goes on with the failures that it tolerates: null in their place", () => {
    const task = given([each({ tolerate: "40%" })], urls).when(failsForGood("each[1]/fetch"));
    task.when(completes("each[0]/fetch", 1)).when(completes("each[2]/fetch", 3));
    expect(outputOf(task)).toEqual({ value: { each: [1, null, 3] } });
  });

  test("sees the steps outside it, and waits for those that it refers to", () => {
    const task = given([step("first"), each({ steps: [step("fetch", { input: "${ steps.first.output }" })] })], urls);
    expect(task.steps()).toEqual(["running", "pending"]);
    task.when(completes("first", "seen"));
    expect(task.steps()).toEqual(["completed", "running", "running", "running", "running"]);
  });

  test("inside another one has both their items", () => {
    const inner = {
      id: "inner",
      type: "map",
      over: "row",
      as: "cell",
      index: "column",
      steps: [{ id: "say", type: "transform", output: "${ index }${ column }${ cell }" }],
      output: "${ steps.say.output }",
    };
    const task = given([{ id: "outer", type: "map", over: "input.rows", as: "row", steps: [inner], output: "${ steps.inner.output }" }], {
      input: { rows: [["a"], ["b", "c"]] },
    });
    expect(outputOf(task)).toEqual({ value: { outer: [["00a"], ["10b", "11c"]] } });
    expect(task.rebuilt().steps.map(({ path }) => path)).toContain("outer[1]/inner[0]/say");
  });

  test("starts no more items while the task is paused, and finishes those under way", () => {
    const task = given([each({ concurrency: 1 })], urls).when({ type: "pause" });
    task.when(completes("each[0]/fetch")).then("step.completed each[0]/fetch#1", "branch.completed each[0]");
    task
      .when({ type: "resume" })
      .then("task.resumed", "branch.started each[1]", "step.started each[1]/fetch", "attempt.started each[1]/fetch#1");
  });

  test("retries an item alone, under a key of its own", () => {
    const task = given([each()], urls).when(fails("each[1]/fetch"));
    task.then("attempt.failed each[1]/fetch#1 (boom)", "step.retry_scheduled each[1]/fetch#2");
    task.untilWake().then("attempt.started each[1]/fetch#2");
  });

  test("is spread over tasks of their own where it has many items", () => {
    const task = given([each()], { input: { urls: Array.from({ length: 250 }, (_, index) => index) } });
    expect(task.last.events.filter(({ type }) => type === "child.started")).toMatchObject([
      { step: "each", branch: 0, task: "task_each_0", items: 100 },
      { branch: 1, items: 100 },
      { branch: 2, items: 50 },
    ]);
    expect(task.status).toBe("waiting");
    const part = (branch: number, size: number) => ({ value: Array.from({ length: size }, () => branch) });
    for (const [branch, size] of [
      [1, 100],
      [2, 50],
      [0, 100],
    ] as const) {
      task.when({
        type: "child",
        task: `task_each_${branch}`,
        status: "completed",
        output: part(branch, size),
        error: null,
        failedItems: 0,
      });
    }
    const output = (outputOf(task) as { value: { each: number[] } }).value.each;
    expect([output.length, output[0], output[100], output[249]]).toEqual([250, 0, 1, 2]);
  });

  test.each([1, 99, 101, 150, 901, 1_000])("has at most %d items under way in all of its parts together, if it says so", (concurrency) => {
    const task = given([each({ concurrency })], { input: { urls: Array.from({ length: 5_000 }, (_, index) => index) } });
    const [part] = task.state.steps;
    assert(part !== undefined && isKind(part, "map"), "the first step is the map");
    const most = task.last.events.filter(({ type }) => type === "child.started").length * concurrencyOfChild(part.node);
    expect(most).toBeLessThanOrEqual(concurrency);
    expect(most).toBeGreaterThan(concurrency / 2);
  });

  test("in parts has all items done too, in as many parts as there are, and a retry does those that failed", () => {
    const many = { input: { urls: Array.from({ length: 250 }, (_, index) => index) } };
    const ended = (branch: number, failedItems: number) => {
      const error = failedItems === 0 ? null : { code: "agent_error", message: "no such page", retryable: false };
      const output = { value: Array.from({ length: branch === 2 ? 50 : 100 }, () => branch) };
      return { type: "child", task: `task_each_${branch}`, status: "completed", output, error, failedItems } as const;
    };
    const task = given([each()], many);
    const [map] = task.state.steps;
    assert(map !== undefined && isKind(map, "map"), "the first step is the map");
    expect(toleratedInPart(task.state, map)).toBe(250);
    task.when(ended(0, 2)).when(ended(1, 0));
    expect(task.status).toBe("waiting");
    task.when(ended(2, 0));
    expect(task.state.end?.error?.message).toContain("2 of 250 items failed");
    const again = given([each()], { ...many, past: task.past() });
    expect(again.last.events.filter((event) => event.type === "child.started" && event.after !== undefined)).toMatchObject([{ branch: 0 }]);
    again.when(ended(0, 0));
    expect(again.status).toBe("completed");
    expect(again.replayed().divergence).toBeNull();
  });

  test("adds up what its parts tolerated, and where it cancels, fails beyond it", () => {
    const many = { input: { urls: Array.from({ length: 250 }, (_, index) => index) } };
    const ended = (branch: number, failedItems: number, message: string) => {
      const error = { code: "agent_error", message, retryable: false };
      return { type: "child", task: `task_each_${branch}`, status: "completed", output: { value: [] }, error, failedItems } as const;
    };
    const task = given([each({ tolerate: 3, on_item_failure: "cancel" })], many).when(ended(0, 2, "no such page"));
    expect(task.status).toBe("waiting");
    task.when(ended(1, 2, "timed out"));
    expect(task.state.end).toMatchObject({
      status: "failed",
      error: { code: "agent_error", message: expect.stringContaining("4 of 250 items failed; the first: no such page") },
    });
    expect(task.last.commands).toContainEqual({ type: "cancel_children", tasks: ["task_each_2"] });
  });

  test("whose steps wait for signals, end the task or can be undone is never spread", () => {
    const many = { input: { urls: Array.from({ length: 250 }, (_, index) => index) } };
    const inside = [{ id: "hear", type: "signal", name: "go" }];
    const task = given([each({ steps: inside, output: undefined })], many);
    expect(task.state.steps).toHaveLength(251);
  });
});

describe("a repeat", () => {
  test("says until when it pauses between two iterations", () => {
    const task = given([{ id: "poll", type: "repeat", max: 3, delay: "45s", steps: [step("look")] }]).when(completes("poll[1]/look"));
    const until = new Date(task.now + 45_000).toISOString();
    expect(task.view().waiting_on).toEqual({ type: "timer", step_id: "poll", until, count: 1 });
    expect(task.view().steps[0]).toMatchObject({ waiting_on: { type: "timer", until } });
    task.after(45_000);
    expect([task.view().waiting_on, task.view().steps[0]?.waiting_on]).toEqual([null, undefined]);
  });

  const poll = (more: Record<string, unknown> = {}) => ({
    id: "poll",
    type: "repeat",
    max: 3,
    until: "output.ready",
    steps: [step("ask", { input: { n: "${ iteration }", before: "${ previous }" } })],
    output: "${ steps.ask.output }",
    ...more,
  });

  test("goes on until its condition holds, and has the last output", () => {
    const task = given([poll()]).when(completes("poll[1]/ask", { ready: false }));
    task.then(
      "step.completed poll[1]/ask#1",
      "branch.completed poll[1]",
      "branch.started poll[2]",
      "step.started poll[2]/ask",
      "attempt.started poll[2]/ask#1",
    );
    task.when(completes("poll[2]/ask", { ready: true, at: 2 }));
    expect(outputOf(task)).toEqual({ value: { poll: { ready: true, at: 2 } } });
  });

  test("that does not get there in time fails", () => {
    const task = given([poll({ max: 1 })]).when(completes("poll[1]/ask", { ready: false }));
    expect(task.state.end?.error).toMatchObject({ code: "repeat_exhausted" });
  });

  test("without a condition is done so many times", () => {
    const task = given([
      poll({ until: undefined, max: 2, steps: [{ id: "ask", type: "transform", output: "${ [iteration, previous] }" }] }),
    ]);
    expect(outputOf(task)).toEqual({ value: { poll: [2, [1, null]] } });
  });

  test("waits between iterations, which a pause holds up", () => {
    const task = given([poll({ delay: "10s" })]).when(completes("poll[1]/ask", { ready: false }));
    task.then("step.completed poll[1]/ask#1", "branch.completed poll[1]");
    task.when({ type: "pause" }).after(10_000).then();
    task
      .when({ type: "resume" })
      .then("task.resumed", "branch.started poll[2]", "step.started poll[2]/ask", "attempt.started poll[2]/ask#1");
  });

  test("goes on by itself when the time has come", () => {
    given([poll({ delay: "10s" })])
      .when(completes("poll[1]/ask", { ready: false }))
      .untilWake()
      .then("branch.started poll[2]", "step.started poll[2]/ask", "attempt.started poll[2]/ask#1");
  });

  test("ends with an iteration that fails", () => {
    const task = given([poll()]).when(failsForGood("poll[1]/ask"));
    expect(task.state.end?.error).toMatchObject({ code: "boom", step_id: "poll[1]/ask" });
  });

  test("whose condition cannot be asked fails", () => {
    const task = given([poll()]).when(completes("poll[1]/ask", {}));
    expect(task.state.end?.error).toMatchObject({ code: "expression_error", message: expect.stringContaining("until") });
  });

  test("of thousands of iterations stays within the bound of a task, and says so", () => {
    const task = given([
      poll({ until: undefined, max: 10_000, steps: [1, 2, 3].map((n) => ({ id: `s${n}`, type: "transform", output: n })), output: null }),
    ]);
    expect(task.state.end?.error).toMatchObject({ code: "limit_reached" });
    expect(task.state.steps.length).toBeLessThanOrEqual(20_000);
  });
});
