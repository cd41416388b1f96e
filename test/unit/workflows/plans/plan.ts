/**
 * Plans as language models write them: plausible names, every kind of step, blocks inside blocks, expressions over what
 * came before. What is written here is right; `mistakes.ts` makes it wrong.
 */
import { Dice } from "./dice.ts";

export type Step = Record<string, unknown> & { id: string };
export interface Plan extends Record<string, unknown> {
  steps: Step[];
}

/** What a step may read: ids of steps before it, and names that stand for an item. */
interface Seen {
  readonly steps: readonly string[];
  readonly items: readonly string[];
}

export const CAPABILITIES = [
  "research",
  "summarize",
  "translate",
  "classify",
  "extract",
  "score",
  "write",
  "review",
  "notify",
  "publish",
] as const;
const OBJECTS = ["articles", "invoice", "ticket", "report", "email", "customer", "draft", "release", "contract", "order"] as const;

/** For the clock of the scenarios, which starts in 1970. */
const SOON = "1970-01-31T09:00:00Z";

/** What every agent answers, every signal carries and every task is given: so that plans find what they read. */
export const VALUE = {
  items: [
    { id: "i1", name: "first", score: 0.9, text: "one", url: "https://a.example" },
    { id: "i2", name: "second", score: 0.4, text: "two", url: "https://b.example" },
  ],
  summary: "short",
  text: "long",
  category: "billing",
  language: "en",
  score: 0.8,
  count: 2,
  ok: true,
  approved: true,
} as const;

export const INPUT = { ...VALUE, query: "edge", docs: VALUE.items, limit: 3, customer: { name: "Ada", tier: "gold" } } as const;

const CONDITIONS = [".score > 0.5", ".count >= 1", '.category == "billing"', ".ok", '.summary != ""'] as const;
const INPUT_PATHS = ["input.query", "input.limit", "input.customer.name", "input.customer.tier", "input.language"] as const;

export class PlanWriter {
  readonly #dice: Dice;
  readonly #ids = new Set<string>();
  /** Steps whose output is what agents answer. */
  readonly #rich = new Set<string>();

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  plan(): Plan {
    const dice = this.#dice;
    const steps = this.#block(2 + dice.below(5), 0, { steps: [], items: [] });
    const last = (steps.findLast(({ type }) => type !== "end") as Step).id;
    return {
      ...(dice.chance(0.7) && { name: `${dice.pick(OBJECTS)}_flow` }),
      ...(dice.chance(0.4) && { description: "Made from a goal." }),
      ...(dice.chance(0.5) && { input_schema: { type: "object", properties: schemaOf(INPUT) } }),
      ...(dice.chance(0.2) && { deadline: "30d" }),
      steps,
      ...(dice.chance(0.6) && { output: `\${ steps.${last}.output }` }),
    };
  }

