/** What the storm submits: tasks of many kinds, made by chance, each with what must come out of it. */
import type { Dice } from "../unit/workflows/plans/dice.ts";

export interface Job {
  readonly kind: string;
  readonly body: object;
  readonly ends: readonly string[];
  /** Of one that completes. */
  readonly output?: unknown;
  /** What somebody has to do meanwhile. */
  readonly needs?: "signal" | "approval" | "cancel";
}

/** The ways to an agent: each adds one to `n`. */
const WAYS = ["inline", "relayed", "queued", "later", "pulled", "flaky"] as const;

/** The server dies often, and a slow machine is no reason to fail. */
const PATIENT = { timeout: "6s", retry: { max_attempts: 30, delay: "100ms", max_delay: "1s" } };

/** Dies with the server each time, and gets no further as long as that is killed. */
export const getsNoFurther = (name: string): Job => ({
  kind: "gets no further",
  body: { workflow: { steps: [{ id: "a", capability: "last", timeout: "2h", retry: { max_attempts: 1 } }] }, input: { name } },
  ends: ["completed"],
});

const add = (way: string, id: string, n: unknown, more: object = {}): object => ({
  id,
  agent: way,
  input: { n, ...(way === "flaky" && { fails: 2 }) },
  ...PATIENT,
  ...more,
});
const outputOf = (step: string): string => `\${ steps.${step}.output.n }`;

type Make = (dice: Dice, n: number, name: string) => Omit<Job, "kind">;

const completes = (body: object, output: unknown, needs?: Job["needs"]): Omit<Job, "kind"> => ({
  body,
  ends: ["completed"],
  output,
  ...(needs && { needs }),
});

