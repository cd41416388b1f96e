/**
 * What is known of a workflow's values before it runs: its input, and what follows from that alone. Whatever an agent
 * answers is unknown, and so is what is made of it.
 *
 * K1. An expression that touches something unknown is unknown. Nothing is guessed here; who asks may assume something.
 * K2. The same question about the same values is asked once, in however many runs: values are told apart by identity, and
 *     those that the engine puts together get the one of their kind (`#canonical`).
 * K3. Asking is bounded: once it has cost `LIMITS.estimateIterations`, everything else is unknown.
 */
import { stepsOfLast, type Expression, type Scope, type StepReading } from "../language/expressions/expression.ts";
import type { Template } from "../language/expressions/template.ts";
import type { StepKind } from "../language/kinds/table.ts";
import { canonicalJson, isJsonObject, type Json } from "../shared/json.ts";
import type { Result } from "../shared/result.ts";
import { LIMITS } from "./limits.ts";

/** Stands for a value that only running the workflow would tell, wherever the engine keeps and passes on values. */
class Unknown {
  /** What it depends on, in words. */
  readonly of: string;

  constructor(of: string) {
    this.of = of;
  }

  toJSON(): string {
    return `not known: ${this.of}`;
  }
}

export const unknownValue = (of: string): Json => new Unknown(of) as unknown as Json;
const isUnknown = (value: unknown): value is Unknown => value instanceof Unknown;

export type Answer =
  | { readonly type: "known"; readonly value: Json }
  | { readonly type: "unknown"; readonly of: string }
  | { readonly type: "failed"; readonly message: string };

/** An expression of the workflow, or a template. */
export interface Question {
  readonly names: readonly string[];
  readonly steps: readonly { readonly id: string; readonly kind: StepKind | undefined }[];
  readonly evaluate: (scope: Scope) => Result<Json, string>;
  readonly answers: Level;
}

/** Answers by the values that they follow from, one after the other. */
type Level = Map<unknown, Level | Answer>;

/** `kindOf`: what kind of step an expression in this place reads. */
export function questionOf(asked: Expression | Template, kindOf: (id: string) => StepKind | undefined): Question {
  const parts = "expressions" in asked ? asked.expressions.map(({ expression }) => expression) : [asked];
  const ids = [...new Set(parts.flatMap(({ steps }) => steps.map(({ id }) => id)))];
  return {
    names: [...new Set(parts.flatMap(({ names }) => [...names]))],
    steps: ids.map((id) => ({ id, kind: kindOf(id) })),
    evaluate: "expressions" in asked ? (scope) => asked.evaluate(() => scope) : (scope) => asked.evaluate(scope),
    answers: new Map(),
  };
}

/** What an expression sees before any step has settled: of names, those that are given. */
export function scopeAtStart(names: { readonly [name: string]: Json }, question: Question): Scope {
  const steps = Object.fromEntries(
    question.steps.map(({ id }) => [id, { status: "pending", output: unknownValue(`steps.${id}.output`), error: null }]),
  );
  const others = question.names.map((name) => [name, Object.hasOwn(names, name) ? names[name] : unknownValue(name)]);
  return { ...Object.fromEntries(others), steps } as Scope;
}

export class Knowledge {
  #spent = 0;
  /** Somebody wants to know the values that an expression starts from, or evaluates it. */
  #isReading = false;
  #isEvaluating = false;
  readonly #lists = new Map<number, Json>();
  readonly #decisions = new Map<unknown, Json>();
  readonly #canonical = new WeakMap<object, Json>();
  readonly #kinds: Level = new Map();
  readonly #texts = new WeakMap<object, string | null>();
  readonly #unknowns = new Map<string, unknown>();