  #block(count: number, depth: number, seen: Seen): Step[] {
    const steps: Step[] = [];
    const own: string[] = [];
    for (let index = 0; index < count; index++) {
      const step = this.#step(depth, { ...seen, steps: [...seen.steps, ...own] }, own);
      steps.push(step);
      if (step["type"] !== "end") own.push(step.id);
    }
    return steps;
  }

  #step(depth: number, seen: Seen, own: readonly string[]): Step {
    const dice = this.#dice;
    const kinds = depth < 2 ? KINDS : KINDS.filter((kind) => !["map", "switch", "repeat"].includes(kind));
    const kind = dice.pick(depth === 0 && own.length === 0 ? kinds.filter((one) => one !== "end") : kinds);
    const id = this.#id(kind);
    const common = {
      ...(own.length > 0 && dice.chance(0.6) && { needs: [...new Set([dice.pick(own), dice.pick(own)])] }),
      ...(dice.chance(0.2) && { description: `Handles the ${dice.pick(OBJECTS)}.` }),
      ...(kind !== "end" && own.length > 0 && dice.chance(0.15) && { when: `steps.${dice.pick(own)}.output != null` }),
      ...(dice.chance(0.15) && { on_error: dice.pick(["continue", { output: { ...VALUE } }]) }),
      // What reads them all the same reads nothing of those that were skipped.
      ...(own.length > 0 && dice.chance(0.05) && { run_if: "none_failed" }),
    };
    const body = this.#body(kind, depth, seen, own);
    if (["agent", "signal", "workflow", "transform"].includes(kind)) this.#rich.add(id);
    return kind === "agent" ? { id, ...body, ...common } : { id, type: kind, ...common, ...body };
  }

  #body(kind: (typeof KINDS)[number], depth: number, seen: Seen, own: readonly string[]): Record<string, unknown> {
    const dice = this.#dice;
    switch (kind) {
      case "agent":
        return this.#agent(seen);
      case "map": {
        const as = dice.pick(["item", "doc", "entry"].filter((name) => !seen.items.includes(name)));
        return {
          over: dice.pick(["input.docs", "${ input.items }", ["a", "b"], ...this.#last(seen).map((id) => `steps.${id}.output.items`)]),
          ...(as !== "item" && { as }),
          ...(seen.items.length > 0 && { index: `index_${as}` }),
          steps: this.#block(1 + dice.below(2), depth + 1, { ...seen, items: [...seen.items, as] }),
          concurrency: 5,
          ...(dice.chance(0.3) && { tolerate: dice.pick([1, "50%"]) }),
        };
      }
      case "switch":
        return {
          cases: Array.from({ length: 1 + dice.below(2) }, () => ({
            when: this.#condition(seen),
            steps: this.#block(1, depth + 1, seen),
          })),
          ...(dice.chance(0.7) && { default: { steps: this.#block(1, depth + 1, seen) } }),
        };
      case "repeat": {
        const steps = this.#block(1 + dice.below(2), depth + 1, seen);
        const until = dice.pick(["iteration >= 2", "output != null", "output != null && iteration > 1"]);
        return { max: 3, steps, ...(dice.chance(0.7) && { until }), ...(dice.chance(0.3) && { delay: "10s" }) };
      }
      case "workflow":
        return { workflow: `${dice.pick(OBJECTS)}_flow`, input: { topic: this.#value(seen) } };
      case "wait":
        return dice.chance(0.7) ? { for: dice.pick(["5m", "1h", "30s"]) } : { until: SOON };
      case "signal":
        return { name: dice.pick(["paid", "uploaded", "confirmed"]), ...(dice.chance(0.5) && { match: "signal.ok", timeout: "7d" }) };
      case "approval":
        return {
          title: `Publish ${this.#text(seen)}?`,
          payload: { summary: this.#value(seen) },
          ...(dice.chance(0.4) && { due: "1d", on_expiry: "reject" }),
          ...(dice.chance(0.3) && { assignees: ["role:operator"], quorum: 2 }),
        };
      case "transform":
        return { output: { title: this.#text(seen), value: this.#value(seen), ...VALUE } };
      case "end": {
        const [first] = own;
        const when =
          first === undefined || dice.chance(0.5) ? dice.pick(["input.limit > 100", "input.limit > 2"]) : `steps.${first}.output == null`;
        return dice.chance(0.5)
          ? { when, output: { early: true } }
          : { when, status: "failed", error: { message: `Not good: ${this.#text(seen)}` } };
      }
    }
  }

  #agent(seen: Seen): Record<string, unknown> {
    const dice = this.#dice;
    return {
      ...(dice.chance(0.9) ? { capability: dice.pick(CAPABILITIES) } : { agent: "agent-1" }),
      input: { topic: this.#value(seen), ...(dice.chance(0.4) && { note: this.#text(seen) }) },
      ...(dice.chance(0.2) && { timeout: dice.pick(["30s", "2m"]) }),
      ...(dice.chance(0.2) && { retry: { max_attempts: 3, strategy: "exponential", delay: "1s" } }),
      ...(dice.chance(0.1) && { fallback: [{ capability: dice.pick(CAPABILITIES) }] }),
    };
  }

  /** A value that is there. */
  #value({ steps, items }: Seen): string {
    const dice = this.#dice;
    const [item] = items.slice(-1);
    if (item !== undefined && dice.chance(0.5)) return `\${ ${item} }`;
    if (steps.length === 0 || dice.chance(0.3)) return `\${ ${dice.pick(INPUT_PATHS)} }`;
    const id = dice.pick(steps);
    return `\${ steps.${id}.output${this.#rich.has(id) ? dice.pick(["", ".summary", ".items[0].name", ".items.map(x, x.url)"]) : ""} }`;
  }

  #text(seen: Seen): string {
    return this.#dice.chance(0.5) ? "the result" : `about ${this.#value(seen)}`;
  }

  /** The last step that may be read further into. */
  #last({ steps }: Seen): readonly string[] {
    return steps.filter((id) => this.#rich.has(id)).slice(-1);
  }

  #condition(seen: Seen): string {
    const dice = this.#dice;
    const [id] = this.#last(seen);
    if (id === undefined || dice.chance(0.5))
      return dice.pick(['input.language == "en"', "input.limit > 2", 'input.customer.tier == "gold"']);
    return dice.pick([`steps.${id}.output != null`, `has(steps.${id}.output.score) && steps.${id}.output${dice.pick(CONDITIONS)}`]);
  }

  #id(kind: string): string {
    const dice = this.#dice;
    const verb = kind === "agent" ? dice.pick(CAPABILITIES) : dice.pick(VERBS[kind] ?? ["do"]);
    for (let tries = 0; ; tries++) {
      const id = tries < 5 ? `${verb}_${dice.pick(OBJECTS)}` : `${verb}_${dice.below(10_000)}`;
      if (this.#ids.has(id)) continue;
      this.#ids.add(id);
      return id;
    }
  }
}

const KINDS = [
  ...Array.from({ length: 10 }, () => "agent" as const),
  ...(["map", "map", "switch", "switch", "repeat", "workflow", "wait", "signal", "approval", "transform", "transform", "end"] as const),
];

const VERBS: { readonly [kind: string]: readonly string[] } = {
  map: ["each", "process_all"],
  switch: ["route", "decide"],
  repeat: ["refine", "poll"],
  workflow: ["run", "delegate"],
  wait: ["cool_down", "pause"],
  signal: ["await", "receive"],
  approval: ["approve", "sign_off"],
  transform: ["shape", "merge"],
  end: ["stop", "finish"],
};

function schemaOf(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (Array.isArray(member)) return [name, { type: "array", maxItems: 50, items: { type: "object" } }];
      if (typeof member === "object") return [name, { type: "object", properties: schemaOf(member as object) }];
      return [name, { type: typeof member }];
    }),
  );
}

export function planOf(seed: number): { readonly plan: Plan; readonly dice: Dice } {
  const dice = new Dice(seed);
  return { plan: new PlanWriter(dice).plan(), dice };
}
