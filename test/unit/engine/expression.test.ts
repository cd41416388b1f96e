import { describe, expect, test } from "vitest";
import { compileExpression, type Scope } from "../../../src/language/expressions/expression.ts";
import { compileTemplate } from "../../../src/language/expressions/template.ts";
import type { Json } from "../../../src/shared/json.ts";
import { LIMITS } from "../../../src/language/limits.ts";

const scope: Scope = {
  input: { n: 3, text: "abc", list: [1, 2, 3], nested: [{ v: 1 }, { v: 2 }], nothing: null, object: { a: 1 } },
  task: { id: "task_1", priority: 5 },
  steps: {
    a: { status: "completed", output: { items: [1, 2], text: "out" }, error: null },
    "b.c": { status: "failed", output: null, error: { code: "boom" } },
  },
};

function evaluate(source: string): Json | { readonly error: string } {
  const compiled = compileExpression(source, "any");
  if (!compiled.ok) throw new Error(compiled.error.map(({ message }) => message).join());
  const result = compiled.value.evaluate(scope);
  return result.ok ? result.value : { error: result.error };
}

const problemOf = (source: string, expected: "any" | "bool" = "any"): string => {
  const compiled = compileExpression(source, expected);
  return compiled.ok ? "" : compiled.error.map(({ code, message }) => `${code}: ${message}`).join();
};

describe("numbers are what a person expects", () => {
  test.each([
    ["3 / 2", 1.5],
    ["input.n + 1", 4],
    ["input.n % 2", 1],
    ["-input.n", -3],
    ["size(input.list) / 2", 1.5],
    ["input.list.size() + 1", 4],
    ["input.list[0]", 1],
    ["input.list[size(input.list) - 1]", 3],
    ["[10, 20, 30][input.n - 2]", 20],
    ["input.list.map(x, x * 2)[1]", 4],
    ['"a,b".split(",")[1]', "b"],
    ["input.list.filter(x, x > 1).size()", 2],
    ['int("42") + 1', 43],
    ["int(3.7)", 3],
    ["input.text.substring(1, 2)", "b"],
    ['input.text.indexOf("c")', 2],
    ["0x10", 16],
    ["3u + 1", 4],
    ['timestamp("2026-01-01T05:00:00Z").getHours() + 1', 6],
    ["string(3) + string(1.5)", "31.5"],
    ["2 in input.list", true],
    ["input.n == 3", true],
    ["9007199254740993", 9007199254740992],
  ])("%s is %j", (source, expected) => expect(evaluate(source)).toEqual(expected));

  test("a division by zero is an error, because JSON has no infinity", () => {
    expect(evaluate("1 / 0")).toMatchObject({ error: expect.stringContaining("divided by zero") });
  });

  test("a fraction where a whole number belongs is an error", () => {
    expect(evaluate("input.text.substring(1.5)")).toMatchObject({ error: expect.stringContaining("whole numbers") });
  });
});

describe("results are JSON", () => {
  test.each([
    ["input.?missing", null],
    ["input.?missing.orValue(7)", 7],
    ["input.?n.orValue(7)", 3],
    ["input.nothing == null", true],
    ["has(input.missing)", false],
    ['{"a": input.n, "b": [1, "x"]}', { a: 3, b: [1, "x"] }],
    ['timestamp("2026-01-01T00:00:00Z")', "2026-01-01T00:00:00.000Z"],
    ['duration("90s")', "90s"],
    ["steps.a", { status: "completed", output: { items: [1, 2], text: "out" }, error: null }],
    ['steps["b.c"].error.code', "boom"],
    ["task.priority", 5],
    ["input.nested.exists(x, x.v == 2)", true],
    ['input.text.matches("^a.c$")', true],
  ])("%s is %j", (source, expected) => expect(evaluate(source)).toEqual(expected));

  test("types and functions are no results", () => {
    expect(evaluate("type(1)")).toMatchObject({ error: expect.stringContaining("no JSON value") });
  });
});

describe("errors say what, where and what to do", () => {
  test("a missing key names itself, its place and the ways around it", () => {
    expect(evaluate("input.missing.deeper")).toEqual({
      error: 'in "input.missing.deeper": No such key: missing, at character 7; test for it with has(), or read it with .? and orValue()',
    });
  });

  test.each([
    ["input.", "invalid_expression", "character 7"],
    ["1 +* 2", "invalid_expression", "character 4"],
    ['"abc', "invalid_expression", "Unterminated string"],
    ["1 + 'a'", "invalid_expression", "no such overload"],
    ["foo.bar", "unknown_reference", "starts from input, steps, task"],
    ["nope(1)", "invalid_expression", "nope(double)"],
    ["steps.a.outptu", "unknown_reference", "status, output and error"],
    ["steps", "invalid_expression", "steps.id"],
    ["steps[input.text].output", "invalid_expression", "with the id written out"],
    ["size(steps)", "invalid_expression", "steps.id"],
    ["input.list.map(steps, 1)", "invalid_expression", "loop variable"],
    ["cel.bind(x, 1, x)", "invalid_expression", "not available"],
    ["", "invalid_expression", "character 1"],
  ])("%s is refused when it is compiled", (source, code, detail) => {
    expect(problemOf(source)).toContain(code);
    expect(problemOf(source)).toContain(detail);
  });

  test("a condition that can only be something else is refused", () => {
    expect(problemOf("input.n + 1", "bool")).toContain("true or false");
    expect(problemOf("input.n > 1", "bool")).toBe("");
  });
});

