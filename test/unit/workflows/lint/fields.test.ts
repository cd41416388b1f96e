import { describe, expect, test } from "vitest";
import { accessesIn, ANY, pathIn } from "../../../../src/workflows/lint/accesses.ts";
import { agentsWith, lint, step, steps, told } from "./linting.ts";

const schema = {
  type: "object",
  properties: {
    user: { type: "object", properties: { name: { type: "string" } }, additionalProperties: false },
    items: { type: "array", items: { $ref: "#/$defs/item" } },
    extra: { type: "object" },
    either: { anyOf: [{ type: "null" }, { type: "object", properties: { left: {} } }, { type: "object", properties: { right: {} } }] },
  },
  $defs: { item: { type: "object", properties: { price: { type: "number" }, next: { $ref: "#/$defs/item" } } } },
};
const reading = (expression: string, more: object = {}): object => ({
  input_schema: schema,
  steps: [step("a", { input: { value: `\${ ${expression} }` }, ...more })],
});

describe("a field of the input that the schema does not have", () => {
  test.each([
    ["input.usr.name", 'input declares no field "usr"; did you mean "user"?', "input.user.name"],
    ["input.user.nmae", 'input.user has no field "nmae"; did you mean "name"?', "input.user.name"],
    ["input['user']['nmae'] + '!'", 'did you mean "name"?', "input.user.name"],
    ["input.user.address", 'input.user has no field "address"; it has name', undefined],
    ["input.user.name.first", "input.user.name is a text", undefined],
    ["input.items.price", "read an item, as input.items[0].price, or all of them, as input.items.map(x, x.price)", undefined],
    ["input.items.length", "the length of a list is size(input.items)", "size(input.items)"],
    ["input.items[0].prize", 'did you mean "price"?', "input.items[0].price"],
    ["input.items[0].next.next.prize", 'did you mean "price"?', "input.items[0].next.next.price"],
    ["input.items.map(i, i.prize)", 'did you mean "price"?', "input.items[…].price"],
    ["input.items.filter(i, i.price > 1)[0].prize", 'did you mean "price"?', "input.items[0].price"],
    ["input.either.middle", 'declares no field "middle"', undefined],
    ["task.prioriti", 'did you mean "priority"?', "task.priority"],
  ])("%s", (expression, message, suggestion) => {
    const [warning, ...others] = lint(reading(expression));
    expect(warning).toMatchObject({ code: "unknown_field", pointer: "/steps/0/input/value", message: expect.stringContaining(message) });
    expect(warning?.suggestion).toBe(suggestion);
    expect(others).toEqual([]);
  });

  test.each([
    "input.user.name",
    "input.extra.anything.at.all",
    "input.either.left + input.either.right",
    "input.?usr.orValue('')",
    "has(input.usr) ? input.usr : ''",
    "input[?'usr'].hasValue()",
    "size(input.items) + input.items.size()",
    "input.items.exists(input2, input2.price > 1)",
    "input.items[input.extra.n].price",
    "'input.usr.name'",
    "{'usr': input.user}.usr",
  ])("is none in %s", (expression) => expect(lint(reading(expression))).toEqual([]));

  test("is not told where a condition has asked for it first", () => {
    expect(lint(reading("input.usr", { when: "has(input.usr)" }))).toEqual([]);
    const cases = [{ when: "has(input.usr) && input.usr.ok", steps: [step("b", { input: "${ input.usr.name }" })] }];
    expect(lint({ input_schema: schema, steps: [{ id: "sw", type: "switch", cases }] })).toEqual([]);
    expect(told(lint(reading("input.usr", { when: "has(input.other)" })))).toEqual(["unknown_field /steps/0/input/value"]);
  });
});

