/**
 * What is known of a workflow's values before it runs: its input, and what follows from that alone. Whatever an agent
 * answers is unknown, and so is what is made of it.
 *
 * K1. An expression that touches something unknown is unknown. Nothing is guessed here; who asks may assume something.
 * K2. The same question about the same things is asked once, in however many runs.
 * K3. Asking is bounded: once it has cost `LIMITS.estimateIterations`, everything else is unknown.
 */
import { iterationsOfLast } from "../language/expressions/cel.ts";
import type { Expression, Scope, StepReading } from "../language/expressions/expression.ts";
import type { Read } from "../language/reads.ts";
import type { Template } from "../language/expressions/template.ts";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import type { Result } from "../shared/result.ts";

export type Answer =
  /** `serial` names the value: equal ones may have different names. */
  | { readonly type: "known"; readonly value: Json; readonly serial: number }
  /** `of`: what it depends on, in words. */
  | { readonly type: "unknown"; readonly of: string }
  | { readonly type: "failed"; readonly message: string };

export const unknown = (of: string): Answer => ({ type: "unknown", of });

/** How a step looks to an expression. */
export interface Reading {
  readonly status: StepReading["status"];
  readonly output: Answer;
}

/** An expression of the workflow that the estimate wants to know the value of. */
export interface Question {
  /** The field that it stands in. */
  readonly field: string;
  readonly reads: readonly Read[];
  readonly names: ReadonlySet<string>;
  readonly evaluate: (scope: Scope) => Result<Json, string>;
  readonly answers: Map<string, Answer>;
}

/** `reads`: where all steps are found that may be read there. */
export function questionOf(field: string, asked: Expression | Template, reads: readonly Read[]): Question {
  const parts = "expressions" in asked ? asked.expressions.map(({ expression }) => expression) : [asked];
  const ids = new Set(parts.flatMap(({ steps }) => steps.map(({ id }) => id)));
  return {
    field,
    reads: reads.filter(({ id }) => ids.has(id)),
    names: new Set(parts.flatMap(({ names }) => [...names])),
    evaluate: "expressions" in asked ? (scope) => asked.evaluate(() => scope) : (scope) => asked.evaluate(scope),
    answers: new Map(),
  };
}

/** Names that expressions start from, in a block and those around it. */
export class Surrounding {
  readonly id: number;
  readonly outer: Surrounding | null;
  readonly names: { readonly [name: string]: Answer };
  readonly #inner = new Map<string, Surrounding>();

  constructor(id: number, outer: Surrounding | null, names: { readonly [name: string]: Answer }) {
    this.id = id;
    this.outer = outer;
    this.names = names;
  }

  /** That of a branch: made once. */
  within(key: string, make: () => Surrounding): Surrounding {
    let inner = this.#inner.get(key);
    if (inner === undefined) this.#inner.set(key, (inner = make()));
    return inner;
  }

  find(name: string): Answer {
    const found = Object.hasOwn(this.names, name) ? this.names[name] : undefined;
    return found ?? this.outer?.find(name) ?? unknown(name);
  }
}

export class Knowledge {
  readonly nothing = NOTHING;
  #serials = 0;
  #surroundings = 0;
  #spent = 0;
  readonly #lists = new Map<number, Answer>();
  readonly #decisions = new Map<string, Answer>();