describe("evaluation is bounded", () => {
  const large: Scope = { ...scope, input: { list: Array.from({ length: 3_000 }, (_, index) => index), text: "x".repeat(100_000) } };
  const run = (source: string): unknown => {
    const compiled = compileExpression(source, "any");
    return compiled.ok ? compiled.value.evaluate(large) : compiled.error;
  };

  test("loops within loops share one budget", () => {
    expect(run("input.list.map(x, input.list.map(y, y))")).toMatchObject({
      ok: false,
      error: expect.stringContaining(`more than ${LIMITS.expressionIterations} times`),
    });
    expect(run("input.list.exists(x, input.list.exists(y, y < 0))")).toMatchObject({ ok: false });
  });

  test("a loop that many items long is fine", () => {
    expect(run("input.list.filter(x, x % 2 == 0).size()")).toEqual({ ok: true, value: 1_500 });
  });

  test("values cannot be multiplied past the limit", () => {
    expect(run('input.list.map(x, input.text).join("")')).toMatchObject({ ok: false, error: expect.stringContaining("characters") });
    expect(run("input.list.map(x, input.list)")).toMatchObject({ ok: false, error: expect.stringContaining("larger than") });
  });

  test("patterns that defeat backtracking engines take linear time", () => {
    const compiled = compileExpression('input.text.matches("^(a+)+$")', "bool");
    expect(compiled.ok && compiled.value.evaluate({ ...scope, input: { text: `${"a".repeat(50_000)}!` } })).toEqual({
      ok: true,
      value: false,
    });
  });

  test("structure is limited", () => {
    expect(problemOf(`1${" + 1".repeat(2_000)}`)).toContain("invalid_expression");
    expect(problemOf(`${"(".repeat(100)}1${")".repeat(100)}`)).toContain("maxDepth");
    expect(problemOf(`"${"x".repeat(5_000)}"`)).toContain("at most");
  });

  test("what is hostile in JavaScript is harmless here", () => {
    expect(evaluate("input.?constructor")).toBeNull();
    expect(evaluate("input.?__proto__")).toBeNull();
    expect(evaluate("{'__proto__': 1}")).toEqual({});
  });
});

describe("templates", () => {
  const render = (source: Json): unknown => {
    const compiled = compileTemplate(source);
    if (!compiled.ok) return compiled.error;
    const result = compiled.value.evaluate(() => scope);
    return result.ok ? result.value : { error: result.error };
  };

  test.each<[Json, unknown]>([
    ["${ input.list }", [1, 2, 3]],
    ["n is ${ input.n }", "n is 3"],
    ["${ input.n }${ input.n }", "33"],
    ["null: ${ input.nothing }.", "null: ."],
    ["object: ${ input.object }", 'object: {"a":1}'],
    ["costs $${ input.n }", "costs ${ input.n }"],
    ["$5 and {braces}", "$5 and {braces}"],
    ["${ {'a': {'b': '}'}} }", { a: { b: "}" } }],
    ['${ "}" + \'"}\' }', '}"}'],
    [
      { a: ["${ input.n }", { b: "${ steps.a.output.text }" }], c: 1 },
      { a: [3, { b: "out" }], c: 1 },
    ],
    [42, 42],
    [null, null],
  ])("%j becomes %j", (source, expected) => expect(render(source)).toEqual(expected));

  test("keys are text, whatever they look like", () => expect(render({ "${ input.n }": 1 })).toEqual({ "${ input.n }": 1 }));
  test("one that is not closed is refused with its place", () =>
    expect(render({ a: ["x ${ input.n"] })).toMatchObject([
      { at: "/a/0", code: "invalid_expression", message: expect.stringContaining("character 3") },
    ]));
  test("every fault is reported, each at its place", () =>
    expect(render({ a: "${ 1 + }", b: "${ foo }" })).toMatchObject([{ at: "/a" }, { at: "/b" }]));
  test("a template that only passes on an output says so", () => {
    const compiled = compileTemplate("${ steps.a.output }");
    expect(compiled.ok && compiled.value.outputOf).toBe("a");
    const other = compileTemplate(["${ steps.a.output }"]);
    expect(other.ok && other.value.outputOf).toBeNull();
  });
});