const KINDS: Readonly<Record<string, Make>> = {
  chain: (dice, n) => {
    const length = 2 + dice.below(5);
    const steps = Array.from({ length }, (_, index) => add(dice.pick(WAYS), `s${index}`, index === 0 ? n : outputOf(`s${index - 1}`)));
    return completes({ workflow: { steps, output: outputOf(`s${length - 1}`) } }, n + length);
  },
  fan: (dice, n) => {
    const ids = Array.from({ length: 3 + dice.below(8) }, (_, index) => `s${index}`);
    const sum = `\${ ${ids.map((id) => `steps.${id}.output.n`).join(" + ")} }`;
    return completes({ workflow: { steps: ids.map((id) => add(dice.pick(WAYS), id, n)), output: sum } }, ids.length * (n + 1));
  },
  map: (dice, n) => {
    const items = Array.from({ length: 1 + dice.below(8) }, (_, index) => n + index);
    const each = { id: "each", type: "map", over: items, concurrency: 4, steps: [add(dice.pick(WAYS), "one", "${ item }")] };
    return completes(
      { workflow: { steps: [{ ...each, output: outputOf("one") }], output: "${ steps.each.output }" } },
      items.map((item) => item + 1),
    );
  },
  switch: (dice, n) => {
    const steps = [
      {
        id: "which",
        type: "switch",
        cases: [{ when: "input.n % 2 == 0", steps: [add(dice.pick(WAYS), "even", "${ input.n }")], output: outputOf("even") }],
        default: { output: "${ input.n }" },
      },
    ];
    return completes({ workflow: { steps, output: "${ steps.which.output }" }, input: { n } }, n % 2 === 0 ? n + 1 : n);
  },
  repeat: (dice, n) => {
    const times = 2 + dice.below(3);
    const one = add(dice.pick(WAYS), "one", `\${ iteration == 1 ? ${n} : previous.n }`);
    const again = { id: "again", type: "repeat", max: times, steps: [one], output: "${ steps.one.output }" };
    return completes({ workflow: { steps: [again], output: "${ steps.again.output.n }" } }, n + times);
  },
  child: (_, n) => {
    const steps = [{ id: "sub", type: "workflow", workflow: "storm-child", input: { n } }];
    return completes({ workflow: { steps, output: "${ steps.sub.output }" } }, n + 2);
  },
  wait: (dice, n) => {
    const nap = { id: "nap", type: "wait", for: `${1 + dice.below(3)}s` };
    return completes(
      { workflow: { steps: [nap, add("inline", "then-on", n, { needs: ["nap"] })], output: '${ steps["then-on"].output.n }' } },
      n + 1,
    );
  },
  held: (_, n) => completes({ workflow: { steps: [add("inline", "one", n)], output: outputOf("one") }, start_at: "2s" }, n + 1),
  signal: (_, n) => {
    const steps = [{ id: "go", type: "signal", name: "go" }, add("later", "one", "${ steps.go.output }")];
    return completes({ workflow: { steps, output: outputOf("one") }, input: { n } }, n + 1, "signal");
  },
  approval: (_, n) => {
    const steps = [{ id: "ask", type: "approval", title: "May it?" }, add("queued", "one", n, { needs: ["ask"] })];
    return completes({ workflow: { steps, output: outputOf("one") } }, n + 1, "approval");
  },
  cached: (dice) => {
    // Few keys: many want the same at the same time.
    const n = dice.below(5);
    const step = add("inline", "one", n, { cache: { ttl: "1h" } });
    return completes({ workflow: { steps: [step], output: outputOf("one") } }, n + 1);
  },
  gated: (dice, n) => ({
    ...completes(
      { workflow: { steps: [add(dice.pick(WAYS), "one", n)], output: outputOf("one") }, concurrency: { key: '"storm"', limit: 3 } },
      n + 1,
    ),
  }),
  rescued: (_, n) => {
    const step = { id: "one", agent: "refuses", input: { n }, fallback: [{ agent: "later" }], ...PATIENT };
    return completes({ workflow: { steps: [step], output: outputOf("one") } }, n + 1);
  },
  ensemble: (_, n) => {
    const step = { id: "one", capability: "crew", input: { n }, ensemble: { agents: 2, mode: "all" }, ...PATIENT };
    return completes({ workflow: { steps: [step], output: "${ steps.one.output.map(each, each.n) }" } }, [n + 1, n + 1]);
  },
  undone: (dice, n) => ({
    body: {
      workflow: {
        steps: [
          add("inline", "book", n, { compensate: { agent: dice.pick(["inline", "later", "queued"]), input: { n }, ...PATIENT } }),
          { id: "pay", agent: "refuses", input: {}, needs: ["book"], ...PATIENT },
        ],
      },
    },
    ends: ["failed"],
  }),
  ended: (_, n) => {
    const steps = [
      add("inline", "one", n),
      { id: "stop", type: "end", needs: ["one"], output: outputOf("one") },
      { id: "never", type: "signal", name: "never" },
    ];
    return completes({ workflow: { steps } }, n + 1);
  },
  limited: (dice, n) => {
    const steps = ["a", "b", "c"].map((id) => add(dice.pick(WAYS), id, n));
    const sum = "${ steps.a.output.n + steps.b.output.n + steps.c.output.n }";
    return completes({ workflow: { steps, output: sum }, budget: { tokens: 1_000_000 } }, 3 * (n + 1));
  },
  tolerant: (dice, n) => {
    const rest = { ...add("refuses", "one", n), on_error: { output: { n: 0 } } };
    return completes({ workflow: { steps: [rest, add(dice.pick(WAYS), "two", outputOf("one"))], output: outputOf("two") } }, 1);
  },
  chained: (_, n) =>
    completes(
      { workflow: { steps: [add("inline", "one", n)], output: outputOf("one"), on_completed: { workflow: "storm-child", input: { n } } } },
      n + 1,
    ),
  wide: (dice, n) => {
    // Spread over tasks of their own.
    const items = Array.from({ length: dice.chance(0.2) ? 230 : 20 }, () => n);
    const steps = [
      {
        id: "each",
        type: "map",
        over: items,
        steps: [add(dice.pick(["inline", "relayed", "queued"]), "one", "${ item }")],
        output: outputOf("one"),
      },
    ];
    return completes({ workflow: { steps, output: "${ size(steps.each.output) }" } }, items.length);
  },
  canceled: (dice, n) => ({
    body: { workflow: { steps: [add(dice.pick(WAYS), "one", n), { id: "never", type: "signal", name: "never", needs: ["one"] }] } },
    ends: ["canceled"],
    needs: "cancel",
  }),
};

export function jobBy(dice: Dice, name: string): Job {
  const kind = dice.pick(Object.keys(KINDS));
  const make = KINDS[kind] as Make;
  return { kind, ...make(dice, dice.below(1_000), name) };
}

export const CHILD = { steps: [add("later", "a", "${ input.n }"), add("inline", "b", outputOf("a"))], output: outputOf("b") };