describe("a field of what a step comes to", () => {
  const each = { id: "each", type: "map", over: ["x"], steps: [step("inner")], output: { text: "${ steps.inner.output }" } };
  const read = (before: object, expression: string): object =>
    steps(before, { id: "out", type: "transform", output: `\${ ${expression} }` });

  test.each<[string, object, string, string]>([
    ["a transform", { id: "t", type: "transform", output: { total: 1 } }, "steps.t.output.totl", 'did you mean "total"?'],
    ["what a transform passes on", { id: "t", type: "transform", output: { list: [{ n: 1 }] } }, "steps.t.output.list[0].m", "it has n"],
    ["a map", each, "steps.each.output.text", "steps.each.output[0].text"],
    ["an item of it", each, "steps.each.output[0].txt", 'did you mean "text"?'],
    [
      "a repeat, by its last steps",
      { id: "r", type: "repeat", max: 2, steps: [step("draft"), step("check", { needs: ["draft"] })] },
      "steps.r.output.draft",
      "it has check",
    ],
    [
      "a switch",
      { id: "sw", type: "switch", cases: [{ when: "input.x", steps: [step("p")], output: { ok: 1 } }] },
      "steps.sw.output.fine",
      "it has ok",
    ],
    ["a wait", { id: "w", type: "wait", for: "1s" }, "steps.w.output.until", "it has waited_until"],
    ["an approval", { id: "ap", type: "approval", title: "x" }, "steps.ap.output.approved", "it has decision, payload"],
  ])("%s", (_, before, expression, message) => {
    const found = lint(read(before, expression)).filter(({ code }) => code === "unknown_field");
    expect(found).toMatchObject([{ pointer: "/steps/1/output", message: expect.stringContaining(message) }]);
  });

  test("and of an item, an iteration before, or the result that is about to be", () => {
    const items = { id: "m", type: "map", over: [{ n: 1 }, { n: 2 }], as: "row", steps: [step("x", { input: "${ row.m }" })] };
    const repeat = {
      id: "r",
      type: "repeat",
      max: 3,
      steps: [
        { id: "t", type: "transform", output: { n: "${ iteration }" } },
        step("u", { when: "previous == null || previous.tt.n > 1" }),
      ],
      until: "output.t.m > 1",
    };
    expect(told(lint(steps(items)))).toEqual(["unknown_field /steps/0/steps/0/input"]);
    expect(told(lint(steps(repeat)))).toEqual(["unknown_field /steps/0/steps/1/when", "unknown_field /steps/0/until"]);
  });

  test("also of the definition's own result, and of what is started after it", () => {
    const t = { id: "t", type: "transform", output: { n: 1 } };
    const definition = { steps: [t], output: { m: "${ steps.t.output.m }" }, on_completed: { workflow: "w", input: "${ output.n }" } };
    expect(told(lint(definition))).toEqual(["unknown_field /output/m", "unknown_field /on_completed/input"]);
  });
});

describe("a field of what agents declare to answer", () => {
  const agent = (id: string, outputSchema?: object) => ({
    id,
    capabilities: [{ name: "work", ...(outputSchema && { outputSchema: outputSchema as { readonly [keyword: string]: unknown } }) }],
  });
  const a = agent("a", { type: "object", properties: { text: { type: "string" } } });
  const b = agent("b", { type: "object", properties: { words: { type: "array" } } });
  const read = (field: string, more: object = {}): object => steps(step("s", more), step("t", { input: `\${ steps.s.output.${field} }` }));
  const warns = (definition: object, ...agents: readonly ReturnType<typeof agent>[]): boolean =>
    lint(definition, agentsWith(...agents)).some(({ code }) => code === "unknown_field");

  test("is told if none of those who may be asked has it", () => {
    expect(warns(read("txt"), a)).toBe(true);
    expect(warns(read("txt"), a, b)).toBe(true);
    expect(warns(read("text", { ensemble: { agents: 2, mode: "all" } }), a, b)).toBe(true);
  });

  test("is not told if one has it, or says nothing, or another one may come to the rescue", () => {
    expect(warns(read("text"), a, b)).toBe(false);
    expect(warns(read("txt"), a, agent("c"))).toBe(false);
    expect(warns(read("txt", { fallback: [{ agent: "stranger" }] }), a)).toBe(false);
    expect(warns(read("txt", { on_error: { output: { txt: "" } } }), a)).toBe(false);
    expect(warns(read("txt"))).toBe(false);
  });
});

describe("what an expression reads", () => {
  const paths = (source: string): readonly string[] =>
    accessesIn(source).map(({ path, isTest }) => path.map((key) => (key === ANY ? "*" : key)).join("/") + (isTest ? "?" : ""));

  test.each([
    ["input.a.b", ["input/a/b"]],
    ['steps["a.b"].output[0].c', ["steps/a.b/output/0/c"]],
    ["has(input.a.b) && input.c", ["input/a/b?", "input/c"]],
    ["input.a.?b.c.orValue(input.d)", ["input/a", "input/a/b?", "input/d"]],
    ["input.a[input.b].c", ["input/b", "input/a/*/c"]],
    ["input.a.map(x, x.b + input.c)", ["input/a", "input/a/*/b", "input/c"]],
    ["input.a.map(k, v, v.b)", ["input/a", "input/a/*/b"]],
    ["input.a.exists(x, x.b.exists(y, y.c))", ["input/a", "input/a/*/b", "input/a/*/b/*/c"]],
    ["'input.a' + \"input['b']\" + r'\\d' + input.c // input.d", ["input/c"]],
    ["[input.a, {'k': input.b}][0].c", ["input/a", "input/b"]],
    ["f(input.a).b", ["input/a"]],
    ["1.5 + input.a", ["input/a"]],
  ])("%s", (source, expected) => expect(paths(source)).toEqual(expected));

  test("is one path, or more than that", () => {
    expect(pathIn("input.a[0].b")).toEqual(["input", "a", 0, "b"]);
    for (const source of ["input.a + 1", "has(input.a)", "input.?a", "size(input.a)", "input.a.b()", "(input.a)", "1"])
      expect(pathIn(source)).toBeNull();
  });
});
