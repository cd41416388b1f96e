import { describe, expect, test } from "vitest";
import { checkWorkflow } from "../../../../src/workflows/check.ts";
import { LINT_CODES } from "../../../../src/workflows/lint/codes.ts";
import type { Json } from "../../../../src/shared/json.ts";
import { agentsWith, lint, lintAmong, step, steps, told } from "./linting.ts";

const agent = (id: string, more: object = {}) => ({ id, capabilities: [{ name: "work" }], ...more });

describe("a budget", () => {
  const row = [step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["b"], when: "steps.b.output.more" })];
  test("of fewer calls than are made in any case", () => {
    expect(told(lint({ budget: { calls: 1 }, steps: row }))).toEqual(["budget_too_small /budget/calls"]);
    expect(lint({ budget: { calls: 2 }, steps: row })).toEqual([]);
  });

  test("of less than the cheapest agents ask for", () => {
    const agents = agentsWith(agent("dear", { price: { perCallUsd: 0.4 } }), agent("modest", { price: { perCallUsd: 0.1 } }));
    expect(told(lint({ budget: { cost_usd: 0.15 }, steps: row }, agents))).toEqual(["budget_too_small /budget/cost_usd"]);
    expect(lint({ budget: { cost_usd: 0.2 }, steps: row }, agents)).toEqual([]);
  });
});

describe("a text that looks like an expression", () => {
  test.each([
    ["steps.a.output.n", "${ steps.a.output.n }"],
    ["input.query", "${ input.query }"],
    ["Hello {{ input.name }}, {{ steps.a.output }}", "Hello ${ input.name }, ${ steps.a.output }"],
    ["{steps.a.output.n} of them", "${ steps.a.output.n } of them"],
    ["about $input.query", "about ${ input.query }"],
  ])("%s", (text, suggestion) => {
    expect(lint(steps(step("a"), step("b", { needs: ["a"], input: { deep: [text] } })))).toMatchObject([
      { code: "literal_reference", pointer: "/steps/1/input/deep/0", suggestion },
    ]);
  });

  test.each(["input.csv", "Look at steps.a.output", "steps.zzz.output", "{{ name }}", "$${ input.x }", "${ input.query }", "{input}"])(
    "is none: %s",
    (text) => expect(lint(steps(step("a"), step("b", { needs: ["a"], input: text })))).toEqual([]),
  );

  test("is found in results, titles and errors", () => {
    const definition = {
      steps: [
        step("a", { on_error: { output: "input.q" } }),
        { id: "ap", type: "approval", title: "{{ input.q }}?" },
        { id: "m", type: "map", over: [1], steps: [step("x")], output: "{{ item.n }}" },
        { id: "e", type: "end", status: "failed", needs: ["ap", "m"], when: "steps.a.output.bad", error: { message: "{{ input.q }}" } },
      ],
      output: "steps.a.output",
    };
    expect(told(lint(definition))).toEqual([
      "literal_reference /steps/0/on_error/output",
      "literal_reference /steps/1/title",
      "literal_reference /steps/2/output",
      "literal_reference /steps/3/error/message",
      "literal_reference /output",
    ]);
  });
});

test("a pause before a retry should not be longer than its own ceiling allows", () => {
  const retried = (retry: object): object => steps(step("a", { retry }));
  expect(told(lint(retried({ delay: "2m", max_delay: "1m" })))).toEqual(["retry_delay_cut /steps/0/retry/max_delay"]);
  expect(told(lint(retried({ max_delay: "500ms" })))).toEqual(["retry_delay_cut /steps/0/retry/max_delay"]);
  expect(lint(retried({ delay: "2m" }))).toEqual([]);
});

