/** A task that shares another one's past: what had completed is not done again, and everything else is. */
import { describe, expect, test } from "vitest";
import { inputsOfPast } from "../../../src/engine/rules/past.ts";
import { create, transition } from "../../../src/engine/transition.ts";
import { completes, createdEvent, factOf, failsForGood, given, step, type Options, type Scenario, type Steps } from "./scenario.ts";

const chain = [step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["b"], input: "${ [steps.a.output, steps.b.output] }" })];

/** A chain whose last step failed. */
const failed = (): Scenario => given(chain).when(completes("a", 1)).when(completes("b", 2)).when(failsForGood("c"));

const after = (steps: Steps, task: Scenario, again: string | null = null, options: Options = {}): Scenario =>
  given(steps, { ...options, id: "task_2", past: task.past(again) });

/** The attempts that are under way. */
const atWork = ({ state }: Scenario): readonly string[] =>
  state.steps.filter(({ phase }) => phase.status === "running").map(({ path }) => path);

describe("a task that is tried again", () => {
  test("does only what had failed", () => {
    const task = after(chain, failed());
    task.then(
      "task.created",
      "step.kept a",
      "step.kept b",
      "step.completed a",
      "step.completed b",
      "task.started",
      "step.started c",
      "attempt.started c#1",
    );
    task.when(completes("c", 3));
    expect(task.status).toBe("completed");
    expect(task.replayed().divergence).toBeNull();
  });

  test("asks conditions again, of what was kept", () => {
    const asking = [step("a"), step("b", { when: "steps.a.output == 1" }), step("c", { when: "steps.a.output == 2" }), step("d")];
    const task = after(asking, given(asking).when(completes("a", 1)).when(completes("b")).when(failsForGood("d")));
    expect(task.steps()).toEqual(["completed", "completed", "skipped", "running"]);
  });

  test("keeps also what its budget would not allow for any more", () => {
    const rest = [step("a"), step("x"), step("b", { needs: ["x"], run_if: "all_settled" })];
    const before = given(rest).when(completes("a")).when(failsForGood("x")).when(completes("b"));
    const task = given(rest, { id: "task_2", past: before.past(null), budget: { calls: 0, on_exhausted: "finish" } });
    expect(task.steps()).toEqual(["completed", "skipped", "completed"]);
  });

  test("does again what had only an output in its place", () => {
    const optional = [step("a", { on_error: { output: 0 } }), step("b")];
    const before = given(optional).when(failsForGood("a")).when(failsForGood("b"));
    expect(atWork(after(optional, before))).toEqual(["a", "b"]);
  });

  test("keeps what a fallback had done", () => {
    const rescued = [step("a", { fallback: [{ capability: "other" }] }), step("b")];
    const before = given(rescued)
      .when(failsForGood("a"))
      .when(completes("a", 1, 2))
      .when(failsForGood("b"));
    expect(atWork(after(rescued, before))).toEqual(["b"]);
  });

  test("does again what had been undone, and can undo what it keeps", () => {
    const booking = [
      step("flight", { compensate: { capability: "work" } }),
      step("hotel", { needs: ["flight"], compensate: { capability: "work" } }),
      step("pay", { needs: ["hotel"] }),
    ];
    const before = given(booking).when(completes("flight")).when(completes("hotel")).when(failsForGood("pay"));
    before.when(completes("hotel~undo")).when(completes("flight~undo"));
    expect(before.status).toBe("failed");
    expect(atWork(after(booking, before))).toEqual(["flight"]);

    // From a point where nothing had been undone.
    const halfway = given(booking).when(completes("flight")).when(completes("hotel"));
    const task = after(booking, halfway);
    expect(atWork(task)).toEqual(["pay"]);
    task.when(failsForGood("pay"));
    expect(atWork(task)).toEqual(["hotel~undo"]);
  });

  test("waits again for nothing that had come", () => {
    const waiting = [
      { id: "nap", type: "wait", for: "1h" },
      { id: "go", type: "signal", name: "go" },
      { id: "ok", type: "approval", title: "?" },
      step("work", { needs: ["nap", "go", "ok"] }),
    ];
    const before = given(waiting)
      .after(3_600_000)
      .when({ type: "signal", name: "go", payload: { value: 1 }, key: "k" })
      .when({ type: "decide", approval: 1, decision: "approve", by: "ann", roles: ["admin"] })
      .when(failsForGood("work"));
    expect(atWork(after(waiting, before))).toEqual(["work"]);
  });
});

