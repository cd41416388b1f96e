import { describe, expect, test } from "vitest";
import { compileExpression, type Scope } from "../../../src/language/expressions/expression.ts";
import { compileTemplate } from "../../../src/language/expressions/template.ts";
import { RULES, type Rules } from "../../../src/language/rules.ts";
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
  const compiled = compileExpression(source, "any", RULES);
  if (!compiled.ok) throw new Error(compiled.error.map(({ message }) => message).join());
  const result = compiled.value.evaluate(scope);
  return result.ok ? result.value : { error: result.error };
}

const problemOf = (source: string, expected: "any" | "bool" = "any"): string => {
  const compiled = compileExpression(source, expected, RULES);
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
  const large: Scope = {
    ...scope,
    input: {
      list: Array.from({ length: 3_000 }, (_, index) => index),
      same: Array.from({ length: 3_000 }, (_, index) => index),
      text: "x".repeat(100_000),
      other: `${"x".repeat(99_999)}y`,
      keys: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index])),
      keysAgain: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index])),
    },
  };
  const run = (source: string): unknown => {
    const compiled = compileExpression(source, "any", RULES);
    return compiled.ok ? compiled.value.evaluate(large) : compiled.error;
  };

  const budgetOf = (source: string): unknown => run(source);

  test.each([
    "input.list.exists(x, input.list.exists(y, y < 0))",
    "input.list.all(x, input.list.all(y, input.text < input.other))",
    "input.list.all(x, input.list.all(y, input.list == input.same))",
    "input.list.all(x, input.list.all(y, input.keys == input.keysAgain))",
    "input.list.all(x, input.list.all(y, size(input.keys) > 1))",
    "input.list.exists(x, input.list.exists(y, x.missing))",
    "input.list.exists(x, input.list.exists(y, int(string(x)) < 0))",
    "input.list.all(x, input.list.all(y, input.text.contains('z') == false))",
    "input.list.all(x, input.list.all(y, input.text.lastIndexOf('z') < 0))",
    "input.list.all(x, input.list.all(y, input.text.substring(99999) != ''))",
    "input.list.exists(x, input.list.exists(y, timestamp('2026-01-01T00:00:00Z').getHours('Europe/Berlin') == 99))",
    "input.list.exists(x, input.list.exists(y, false) || false) || input.list.all(x, input.list.all(y, y >= 0))",
    "input.text.matches('(?i)([a-x]{0,500}){2}z')",
    "input.list.all(x, input.list.all(y, input.text.matches('[a-x]*z') == false))",
  ])("what takes long ends, whatever it is made of: %s", (source) =>
    expect(budgetOf(source)).toMatchObject({ ok: false, error: expect.stringContaining(`more than ${LIMITS.expressionSteps} steps`) }),
  );

  test.each([
    "size(['ab'].map(x, x + x).map(x, x + x).map(x, input.list.map(y, input.text)).map(x, x.map(y, y + y)))",
    "input.list.map(x, input.text.split(''))",
    "input.list.map(x, input.text.upperAscii())",
    "input.list.map(x, input.text.trim().lowerAscii())",
    "input.list.map(x, [input.list, input.list].map(y, y + y))",
    "input.list.map(x, input.list.map(y, {'a': y}))",
    "input.list.map(x, input.list.map(y, [y, y, y, y]))",
    "input.list.map(x, input.list.filter(y, true))",
    "input.list.map(x, bytes(input.text))",
    "input.list.map(x, bytes(input.text).base64())",
    "input.list.map(x, input.keys.map(key, key))",
    "input.list.map(x, input.text).join('')",
  ])("what makes much ends, whatever it is made of: %s", (source) =>
    expect(budgetOf(source)).toMatchObject({ ok: false, error: expect.stringMatching(/more than \d+ (bytes|steps)/) }),
  );

  test("all expressions of a template share one budget", () => {
    const heavy = "${ input.list.exists(x, input.list.map(y, y + x).size() < 0) && false }";
    const light = "${ input.list.filter(x, x > 5).map(x, x + 1).size() }";
    const compiled = compileTemplate(
      Array.from({ length: 400 }, () => light),
      RULES,
    );
    const alone = compileTemplate([light], RULES);
    expect(alone.ok && alone.value.evaluate(() => large).ok).toBe(true);
    expect(compiled.ok && compiled.value.evaluate(() => large)).toMatchObject({ ok: false, error: expect.stringContaining("more than") });
    expect(compileTemplate(heavy, RULES).ok).toBe(true);
  });

  test("a budget that is used up is no error that || or exists() goes on after", () => {
    expect(run("input.list.exists(x, input.list.exists(y, y < 0)) || true")).toMatchObject({ ok: false });
    expect(run("[1, 2].exists(z, input.list.exists(x, input.list.exists(y, y < 0)) || z == 2)")).toMatchObject({ ok: false });
  });

  test("a long text is looked for in a time that both lengths bound", () => {
    const text = "x".repeat(1_000_000);
    const wanted = `y${"x".repeat(200_000)}`;
    const found = compileExpression("[input.text.contains(input.wanted), input.text.lastIndexOf(input.wanted) < 0]", "any", RULES);
    expect(found.ok && found.value.evaluate({ ...scope, input: { text, wanted } })).toEqual({ ok: true, value: [false, true] });
  });

  test("what is made of a regular expression is bounded before it is made", () => {
    expect(run("input.text.matches('((a{100}){100}){100}')")).toMatchObject({ ok: false, error: expect.stringContaining("instructions") });
    expect(run(`input.text.matches(${Array.from({ length: 50 }, () => "'(ab|cd){1000}'").join(" + ")})`)).toMatchObject({ ok: false });
  });

  test("a loop that many items long is fine", () => {
    expect(run("input.list.filter(x, x % 2 == 0).size()")).toEqual({ ok: true, value: 1_500 });
  });

  test("a result is no larger than a value may be", () => {
    expect(run("input.list.map(x, input.text).filter(x, true)")).toMatchObject({
      ok: false,
      error: expect.stringContaining("larger than"),
    });
  });

  test("patterns that defeat backtracking engines take linear time", () => {
    const compiled = compileExpression('input.text.matches("^(a+)+$")', "bool", RULES);
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
    expect(evaluate("{}.?toString")).toBeNull();
    expect(evaluate("'constructor' in {}")).toBe(false);
  });
});

