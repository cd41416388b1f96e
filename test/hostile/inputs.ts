/**
 * What one request may try: work without a bound, by every way that there is to cause it. Each says who may send it and what is
 * to come of it: a refusal, or a task that ends with a code. Sizes are those that took a server away.
 */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
}

/** `refused`: by these statuses, with a code of these. `fails`: the task is accepted, and ends so. `ends`: in any way, but soon. */
export type Outcome =
  | { readonly refused: readonly number[]; readonly codes?: readonly string[] }
  | { readonly fails: readonly string[] }
  | { readonly answers: readonly number[] };

export interface Hostile {
  readonly name: string;
  readonly as: "viewer" | "operator" | "developer" | "nobody";
  readonly send: () => Sent;
  readonly outcome: Outcome;
}

const submit = (body: unknown): Sent => ({ method: "POST", path: "/tasks?wait=30s", body: JSON.stringify(body) });
const run = (steps: readonly unknown[], input: unknown = {}, more: object = {}): Sent => submit({ workflow: { steps, ...more }, input });
const compute = (output: unknown, input: unknown = {}): Sent => run([{ id: "a", type: "transform", output }], input);
const check = (definition: unknown): Sent => ({ method: "POST", path: "/workflows/validate", body: JSON.stringify(definition) });
const checkStep = (step: object): Sent => check({ steps: [step] });
const list = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
const numbers = (length: number): string => `[${list(length, String).join(",")}]`;

const FAILS: Outcome = { fails: [] };
const REFUSED: Outcome = { refused: [400, 413, 422] };
const ANSWERED: Outcome = { answers: [200, 400, 413, 422] };

/** What an expression allocates. */
const expressions: readonly Hostile[] = [
  {
    name: "an expression that doubles a list sixteen times and splits a text for each of its items",
    as: "operator",
    send: () =>
      compute(`\${ size(['ab']${".map(x, x + x)".repeat(16)}.map(t, ${numbers(60)}.map(a, ${numbers(60)}.map(b, t.split(""))))) }`),
    outcome: FAILS,
  },
  {
    name: "an expression that doubles a text forty times",
    as: "operator",
    send: () => compute(`\${ ["x"]${".map(t, t + t)".repeat(40)} }`),
    outcome: FAILS,
  },
  {
    name: "an expression that makes a long text upper case again and again",
    as: "operator",
    send: () => compute(`\${ ${numbers(200)}.map(a, ${numbers(200)}.map(b, input.s.upperAscii())) }`, { s: "a".repeat(100_000) }),
    outcome: FAILS,
  },
  {
    name: "an expression that joins what it has split, for each of many items",
    as: "operator",
    send: () => compute(`\${ ${numbers(300)}.map(a, input.s.split("").join("--")) }`, { s: "a".repeat(50_000) }),
    outcome: FAILS,
  },
  {
    name: "an expression that makes lists of lists of lists",
    as: "operator",
    send: () => compute(`\${ ${numbers(300)}.map(a, ${numbers(300)}.map(b, ${numbers(300)}.map(c, [a, b, c, "text"]))) }`),
    outcome: FAILS,
  },
  {
    name: "a condition that doubles a list, in a step that comes due later",
    as: "operator",
    send: () =>
      run([
        { id: "later", type: "wait", for: "1s" },
        { id: "boom", type: "transform", needs: ["later"], when: `size(["ab"]${".map(x, x + x + x + x)".repeat(30)}) > 0`, output: 1 },
      ]),
    outcome: FAILS,
  },
];