describe("inside blocks", () => {
  const mapped = [
    {
      id: "each",
      type: "map",
      over: "input.list",
      steps: [step("fetch"), step("parse", { needs: ["fetch"] })],
      output: "${ steps.parse.output }",
    },
  ];
  const list = (items: readonly unknown[]): Options => ({ input: { list: items } as Options["input"] & object });

  function half(): Scenario {
    const task = given(mapped, list(["a", "b", "c"]));
    for (const branch of [0, 1, 2]) task.when(completes(`each[${branch}]/fetch`, branch));
    return task.when(completes("each[0]/parse", "A")).when(failsForGood("each[1]/parse"));
  }

  test("only what is missing of each item is done", () => {
    const task = after(mapped, half(), null, list(["a", "b", "c"]));
    expect(atWork(task)).toEqual(["each[1]/parse", "each[2]/parse"]);
    task.when(completes("each[1]/parse", "B")).when(completes("each[2]/parse", "C"));
    expect(task.state.end?.output).toEqual({ value: { each: ["A", "B", "C"] } });
  });

  test("what was kept of an item is not taken for another", () => {
    expect(atWork(after(mapped, half(), null, list(["a", "x", "c"])))).toEqual(["each[1]/fetch", "each[2]/parse"]);
    expect(atWork(after(mapped, half(), null, list(["b", "a"])))).toEqual(["each[0]/fetch", "each[1]/fetch"]);
  });

  test("iterations go on where the last one failed", () => {
    const poll = [{ id: "poll", type: "repeat", max: 3, steps: [step("look")], until: "output.look == 3" }];
    const before = given(poll).when(completes("poll[1]/look", 1)).when(failsForGood("poll[2]/look"));
    const task = after(poll, before);
    expect(atWork(task)).toEqual(["poll[2]/look"]);
    // From an iteration on, the later ones are done again.
    const longer = given(poll).when(completes("poll[1]/look", 1)).when(completes("poll[2]/look", 2)).when(failsForGood("poll[3]/look"));
    expect(atWork(after(poll, longer, "poll[1]/look"))).toEqual(["poll[1]/look"]);
    expect(atWork(after(poll, longer, "poll[2]/look"))).toEqual(["poll[2]/look"]);
  });

  test("the other way of a switch is new", () => {
    const routed = (when: string) => [
      { id: "pick", type: "switch", cases: [{ when, steps: [step("x")] }], default: { steps: [step("x")] } },
      step("z", { needs: ["pick"] }),
    ];
    const before = given(routed("true")).when(completes("pick[0]/x", 1)).when(failsForGood("z"));
    expect(atWork(after(routed("true"), before))).toEqual(["z"]);
    expect(atWork(after(routed("false"), before))).toEqual(["pick[1]/x"]);
  });
});

describe("tasks of its own", () => {
  const nested = [{ id: "sub", type: "workflow", workflow: "study" }, step("z", { needs: ["sub"] })];
  const ends = (status: "completed" | "failed") =>
    ({
      type: "child",
      task: "task_sub_0",
      status,
      output: status === "completed" ? { value: 7 } : null,
      error: null,
      failedItems: 0,
    }) as const;

  test("one that had completed is kept with what it came to", () => {
    expect(atWork(after(nested, given(nested).when(ends("completed")).when(failsForGood("z"))))).toEqual(["z"]);
  });

  test("one that had failed is followed by one that shares its past", () => {
    const task = after(nested, given(nested).when(ends("failed")));
    expect(task.last.events).toContainEqual({ type: "child.started", step: "sub", branch: 0, task: "task_sub_0", after: "task_sub_0" });
  });

  test("of a long list, parts that had completed are kept whole", () => {
    const items = Array.from({ length: 250 }, (_, index) => index);
    const wide = [{ id: "each", type: "map", over: "input.list", steps: [step("work")] }];
    const before = given(wide, { input: { list: items } });
    const child = (branch: number, status: "completed" | "failed") =>
      ({
        type: "child",
        task: `task_each_${branch}`,
        status,
        output: status === "completed" ? { value: items.slice(branch * 100, branch * 100 + 100) } : null,
        error: null,
        failedItems: 0,
      }) as const;
    before.when(child(0, "completed")).when(child(2, "completed")).when(child(1, "failed"));
    expect(before.status).toBe("failed");
    const task = after(wide, before, null, { input: { list: items } });
    expect(task.last.events.filter(({ type }) => type === "child.started")).toEqual([
      { type: "child.started", step: "each", branch: 0, task: "task_each_0", items: 100 },
      { type: "child.started", step: "each", branch: 1, task: "task_each_1", items: 100, after: "task_each_1" },
      { type: "child.started", step: "each", branch: 2, task: "task_each_2", items: 50 },
    ]);
    task.when(child(1, "completed"));
    expect(task.state.end?.output).toEqual({ value: { each: items } });
    expect(task.replayed().divergence).toBeNull();
    // Another item in a part makes that part new.
    const changed = items.with(120, -1);
    const edited = after(wide, before, null, { input: { list: changed } });
    expect(edited.last.events.filter((event) => event.type === "child.started" && "after" in event)).toEqual([]);
  });
});