describe("names of JavaScript mean nothing", () => {
  const input = JSON.parse('{"constructor": "Ferrari", "prototype": 2, "__proto__": {"a": 3}, "toString": 4}') as Json;
  const read = (source: string, rules: Rules = RULES): unknown => {
    const compiled = compileExpression(source, "any", rules);
    if (!compiled.ok) throw new Error(compiled.error[0]?.message);
    return compiled.value.evaluate({ ...scope, input });
  };

  test.each<[string, Json]>([
    ["input.constructor", "Ferrari"],
    ["input.prototype", 2],
    ["input.__proto__.a", 3],
    ['input["__proto__"]', { a: 3 }],
    ["input.toString", 4],
    ["input.?constructor.orValue(0)", "Ferrari"],
    ["has(input.__proto__)", true],
    ["has(input.valueOf)", false],
    ["size(input)", 4],
    ["[input].exists(x, x.constructor == 'Ferrari')", true],
    ["input == input && [input] == [input]", true],
    ["'__proto__' in input", true],
    ["input.map(key, key)", ["constructor", "prototype", "__proto__", "toString"]],
  ])("%s is %j", (source, expected) => expect(read(source)).toEqual({ ok: true, value: expected }));

  test("a map keeps every key that it is written with", () => {
    const made = read("{'constructor': 1, '__proto__': 2, 'prototype': 3, 'b': 4}") as { readonly value: object };
    expect(Object.entries(made.value)).toEqual([
      ["constructor", 1],
      ["__proto__", 2],
      ["prototype", 3],
      ["b", 4],
    ]);
  });

  test("a whole object is passed on with all its members", () =>
    expect(JSON.stringify(read("input"))).toBe(JSON.stringify({ ok: true, value: input })));

  test("tasks of the first rules read and make what they did", () => {
    expect(read("input.prototype", 0)).toMatchObject({ ok: false, error: expect.stringContaining("Unsupported type: object") });
    expect(read("{'constructor': 1, '__proto__': 2, 'b': 4}", 0)).toEqual({ ok: true, value: { b: 4 } });
  });
});