/** Patterns, ours and theirs. */
const patterns: readonly Hostile[] = [
  ...(
    [
      ["when", "{{" + " ".repeat(4_000)],
      ["when", "{{".repeat(20_000)],
      ["timeout", "1" + " ".repeat(120_000) + "x"],
      ["timeout", "1.".repeat(60_000)],
      ["capability", "a ".repeat(60_000) + "!"],
      ["run_if", " ".repeat(60_000) + "x"],
    ] as const
  ).map(([field, text]): Hostile => ({
    name: `a definition with ${text.length} characters of ${JSON.stringify(text.slice(0, 4))} as "${field}"`,
    as: "viewer",
    send: () =>
      checkStep({ id: "a", type: field === "capability" || field === "timeout" ? "agent" : "transform", output: 1, [field]: text }),
    outcome: ANSWERED,
  })),
  {
    name: "a text of a definition with an opened hint of 100,000 spaces",
    as: "viewer",
    send: () => checkStep({ id: "a", type: "transform", output: "steps.a {{" + " ".repeat(100_000) }),
    outcome: ANSWERED,
  },
  {
    name: "a pattern of very many instructions over a long text",
    as: "operator",
    send: () =>
      compute("${ input.s.matches('(?i)([a-b]{0,500}){2}z') }", { s: list(100_000, (index) => "ab"[((index * 7_919) % 13) & 1]).join("") }),
    outcome: FAILS,
  },
  {
    name: "a pattern for each of many items",
    as: "operator",
    send: () => compute(`\${ ${numbers(1_000)}.map(n, input.s.matches("(a|b|ab)*c$")) }`, { s: "ab".repeat(20_000) }),
    outcome: FAILS,
  },
  {
    name: "a schema with a pattern of very many instructions",
    as: "operator",
    send: () =>
      run(
        [{ id: "a", type: "transform", output: 1 }],
        list(200, () => "ab".repeat(500)),
        {
          input_schema: { type: "array", items: { type: "string", pattern: "^([a-b]{0,500}){2}z$" } },
        },
      ),
    outcome: ANSWERED,
  },
];

const doubled = (depth: number, keyword: "allOf" | "anyOf" | "oneOf"): object => {
  const ref = (index: number): object => ({ $ref: `#/$defs/a${index}` });
  const defs = Object.fromEntries(list(depth, (index) => [`a${index}`, { [keyword]: [ref(index + 1), ref(index + 1)] }]));
  return { $defs: { ...defs, [`a${depth}`]: {} }, $ref: "#/$defs/a0" };
};
const withSchema = (schema: object, input: unknown): Sent =>
  run([{ id: "a", type: "transform", output: 1 }], input, { input_schema: schema });

/** Schemas that take longer than they look. */
const schemas: readonly Hostile[] = [
  ...(["allOf", "anyOf", "oneOf"] as const).map((keyword): Hostile => ({
    name: `a schema whose ${keyword} refers twice to the next, twenty-two times`,
    as: "viewer",
    send: () => check({ input_schema: doubled(22, keyword), steps: [{ id: "a", type: "transform", output: 1 }] }),
    outcome: ANSWERED,
  })),
  {
    name: "a schema of 3,000 alternatives for 6,000 items",
    as: "operator",
    send: () =>
      withSchema(
        { type: "array", items: { oneOf: list(3_000, (value) => ({ const: value })) } },
        list(6_000, (index) => index % 3_000),
      ),
    outcome: ANSWERED,
  },
  {
    name: "a schema of 2,000 patterns for 5,000 members",
    as: "operator",
    send: () =>
      withSchema(
        { patternProperties: Object.fromEntries(list(2_000, (index) => [`^x${index}`, { type: "number" }])) },
        Object.fromEntries(list(5_000, (index) => [`y${index}`, index])),
      ),
    outcome: ANSWERED,
  },
  {
    name: "a schema that wants 30,000 objects to be unique",
    as: "operator",
    send: () =>
      withSchema(
        { uniqueItems: true },
        list(30_000, (index) => ({ a: { b: [index] } })),
      ),
    outcome: ANSWERED,
  },
  {
    name: "a schema that refers to itself",
    as: "operator",
    send: () => withSchema({ $ref: "#" }, {}),
    outcome: ANSWERED,
  },
  {
    name: "a schema that fails at every leaf of a long list",
    as: "operator",
    send: () =>
      withSchema(
        { type: "array", items: { anyOf: list(50, () => ({ type: "string", minLength: 3 })) } },
        list(20_000, (index) => index),
      ),
    outcome: ANSWERED,
  },
];

const nest = (levels: number): Sent =>
  run([
    {
      id: "r",
      type: "repeat",
      max: levels,
      steps: [{ id: "x", type: "transform", output: ["${ previous }"] }],
      output: "${ steps.x.output }",
    },
  ]);