describe("from a step on", () => {
  const diamond = [
    step("a"),
    step("left", { needs: ["a"] }),
    step("right", { needs: ["a"] }),
    step("join", { needs: ["left", "right"] }),
    step("aside"),
  ];
  const done = (): Scenario => ["a", "left", "right", "join", "aside"].reduce((task, id) => task.when(completes(id)), given(diamond));

  test("it and all that depends on it is done again, and nothing else", () => {
    const task = after(diamond, done(), "left");
    expect(atWork(task)).toEqual(["left"]);
    task.when(completes("left", "new"));
    expect(atWork(task)).toEqual(["join"]);
  });

  test("inside a block, what depends on the block is as well", () => {
    const nested = [
      { id: "each", type: "map", over: [1, 2], steps: [step("x"), step("y", { needs: ["x"] })] },
      step("z", { needs: ["each"] }),
    ];
    const before = given(nested);
    for (const path of ["each[0]/x", "each[1]/x", "each[0]/y", "each[1]/y", "z"]) before.when(completes(path));
    const task = after(nested, before, "each[1]/x");
    expect(atWork(task)).toEqual(["each[1]/x"]);
    task.when(completes("each[1]/x")).when(completes("each[1]/y"));
    expect(atWork(task)).toEqual(["z"]);
  });
});

test("a past that comes late is none", () => {
  const task = given(chain);
  task.when({ type: "keep", steps: [{ path: "b", kind: "agent", output: 1, of: null }], children: [] });
  expect(task.last.events).toEqual([]);
});

test("what another kind of step came to is not kept", () => {
  const changed = [{ id: "a", type: "signal", name: "go" }, step("b", { needs: ["a"] })];
  expect(after(changed, failed()).steps()).toEqual(["waiting", "pending"]);
});

test("a past is taken by a task that is paused from its beginning, too", () => {
  const before = failed();
  const paused = create(before.graph, createdEvent({ id: "task_2" }), before.world(), [
    { type: "pause", by: "parent" },
    ...inputsOfPast(before.past()),
  ]);
  expect(paused.events.map(({ type }) => type)).toEqual(["task.created", "task.paused", "step.kept", "step.kept"]);
  const resumed = transition(paused.state, [{ type: "resume", by: "parent" }], before.world());
  expect(resumed.events.map(factOf)).toEqual([
    "task.resumed",
    "step.completed a",
    "step.completed b",
    "agent.selected c#1",
    "task.started",
    "step.started c",
    "attempt.started c#1",
  ]);
});

test("signals that no step had taken come along, in their order", () => {
  const steps = [
    { id: "one", type: "signal", name: "go" },
    step("work", { needs: ["one"] }),
    { id: "two", type: "signal", name: "go", needs: ["work"] },
    { id: "three", type: "signal", name: "stop", needs: ["two"] },
  ];
  const before = given(steps);
  for (const [name, n] of [
    ["go", 1],
    ["stop", 2],
    ["go", 3],
  ] as const)
    before.when({ type: "signal", name, payload: n, key: `${n}` });
  before.when(failsForGood("work"));
  expect(before.past().signals).toEqual([
    { name: "stop", payload: 2, key: "2" },
    { name: "go", payload: 3, key: "3" },
  ]);
  const task = after(steps, before).when(completes("work"));
  expect(task.status).toBe("completed");
  expect(task.replayed().divergence).toBeNull();
});
