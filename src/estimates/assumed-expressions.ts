/**
 * Expressions as an estimate has the engine evaluate them: what is known is what they say; where they depend on something
 * that is not, what is assumed of the step is drawn, and told.
 */
import type { Expression, Scope } from "../language/expressions/expression.ts";
import type { Template } from "../language/expressions/template.ts";
import type { Json } from "../shared/json.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { isoTime } from "../shared/time.ts";
import { UNKNOWN_KEY } from "./assumed-nodes.ts";
import { rangeText, type Range } from "./assumptions.ts";
import type { Chance } from "./chance.ts";
import type { Findings } from "./findings.ts";
import { unknownValue, type Answer, type Knowledge, type Question } from "./known.ts";

/** The run in which something is asked. */
export interface Present {
  readonly chance: Chance;
  readonly clock: { readonly now: number };
}

type Evaluated = Result<Json, string>;

export class AssumedExpressions {
  /** Set by each run in turn. */
  present: Present | undefined;
  readonly #knowledge: Knowledge;
  readonly #findings: Findings;
  #keys = 0;

  constructor(knowledge: Knowledge, findings: Findings) {
    this.#knowledge = knowledge;
    this.#findings = findings;
  }

  /** The conditions of a switch. All are asked in one scope, one after the other; which holds is found out at the first. */
  cases(cases: readonly Expression[], questions: readonly Question[], assumedCase: number | null, name: string): readonly Expression[] {
    let asked: { readonly scope: Scope; readonly taken: number | string } | undefined;
    const takenIn = (scope: Scope): number | string => {
      if (asked?.scope !== scope) asked = { scope, taken: this.#caseOf(questions, assumedCase, scope, name) };
      return asked.taken;
    };
    return cases.map((when, index) =>
      answering(when, (scope) => {
        const taken = takenIn(scope);
        return typeof taken === "number" ? ok(taken === index) : err(taken);
      }),
    );
  }

  /** The first case that is known to hold, unless one before it may; of those, each as likely as the others. Or why none. */
  #caseOf(questions: readonly Question[], assumedCase: number | null, scope: Scope, name: string): number | string {
    const possible: number[] = [];
    let why: Answer | null = null;
    for (const [index, question] of questions.entries()) {
      const answer = this.#knowledge.ask(question, scope);
      if (answer.type === "failed") return answer.message;
      if (answer.type === "known" && typeof answer.value !== "boolean") return NO_BOOLEAN;
      if (answer.type === "known" && answer.value !== true) continue;
      possible.push(index);
      if (answer.type === "known") break;
      why = answer;
      if (index === questions.length - 1) possible.push(questions.length);
    }
    if (why === null) return possible[0] ?? questions.length;
    const isPossible = assumedCase !== null && possible.includes(assumedCase);
    const value = isPossible ? (assumedCase === questions.length ? "default" : assumedCase) : `${possible.length} ways, each as likely`;
    this.#findings.assumed(name, "case", value, why);
    return isPossible ? assumedCase : (possible[this.#chance.below(possible.length)] ?? questions.length);
  }

  condition(when: Expression, question: Question, name: string, share: number): Expression {
    return answering(when, (scope) => {
      const answer = this.#knowledge.ask(question, scope);
      if (answer.type !== "unknown") return booleanOf(answer);
      this.#findings.assumed(name, "when", share, answer);
      return ok(this.#chance.happens(share));
    });
  }

  /** After each iteration that does not know better, as likely the last as if the number had been drawn beforehand. */
  until(until: Expression, question: Question, name: string, { min, max }: Range): Expression {
    return answering(until, (scope) => {
      const answer = this.#knowledge.ask(question, scope);
      if (answer.type !== "unknown") return booleanOf(answer);
      this.#findings.assumed(name, "iterations", rangeText({ min, max }, "count"), answer);
      const iteration = scope["iteration"] as number;
      return ok(iteration >= max || (iteration >= min && this.#chance.happens(1 / (max - iteration + 1))));
    });
  }

  /** Of a list that is not known only the number of items is drawn, when the step begins; who asks for an item later gets any. */
  list(over: Template, question: Question, name: string, items: Range): Template {
    const list = (length: number): Json => Array.from({ length }, () => unknownValue(`the items of ${name}`));
    const longest = list(items.max);
    const byLength = new Map<number, Json>();
    return rendering(over, (scope) => {
      const answer = this.#knowledge.ask(question, scope());
      if (answer.type === "failed") return err(answer.message);
      if (answer.type === "known") return ok(answer.value);
      if (this.#knowledge.isReading) return ok(longest);
      this.#findings.assumed(name, "items", rangeText(items, "count"), answer);
      const length = items.min + this.#chance.below(items.max - items.min + 1);
      let drawn = byLength.get(length);
      if (drawn === undefined) byLength.set(length, (drawn = list(length)));
      return ok(drawn);
    });
  }

  time(type: "for" | "until", value: Template, question: Question, name: string, takesMs: Range): Template {
    return rendering(value, (scope) => {
      const answer = this.#knowledge.ask(question, scope());
      if (answer.type === "failed") return err(answer.message);
      if (answer.type === "known") return ok(answer.value);
      this.#findings.assumed(name, "takes", rangeText(takesMs, "ms"), answer);
      const ms = Math.round(drawnFrom(takesMs, this.#chance));
      return ok(type === "for" ? `${ms}ms` : isoTime((this.present?.clock.now ?? 0) + ms));
    });
  }

  sticky(sticky: Expression, question: Question): Expression {
    return answering(sticky, (scope) => {
      const answer = this.#knowledge.ask(question, scope);
      return answer.type === "unknown" ? ok(JSON.parse(UNKNOWN_KEY) as Json) : resultOf(answer);
    });
  }

  /** The same text where the same is asked; where that is not known, as if nobody else asked for it. */
  sameKey(question: Question, how: string): Expression {
    return expressionOf((scope): Evaluated => {
      const answer = this.#knowledge.ask(question, scope);
      if (answer.type === "failed") return err(answer.message);
      const text = answer.type === "known" ? this.#knowledge.textOf(answer.value) : null;
      return ok(text === null ? `not known, ${++this.#keys}` : how + text);
    });
  }

  /** A value that others read: where it is not known, it stands for what is not. */
  value(template: Template, question: Question): Template {
    if (question.steps.length + question.names.length === 0) return template;
    return rendering(template, (scope) => resultOf(this.#knowledge.ask(question, scope())));
  }

  get #chance(): Chance {
    if (this.present === undefined) throw new Error("Defect: something is drawn outside of a run");
    return this.present.chance;
  }
}

/** By ratio: from a minute to a day most would last half a day otherwise. */
export function drawnFrom({ min, max }: Range, chance: Chance): number {
  return max <= 0 || min === max ? min : min * (max / Math.max(min, 1)) ** chance.unit();
}

const NO_BOOLEAN = "expected true or false";

function booleanOf(answer: Exclude<Answer, { readonly type: "unknown" }>): Evaluated {
  if (answer.type === "failed") return err(answer.message);
  return typeof answer.value === "boolean" ? ok(answer.value) : err(NO_BOOLEAN);
}

function resultOf(answer: Answer): Evaluated {
  switch (answer.type) {
    case "known":
      return ok(answer.value);
    case "unknown":
      return ok(unknownValue(answer.of));
    case "failed":
      return err(answer.message);
  }
}

const answering = (expression: Expression, evaluate: (scope: Scope) => Evaluated): Expression => ({ ...expression, evaluate });
const rendering = (template: Template, evaluate: (scope: () => Scope) => Evaluated): Template => ({ ...template, evaluate });
export const always = (value: Json): Template => ({ expressions: [], outputOf: null, evaluate: () => ok(value) });
export const expressionOf = (evaluate: (scope: Scope) => Evaluated): Expression => ({
  source: "",
  steps: [],
  names: new Set(),
  paths: [],
  isConstant: false,
  outputOf: null,
  evaluate,
});