  /** What is handed in as a whole is told apart from everything else. */
  given(value: Json): Json {
    if (typeof value === "object" && value !== null) this.#canonical.set(value, value);
    return value;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** While `read` runs, the engine reads values for somebody else. */
  reading<T>(read: () => T): T {
    const before = this.#isReading;
    this.#isReading = true;
    try {
      return read();
    } finally {
      this.#isReading = before;
    }
  }

  get isExhausted(): boolean {
    return this.#spent > LIMITS.estimateIterations;
  }

  ask(question: Question, scope: Scope): Answer {
    const { names, steps } = question;
    const values: unknown[] = [];
    this.reading(() => {
      for (const name of names) values.push(name === "task" ? TASK : this.#canonicalOf(scope[name] as Json));
      for (const { id, kind } of steps) {
        const { status, output } = scope.steps[id] ?? PENDING;
        values.push(status, status === "completed" ? this.#seenOf(kind, id, output) : null);
      }
    });
    let level = question.answers;
    for (const value of values) {
      const next = level.get(value) as Level | undefined;
      if (next !== undefined) level = next;
      else level.set(value, (level = new Map()));
    }
    let answer = level.get(ANSWER) as Answer | undefined;
    if (answer === undefined) level.set(ANSWER, (answer = this.isExhausted ? EXHAUSTED : this.#evaluate(question, values)));
    return answer;
  }

  /** The same for equal values; `null` where a part is not known. */
  textOf(value: Json): string | null {
    if (typeof value !== "object" || value === null) return isUnknown(value) ? null : JSON.stringify(value);
    let text = this.#texts.get(value);
    if (text === undefined) this.#texts.set(value, (text = isWhole(value) ? canonicalJson(value) : null));
    return text;
  }

  #evaluate({ names, steps, evaluate }: Question, values: readonly unknown[]): Answer {
    let missing: string | null = null;
    const touch = (value: unknown): Json => {
      if (!isUnknown(value)) return value as Json;
      missing ??= value.of;
      throw new Error(value.of);
    };
    const readings: Record<string, StepReading> = {};
    steps.forEach(({ id }, index) => {
      const [status, output] = [values[names.length + 2 * index] as string, values[names.length + 2 * index + 1]];
      const error = status === "failed" ? new Unknown(`why ${id} fails`) : null;
      const reading = {
        status,
        get output() {
          return touch(output);
        },
        get error() {
          return touch(error);
        },
      };
      Object.defineProperty(readings, id, { enumerable: true, value: reading });
    });
    const scope = { steps: readings } as unknown as Scope;
    names.forEach((name, index) => Object.defineProperty(scope, name, { get: () => touch(values[index]), enumerable: true }));
    this.#isEvaluating = true;
    const result = evaluate(scope);
    this.#isEvaluating = false;
    this.#spent += ANSWER_WEIGHT + stepsOfLast / STEPS_OF_PASS;
    if (missing !== null) return { type: "unknown", of: missing };
    if (!result.ok) return unknownInside(result.error) ?? { type: "failed", message: result.error };
    // Making a large value takes as long as a loop does.
    this.#spent += weightOf(result.value);
    return isUnknown(result.value) ? { type: "unknown", of: result.value.of } : { type: "known", value: this.given(result.value) };
  }

  /** Of what a step came to: of people's answers only the decision, of a wait nothing, since runs differ in that. */
  #seenOf(kind: StepKind | undefined, id: string, output: Json): unknown {
    if (kind === "wait") return this.#canonicalOf(unknownValue(`steps.${id}.output`));
    if (kind !== "approval" || !isJsonObject(output) || !Object.hasOwn(output, "decision")) return this.#canonicalOf(output);
    const { decision } = output;
    return memoized(this.#decisions, decision, () => {
      const others = Object.fromEntries(["payload", "decided_by", "comment"].map((name) => [name, unknownValue("what people decide")]));
      return this.given(this.#partlyKnown({ decision, ...others } as Json));
    });
  }

  /** Values that are the same are one, so that what was found out of one holds for the other. */
  #canonicalOf(value: Json): unknown {
    if (isUnknown(value)) return memoized(this.#unknowns, value.of, () => value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.#canonical.get(value);
    if (known !== undefined) return known;
    const found = this.#found(value);
    this.#canonical.set(value, found);
    return found;
  }

  #found(value: Json): Json {
    // Which items of a list fail differs from run to run: of one whose items are not known, the length is.
    if (Array.isArray(value) && value.some(isUnknown)) return this.#listOf(value.length);
    const members = Object.entries(value as object).map(([name, member]) => [name, this.#canonicalOf(member as Json)] as const);
    let level = this.#kinds;
    for (const part of [Array.isArray(value), ...members.flat()]) {
      const next = level.get(part) as Level | undefined;
      if (next !== undefined) level = next;
      else level.set(part, (level = new Map()));
    }
    const before = level.get(ANSWER) as Extract<Answer, { readonly type: "known" }> | undefined;
    if (before !== undefined) return before.value;
    this.#spent += ANSWER_WEIGHT * (1 + members.length);
    const made = Array.isArray(value) ? members.map(([, member]) => member) : Object.fromEntries(members);
    const found = this.isExhausted ? unknownValue("more than an estimate works out") : this.given(this.#partlyKnown(made as Json));
    level.set(ANSWER, { type: "known", value: found });
    return found;
  }

  /** A list of which only the length is known. */
  #listOf(length: number): Json {
    return memoized(this.#lists, length, () => this.given(this.#partlyKnown(Array.from({ length }, () => ITEM))));
  }

  /** A value made here, whose parts may be unknown: no expression touches those, while the engine passes them on. */
  #partlyKnown(value: Json): Json {
    for (const [name, member] of Object.entries(value as { readonly [name: string]: Json })) {
      if (!isUnknown(member)) continue;
      const get = (): Json => {
        if (this.#isEvaluating) throw new Error(MARK + member.of);
        return member;
      };
      Object.defineProperty(value, name, { get, enumerable: true });
    }
    return value;
  }
}

const ANSWER = Symbol("answer");
const PENDING: StepReading = { status: "pending", output: null, error: null };
const TASK = new Unknown("task");
const ITEM = unknownValue("what a map comes to");
const EXHAUSTED: Answer = { type: "unknown", of: "more than an estimate works out" };

/** Every answer is kept, and keeping is what costs most: so no more than a few hundred thousand are. */
const ANSWER_WEIGHT = 10;
/** Steps of an evaluation that take as long as one part of a value. */
const STEPS_OF_PASS = 4;

function memoized<K, V>(values: Map<K, V>, key: K, make: () => V): V {
  let value = values.get(key);
  if (value === undefined) values.set(key, (value = make()));
  return value;
}

const MARK = "not known before it runs: ";

function unknownInside(message: string): Answer | null {
  const at = message.indexOf(MARK);
  return at === -1 ? null : { type: "unknown", of: message.slice(at + MARK.length) };
}

function isWhole(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return !isUnknown(value) && Object.values(value).every(isWhole);
}

/** Parts of a value, counted no further than to a bound. */
function weightOf(value: Json): number {
  const pending: unknown[] = [value];
  let weight = 0;
  while (pending.length > 0 && weight < LIMITS.estimateIterations) {
    const part = pending.pop();
    weight += typeof part === "string" ? 1 + part.length / 64 : 1;
    if (typeof part === "object" && part !== null && !isUnknown(part)) for (const member of Object.values(part)) pending.push(member);
  }
  return weight;
}