describe("a map", () => {
  const map = (more: object): object => ({ id: "m", type: "map", over: "input.docs", steps: [step("x")], ...more });
  const bounded = { type: "object", properties: { docs: { type: "array", maxItems: 20 } } };

  test("over a list of any length should say how many at once", () => {
    expect(lint(steps(map({})))).toMatchObject([{ code: "unbounded_map", pointer: "/steps/0/over", suggestion: '"concurrency": 10' }]);
    const inside = map({ steps: [{ id: "n", type: "map", over: "item.parts", steps: [step("y")], concurrency: 2 }] });
    expect(told(lint(steps(inside)))).toEqual(["unbounded_map /steps/0/over"]);
  });

  test.each<[string, object]>([
    ["it does", steps(map({ concurrency: 5 }))],
    ["the schema says how many there are", { ...steps(map({})), input_schema: bounded }],
    ["the list is written out", steps(map({ over: [1, 2, "${ input.x }"] }))],
    [
      "it runs over the items of another one",
      { ...steps(map({}), map({ id: "n", over: "steps.m.output", steps: [step("y")] })), input_schema: bounded },
    ],
    ["nobody is asked", steps(map({ steps: [{ id: "t", type: "transform", output: "${ item.n }" }] }))],
  ])("need not if %s", (_, definition) => expect(lint(definition)).toEqual([]));

  test("hides a name of the map around it, if anything inside reads it", () => {
    const inner = (input: string): object => ({ id: "n", type: "map", over: [2], steps: [step("y", { input })] });
    expect(told(lint(steps(map({ over: [1], steps: [inner("${ item }")] }))))).toEqual(["shadowed_name /steps/0/steps/0/as"]);
    expect(told(lint(steps(map({ over: [1], steps: [inner("${ index }")] }))))).toEqual(["shadowed_name /steps/0/steps/0/index"]);
    expect(lint(steps(map({ over: [1], steps: [inner("x")] })))).toEqual([]);
  });

  test("and repeats inside each other may be more than a task can have", () => {
    const repeat = (max: number): object => ({ id: "r", type: "repeat", max, steps: [step("x"), step("y")] });
    expect(told(lint(steps(map({ over: [1, 2, 3], steps: [repeat(4_000)] }))))).toEqual(["too_many_steps /steps/0"]);
    expect(told(lint(steps(repeat(10_000))))).toEqual([]);
    expect(told(lint(steps({ id: "o", type: "repeat", max: 2, steps: [{ ...repeat(10_000) }] })))).toEqual(["too_many_steps /steps/0"]);
    const wide = { type: "object", properties: { docs: { type: "array", maxItems: 100_000 } } };
    // Its items are spread over tasks of their own, a hundred each.
    expect(lint({ ...steps(map({})), input_schema: wide })).toEqual([]);
    expect(told(lint({ ...steps(map({ steps: [repeat(200)] })), input_schema: wide }))).toEqual(["too_many_steps /steps/0"]);
  });
});

describe("what outlasts the deadline", () => {
  const within = (deadline: string, ...all: readonly object[]): object => ({ deadline, steps: all });

  test.each<[string, object, string, string]>([
    ["attempts", step("a", { timeout: "4m" }), "/steps/0/timeout", "3 × 4m"],
    [
      "retries",
      step("a", { timeout: "1m", retry: { max_attempts: 4, strategy: "fixed", delay: "3m", max_delay: "3m" } }),
      "/steps/0/retry",
      "9m of pauses",
    ],
    ["a first attempt", step("a", { timeout: "1h", retry: { max_attempts: 1 } }), "/steps/0/retry", "its first attempt"],
    ["fallbacks", step("a", { timeout: "3m", retry: { max_attempts: 2 }, fallback: [{ agent: "b" }] }), "/steps/0/retry", "at each of 2"],
    ["a wait", { id: "w", type: "wait", for: "10m" }, "/steps/0/for", "it never ends"],
    ["a signal", { id: "s", type: "signal", name: "go", timeout: "1h" }, "/steps/0/timeout", "the task does"],
    ["an approval", { id: "ap", type: "approval", title: "x", due: "1d" }, "/steps/0/due", "the task does"],
    ["pauses", { id: "r", type: "repeat", max: 7, delay: "2m", steps: [step("x")] }, "/steps/0/delay", "never reached"],
  ])("%s", (_, one, pointer, message) => {
    expect(lint(within("10m", one))).toMatchObject([{ code: "outlasts_deadline", pointer, message: expect.stringContaining(message) }]);
    expect(lint(within("30d", one))).toEqual([]);
    expect(lint(steps(one))).toEqual([]);
  });

  test("is not what nobody has said anything about, nor a row that is long as a whole", () => {
    const row = Array.from({ length: 5 }, (_, index) => step(`s${index}`, { timeout: "3m", retry: { max_attempts: 1 } }));
    expect(lint(within("10m", step("a"), { id: "ap", type: "approval", title: "x" }, ...row))).toEqual([]);
  });
});