describe("a character is a code point", () => {
  const input = { text: "a😀b😀c", high: "\ud83d", last: "\uffee" };
  const read = (source: string, rules: Rules = RULES): unknown => {
    const compiled = compileExpression(source, "any", rules);
    if (!compiled.ok) throw new Error(compiled.error[0]?.message);
    const value = compiled.value.evaluate({ ...scope, input });
    return value.ok ? value.value : value.error;
  };

  test.each<[string, Json]>([
    ["size(input.text)", 5],
    ["input.text.substring(1, 2)", "😀"],
    ["input.text.substring(2)", "b😀c"],
    ["input.text.substring(5)", ""],
    ["input.text.indexOf('b')", 2],
    ["input.text.indexOf('😀', 2)", 3],
    ["input.text.lastIndexOf('😀')", 3],
    ["input.text.lastIndexOf('😀', 2)", 1],
    ["input.text.split('')", ["a", "😀", "b", "😀", "c"]],
    ["input.text.split('', 3)", ["a", "😀", "b😀c"]],
    ["input.text.split('😀')", ["a", "b", "c"]],
    ["input.text.split('😀', 2)", ["a", "b😀c"]],
    ["''.split('')", []],
    ["'a,b,'.split(',')", ["a", "b", ""]],
    ["input.last < '😀'", true],
    ["'😀' > input.last", true],
    ["['a', '😀'].exists(x, x >= input.last)", true],
    ["'ab' < 'abc'", true],
    ["'straße'.upperAscii()", "STRAßE"],
    ["'ÄBC'.lowerAscii()", "Äbc"],
    ["input.high.size()", 1],
  ])("%s is %j", (source, expected) => expect(read(source)).toEqual(expected));

  test("a place past the end is an error", () => {
    expect(read("input.text.substring(6)")).toContain("out of range");
    expect(read("input.text.indexOf('a', 5)")).toContain("out of range");
  });

  test("tasks of the first rules count as they did", () => {
    expect(read("input.text.substring(3, 4)", 0)).toBe("b");
    expect(read("input.text.split('').size()", 0)).toBe(7);
    expect(read("input.last < '😀'", 0)).toBe(false);
    expect(read("'straße'.upperAscii()", 0)).toBe("STRASSE");
  });
});

describe("what cannot be is an error", () => {
  test.each([
    "timestamp('2026-02-30T00:00:00Z')",
    "timestamp('2026-13-01T00:00:00Z')",
    "timestamp('2026-01-01T24:00:00Z')",
    "timestamp('2026-01-01T10:61:00Z')",
    "timestamp('Jan 1 2026 00:00:00 GMT')",
    "timestamp('2026-01-01T00:00:00.000')",
    "timestamp('2025-02-29T00:00:00Z')",
  ])("%s", (source) => expect(evaluate(source)).toMatchObject({ error: expect.stringContaining("ISO 8601") }));

  test.each([
    ["timestamp('2028-02-29T23:59:59.123456789+05:30')", "2028-02-29T18:29:59.123Z"],
    ["timestamp('9999-12-31T23:59:59Z')", "9999-12-31T23:59:59.000Z"],
    ["timestamp('2000-02-29t00:00:00z')", "2000-02-29T00:00:00.000Z"],
  ])("%s is %s", (source, expected) => expect(evaluate(source)).toBe(expected));

  test("a map with a key twice", () => {
    expect(evaluate("{'a': 1, 'a': 2}")).toMatchObject({ error: expect.stringContaining('the key "a" twice') });
    expect(evaluate("{input.text: 1, 'abc': 2}")).toMatchObject({ error: expect.stringContaining("twice") });
  });

  test("a map whose key is no key", () => {
    for (const key of ["[1]", "{}", "timestamp('2024-01-01T00:00:00Z')", "optional.of(1)", "int"])
      expect(evaluate(`{${key}: 1}`)).toMatchObject({ error: expect.stringContaining("A key is a text") });
    expect(evaluate("{1: 1, true: 2, 2u: 3, 'a': 4}")).toEqual({ 1: 1, true: 2, 2: 3, a: 4 });
  });

  test("tasks of the first rules take what they took", () => {
    const old = (source: string): unknown => {
      const compiled = compileExpression(source, "any", 0);
      return compiled.ok && compiled.value.evaluate(scope);
    };
    expect(old("timestamp('2026-02-30T00:00:00Z')")).toEqual({ ok: true, value: "2026-03-02T00:00:00.000Z" });
    expect(old("{'a': 1, 'a': 2}")).toEqual({ ok: true, value: { a: 2 } });
  });
});

describe("templates", () => {
  const render = (source: Json): unknown => {
    const compiled = compileTemplate(source, RULES);
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
    const compiled = compileTemplate("${ steps.a.output }", RULES);
    expect(compiled.ok && compiled.value.outputOf).toBe("a");
    const other = compileTemplate(["${ steps.a.output }"], RULES);
    expect(other.ok && other.value.outputOf).toBeNull();
  });
});