  known(value: Json): Answer {
    return { type: "known", value, serial: ++this.#serials };
  }

  /** A list of which only the length is known. */
  listOf(length: number): Answer {
    return memoized(this.#lists, length, () => this.known(partlyKnown(length, "what a map comes to")));
  }

  /** What people decided; nothing else of it is known. */
  decision(decision: "approve" | "reject"): Answer {
    const others = ["payload", "decided_by", "comment"];
    return memoized(this.#decisions, decision, () => this.known(withUnknown({ decision }, others, "what people decide")));
  }

  surrounding(outer: Surrounding | null, names: { readonly [name: string]: Answer }): Surrounding {
    return new Surrounding(++this.#surroundings, outer, names);
  }

  /** Whether so much was asked that nothing more is. */
  get isExhausted(): boolean {
    return this.#spent > LIMITS.estimateIterations;
  }

  ask(question: Question, at: Surrounding, readingOf: (read: Read) => Reading): Answer {
    const readings = question.reads.map(readingOf);
    const key = keyOf(at, readings);
    const before = question.answers.get(key);
    if (before !== undefined) return before;
    const answer = this.isExhausted ? unknown("more than an estimate works out") : this.#evaluate(question, at, readings);
    question.answers.set(key, answer);
    return answer;
  }

  #evaluate(question: Question, at: Surrounding, readings: readonly Reading[]): Answer {
    let missing: string | null = null;
    const value = (answer: Answer): Json => {
      if (answer.type === "known") return answer.value;
      missing = answer.type === "unknown" ? answer.of : "what fails";
      throw new Error(missing);
    };
    const steps: Record<string, StepReading> = {};
    question.reads.forEach(({ id }, index) => {
      const { status, output } = readings[index] as Reading;
      const error = status === "failed" ? unknown(`why ${id} fails`) : NOTHING;
      Object.defineProperty(steps, id, {
        enumerable: true,
        value: {
          status,
          get output() {
            return value(output);
          },
          get error() {
            return value(error);
          },
        },
      });
    });
    const scope = { steps } as unknown as Scope;
    for (const name of question.names) Object.defineProperty(scope, name, { get: () => value(at.find(name)), enumerable: true });
    const result = question.evaluate(scope);
    const iterations = iterationsOfLast();
    this.#spent += ANSWER_WEIGHT + iterations;
    if (missing !== null) return unknown(missing);
    if (!result.ok) return unknownInside(result.error) ?? { type: "failed", message: result.error };
    // Making a large value takes as long as a loop does.
    this.#spent += weightOf(result.value, LIMITS.estimateIterations);
    return this.known(result.value);
  }
}

/** Every answer is kept, and keeping is what costs most: so no more than a few hundred thousand are. */
const ANSWER_WEIGHT = 10;

function memoized<K, V>(values: Map<K, V>, key: K, make: () => V): V {
  let value = values.get(key);
  if (value === undefined) values.set(key, (value = make()));
  return value;
}

/** Values whose parts may be unknown: a list whose length is known, and things of which some members are. */
function partlyKnown(length: number, of: string): readonly Json[] {
  const list: Json[] = [];
  list.length = length;
  for (let index = 0; index < length; index++) Object.defineProperty(list, index, { get: () => touched(of), enumerable: true });
  partly.add(list);
  return list;
}

function withUnknown(members: { readonly [name: string]: Json }, names: readonly string[], of: string): Json {
  const value = { ...members };
  for (const name of names) Object.defineProperty(value, name, { get: () => touched(of), enumerable: true });
  partly.add(value);
  return value;
}

/** Their parts must not be touched without need. */
const partly = new WeakSet<object>();

const MARK = "not known before it runs: ";

function touched(of: string): never {
  throw new Error(MARK + of);
}

function unknownInside(message: string): Answer | null {
  const at = message.indexOf(MARK);
  return at === -1 ? null : unknown(message.slice(at + MARK.length));
}

const NOTHING: Answer = { type: "known", value: null, serial: 0 };

function keyOf(at: Surrounding, readings: readonly Reading[]): string {
  let key = String(at.id);
  for (const { status, output } of readings) key += `;${status}${output.type === "known" ? output.serial : ""}`;
  return key;
}

/** Parts of a value, counted no further than to a bound. */
function weightOf(value: Json, bound: number): number {
  const pending: Json[] = [value];
  let weight = 0;
  while (pending.length > 0 && weight < bound) {
    const part = pending.pop() as Json;
    weight += typeof part === "string" ? 1 + part.length / 64 : 1;
    if (typeof part === "object" && part !== null && !partly.has(part)) for (const member of Object.values(part)) pending.push(member);
  }
  return weight;
}