describe("who is there", () => {
  const agents = agentsWith(
    agent("a", { region: "eu", labels: { tier: "gold" }, capabilities: [{ name: "work", version: "2.1.0" }] }),
    agent("b", { region: "us" }),
  );
  const select = (selection: object): object => steps(step("s", { select: selection }));

  test.each<[string, object, string, string]>([
    ["a capability", steps({ id: "s", capability: "wrok" }), "unknown_capability /steps/0/capability", 'did you mean "work"?'],
    [
      "a fallback",
      steps(step("s", { fallback: [{ capability: "tea" }] })),
      "unknown_capability /steps/0/fallback/0/capability",
      "queue_ttl",
    ],
    ["an agent", steps({ id: "s", agent: "z" }), "unknown_agent /steps/0/agent", 'no agent "z"'],
    [
      "what undoes a step",
      steps(step("s", { compensate: { capability: "tea" } })),
      "unknown_capability /steps/0/compensate/capability",
      "nobody",
    ],
    [
      "an ensemble",
      steps(step("s", { ensemble: { agents: 3, mode: "first" } })),
      "too_few_agents /steps/0/ensemble/agents",
      "only 2 offer",
    ],
    ["a region", select({ region: "asia" }), "no_fitting_agent /steps/0/select/region", "there is eu, us"],
    ["a version", select({ version: "3" }), "no_fitting_agent /steps/0/select/version", "there is 2.1.0"],
    ["a label", select({ labels: { tier: "silver" } }), "no_fitting_agent /steps/0/select/labels/tier", "there is gold"],
    ["anybody else", select({ exclude: ["a", "b"] }), "no_fitting_agent /steps/0/select/exclude", "nobody is left"],
    ["all of it together", select({ region: "us", version: "2" }), "no_fitting_agent /steps/0/select", "meets all of this"],
  ])("is not: %s", (_, definition, place, message) => {
    const warnings = lint(definition, agents);
    expect(told(warnings)).toEqual([place]);
    expect(warnings[0]?.message).toContain(message);
  });

  test("is told once for all steps that ask for the same", () => {
    const all = Array.from({ length: 4 }, (_, index) => ({ id: `s${index}`, capability: "tea" }));
    expect(lint(steps(...all), agents)).toMatchObject([
      { pointer: "/steps/0/capability", message: expect.stringContaining("3 more places") },
    ]);
  });

  test.each<[string, object]>([
    ["enough", steps(step("s", { ensemble: { agents: 2, mode: "first" } }))],
    ["one who fits", select({ region: "eu", version: "2", labels: { tier: "gold" }, exclude: ["b"] })],
    ["one by name", steps({ id: "s", agent: "b" })],
  ])("is: %s", (_, definition) => expect(lint(definition, agents)).toEqual([]));

  test("is not asked when nobody could look", () => expect(lint(steps({ id: "s", capability: "tea" }))).toEqual([]));

  test("and requires an input that is not there", () => {
    const asking = (required: readonly string[]) => ({ capabilities: [{ name: "work", inputSchema: { type: "object", required } }] });
    const picky = agentsWith(agent("a", asking(["query", "lang"])), agent("b", asking(["query"])));
    const missing = (input?: unknown) => told(lint(steps(step("s", input === undefined ? {} : { input })), picky));
    expect(missing()).toEqual(["missing_input /steps/0/input"]);
    expect(missing({ qurey: "x" })).toEqual(["missing_input /steps/0/input"]);
    expect(missing({ query: "${ input.q }" })).toEqual([]);
    expect(missing("${ input }")).toEqual([]);
  });
});

describe("workflows that it refers to", () => {
  const child = (workflow: string, more: object = {}): object => ({ id: "c", type: "workflow", workflow, ...more });
  const calling = (workflow: string, more: object = {}) => ({ steps: [{ id: "c", type: "workflow", workflow, ...more }] });

  test("are told in the registry's words when they are not there", async () => {
    expect(await lintAmong({}, "me", steps(child("nope")))).toMatchObject([
      { code: "unknown_workflow", pointer: "/steps/0/workflow", message: 'There is no task type "nope".' },
    ]);
  });

  test("may not be itself without end, directly or through others, inside or afterwards", async () => {
    expect(told(await lintAmong({}, "me", steps(child("me"))))).toEqual(["endless_workflow /steps/0/workflow"]);
    expect(told(await lintAmong({ a: calling("b"), b: calling("me") }, "me", steps(child("a"))))).toEqual([
      "endless_workflow /steps/0/workflow",
    ]);
    expect(told(await lintAmong({ a: calling("b"), b: calling("a") }, "me", steps(child("a"))))).toEqual([
      "endless_workflow /steps/0/workflow",
    ]);
    expect(told(await lintAmong({}, "me", { steps: [step("a")], on_completed: { workflow: "me@latest" } }))).toEqual([
      "endless_workflow /on_completed",
    ]);
    const repeat = { id: "r", type: "repeat", max: 2, steps: [child("me")] };
    expect(told(await lintAmong({}, "me", steps(repeat)))).toEqual(["endless_workflow /steps/0/steps/0/workflow"]);
  });

  test.each<[string, object]>([
    ["with a condition", steps(child("me", { when: "input.depth < 3" }))],
    ["after a step with one", steps(step("a", { when: "input.depth < 3" }), child("me", { needs: ["a"] }))],
    ["for every item", steps({ id: "m", type: "map", over: "input.parts", concurrency: 2, steps: [child("me")] })],
    ["in a case", steps({ id: "sw", type: "switch", cases: [{ when: "input.more", steps: [child("me")] }] })],
    ["after a failure", { steps: [step("a")], on_failed: { workflow: "me" } }],
  ])("may be itself %s", async (_, definition) => expect(await lintAmong({}, "me", definition)).toEqual([]));

  test("say what they need and what they come to", async () => {
    const study = { steps: [], input_schema: { required: ["topic"] }, output_schema: { type: "object", properties: { text: {} } } };
    const definition = steps(child("study", { input: { topc: "x" } }), step("s", { input: "${ steps.c.output.txt }" }));
    expect(told(await lintAmong({ study }, "me", definition))).toEqual(["missing_input /steps/0/input", "unknown_field /steps/1/input"]);
  });
});