/** Values that nest, are copied, or are many. */
const values: readonly Hostile[] = [
  { name: "a value that a step nests 4,500 deep", as: "operator", send: () => nest(4_500), outcome: FAILS },
  {
    name: "a value that an expression nests",
    as: "operator",
    send: () => compute(`\${ [1]${".map(x, [[[[x]]]])".repeat(40)} }`),
    outcome: FAILS,
  },
  {
    name: "a list of 1,500 references to a megabyte",
    as: "operator",
    send: () =>
      compute(
        list(1_500, () => "${ input.s }"),
        { s: "a".repeat(1_048_576) },
      ),
    outcome: FAILS,
  },
  {
    name: "an object of 10,000 references to a megabyte",
    as: "operator",
    send: () => compute(Object.fromEntries(list(10_000, (index) => [`m${index}`, "${ input.s }"])), { s: "a".repeat(1_048_576) }),
    outcome: FAILS,
  },
  {
    name: "a text that has a megabyte in it a thousand times",
    as: "operator",
    send: () => compute("${ input.s }".repeat(1_000), { s: "a".repeat(1_048_576) }),
    outcome: FAILS,
  },
  {
    name: "sixty steps that pass fifteen megabytes on",
    as: "operator",
    send: () =>
      run(
        list(60, (index) => ({ id: `s${index}`, type: "transform", output: ["${ input.s }", index] })),
        { s: "a".repeat(15 * 1_048_576) },
      ),
    outcome: { answers: [200, 202, 413] },
  },
  {
    name: "5.4 million empty objects",
    as: "operator",
    send: () => ({ method: "POST", path: "/tasks", body: `{"type":"simple","input":[${"{},".repeat(5_400_000)}{}]}` }),
    outcome: REFUSED,
  },
  {
    name: "2.7 million lists in lists",
    as: "operator",
    send: () => ({ method: "POST", path: "/tasks", body: `{"type":"simple","input":[${"[[]],".repeat(2_700_000)}1]}` }),
    outcome: REFUSED,
  },
  {
    name: "a million fields of a step that it does not have",
    as: "operator",
    send: () => ({
      method: "POST",
      path: "/tasks",
      body: `{"workflow":{"steps":[{"id":"a","type":"transform","output":1,${list(1_000_000, (index) => `"k${index}":1`).join(",")}}]},"input":1}`,
    }),
    outcome: REFUSED,
  },
  {
    name: "300,000 steps that are none",
    as: "operator",
    send: () => ({
      method: "POST",
      path: "/tasks",
      body: `{"workflow":{"steps":[${list(300_000, () => '{"x":1}').join(",")}]},"input":1}`,
    }),
    outcome: REFUSED,
  },
  {
    name: "a body that nests a million deep",
    as: "operator",
    send: () => ({ method: "POST", path: "/tasks", body: `{"type":"simple","input":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}` }),
    outcome: REFUSED,
  },
  {
    name: "YAML whose aliases name aliases",
    as: "viewer",
    send: () => ({
      method: "POST",
      path: "/workflows/validate",
      type: "application/yaml",
      body: [
        "a0: &a0 [1,1,1,1,1,1,1,1,1]",
        ...list(12, (index) => `a${index + 1}: &a${index + 1} [${list(9, () => `*a${index}`).join(",")}]`),
      ].join("\n"),
    }),
    outcome: ANSWERED,
  },
  {
    name: "YAML with 200,000 members",
    as: "viewer",
    send: () => ({
      method: "POST",
      path: "/workflows/validate",
      type: "application/yaml",
      body: list(200_000, (index) => `k${index}: 1`).join("\n"),
    }),
    outcome: ANSWERED,
  },
];

/** Those who have no key. */
const strangers: readonly Hostile[] = [
  {
    name: "fifteen megabytes to a callback that nobody made",
    as: "nobody",
    send: () => ({ method: "POST", path: "/callbacks/nonsense/complete", body: `{"output":"${"a".repeat(15 * 1_048_576)}"}` }),
    outcome: { refused: [401, 403, 404] },
  },
  {
    name: "fifteen megabytes of a task",
    as: "nobody",
    send: () => ({ method: "POST", path: "/tasks", body: `{"type":"simple","input":"${"a".repeat(15 * 1_048_576)}"}` }),
    outcome: { refused: [401] },
  },
  { name: "what is no JSON", as: "nobody", send: () => ({ method: "POST", path: "/tasks", body: "{" }), outcome: { refused: [401] } },
];

export const HOSTILE: readonly Hostile[] = [...expressions, ...patterns, ...schemas, ...values, ...strangers];
