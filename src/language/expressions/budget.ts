/**
 * What one evaluation of an expression may take: steps, which stand for time, and bytes, which stand for what it makes.
 * Both are counted before the work is done, so that no single piece of it is larger than what is left.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import { LIMITS } from "../limits.ts";

/** What all evaluations of a turn have taken; what happens outside of one is not counted. */
let turn: { steps: number } | null = null;

/** Whatever is evaluated while `run` runs is one turn: nobody else is answered meanwhile. A turn in a turn is a part of it. */
export function inTurn<T>(run: () => T): T {
  if (turn !== null) return run();
  turn = { steps: 0 };
  try {
    return run();
  } finally {
    turn = null;
  }
}

/** Work of a turn that is no expression's: writing what one has made. */
export function countInTurn(steps: number): void {
  if (turn !== null) turn.steps += steps;
}

/** It is time that others had theirs. */
export const isTurnOver = (): boolean => turn !== null && turn.steps > LIMITS.turnSteps;

/** It ends the evaluation: no `||` and no `exists()` goes on after it. */
export class BudgetPassed extends EvaluationError {}

export class Budget {
  #steps = 0;
  #bytes = 0;

  get steps(): number {
    return this.#steps;
  }

  spend(steps: number): void {
    this.#steps += steps;
    if (turn !== null) turn.steps += steps;
    if (this.#steps > LIMITS.expressionSteps) {
      throw new BudgetPassed({
        code: "budget",
        message: `The expression takes more than ${LIMITS.expressionSteps} steps; do less in one expression, or let an agent do it`,
      });
    }
  }

  /** Reading through so many characters, or bytes. */
  scan(length: number): void {
    this.spend(1 + Math.floor(length / LIMITS.charactersOfStep));
  }

  /** Looking at so many characters one after the other. */
  walk(length: number): void {
    this.spend(1 + Math.floor(length / LIMITS.charactersOfWalk));
  }

  #make(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > LIMITS.expressionBytes) {
      throw new BudgetPassed({
        code: "budget",
        message: `The expression is too large: it makes values of more than ${LIMITS.expressionBytes} bytes on its way; make less in one expression`,
      });
    }
  }

  /** A text that is made: it may take two bytes for each character. */
  text(length: number): void {
    this.scan(length);
    this.#make(32 + 2 * length);
  }

  bytes(length: number): void {
    this.scan(length);
    this.#make(64 + length);
  }

  list(items: number): void {
    this.scan(items);
    this.#make(32 + 16 * items);
  }

  /** One more in a list that grows. */
  item(): void {
    this.#make(16);
  }

  keys(entries: number): void {
    this.spend(entries * LIMITS.stepsOfKey);
    this.list(entries);
  }

  map(entries: number): void {
    this.spend(1 + entries);
    this.#make(64 + 64 * entries);
  }

  /** Short texts that are cut out of a long one. */
  pieces(count: number): void {
    this.spend(count);
    this.#make(48 * count);
  }
}