describe("what can never work is refused", () => {
  test.each<[string, object, string]>([
    ["a time that is none", steps({ id: "w", type: "wait", until: "tomorrow" }), "/steps/0/until"],
    ["a time that nobody waits for", steps({ id: "w", type: "wait", until: "9999-12-31T23:59:59Z" }), "/steps/0/until"],
    ["a duration that is none", steps({ id: "w", type: "wait", for: "${ 'soon' }" }), "/steps/0/for"],
    ["a list that is none", steps({ id: "m", type: "map", over: "'a, b'", steps: [step("x")] }), "/steps/0/over"],
    ["an expression that fails", steps(step("a", { input: { x: "${ [1, 2][5] }" } })), "/steps/0/input/x"],
    ["a condition that fails", steps(step("a", { when: "{'a': 1}.b == 1" })), "/steps/0/when"],
    [
      "a result that violates its own schema",
      { ...steps(step("a")), output: { n: "x" }, output_schema: { properties: { n: { type: "number" } } } },
      "/output/n",
    ],
  ])("%s", (_, definition, pointer) => {
    const checked = checkWorkflow(JSON.stringify(definition));
    expect(checked.ok ? [] : checked.error).toMatchObject([{ pointer }]);
  });
});

test("warnings come in the order of the definition", () => {
  const bad = (id: string): object => step(id, { when: "false" });
  const sw = { id: "sw", type: "switch", cases: [{ when: "input.x", steps: [bad("x")] }], default: { steps: [bad("y")] } };
  expect(told(lint(steps(...Array.from({ length: 11 }, (_, index) => bad(`s${index}`)), sw))).map((one) => one.split(" ")[1])).toEqual([
    ...Array.from({ length: 11 }, (_, index) => `/steps/${index}/when`),
    "/steps/11/cases/0/steps/0/when",
    "/steps/11/default/steps/0/when",
  ]);
});

test("every code has its sentence", () => {
  for (const meaning of Object.values(LINT_CODES)) expect(meaning).toMatch(/^[A-Z].*\.$/);
});

describe("a workflow that needs the place of the one that waits for it", () => {
  const under = (key: string, limit = 1): object => ({ concurrency: { key, limit } });
  const child = (workflow: string, input: Json): object => ({ id: "c", type: "workflow", workflow, input });
  const workflows = {
    narrow: { ...steps(step("a")), ...under("'order-' + string(input.k)") },
    wide: { ...steps(step("a")), ...under("input.k", 3) },
    named: { ...steps(step("a")), concurrency: { limit: 1 } },
    between: steps(child("narrow", { k: "${ input.order }" })),
  } as unknown as Readonly<Record<string, Json>>;

  test.each<[string, object]>([
    ["directly", { ...steps(child("narrow", { k: "${ input.id }" })), ...under('"order-" + string( input.id )') }],
    ["by what is handed on as it is", { ...steps(child("narrow", "${ input }")), ...under("'order-' + string(input.k)") }],
    ["by the name of another", { ...steps(child("named", {})), ...under("'named'") }],
    ["through others", { ...steps(child("between", { order: "${ input.id }" })), ...under("'order-' + string(input.id)") }],
    ["with a constant", { ...steps(child("narrow", { k: 7 })), ...under("'order-' + string(7)") }],
  ])("is told of: %s", async (_, definition) => {
    expect(told(await lintAmong(workflows, "me", definition))).toEqual(["waits_for_itself /steps/0/workflow"]);
  });

  test.each<[string, object]>([
    ["there are more places", { ...steps(child("wide", { k: "${ input.k }" })), ...under("input.k", 3) }],
    ["the key is another", { ...steps(child("narrow", { k: "${ input.other }" })), ...under("'order-' + string(input.id)") }],
    ["the key follows from the work", { ...steps(step("a"), child("wide", { k: "${ steps.a.output.k }" })), ...under("input.k") }],
    ["it has no place itself", steps(child("narrow", { k: "${ input.id }" }))],
  ])("is not, where %s", async (_, definition) => {
    expect((await lintAmong(workflows, "me", definition)).filter(({ code }) => code === "waits_for_itself")).toEqual([]);
  });
});
