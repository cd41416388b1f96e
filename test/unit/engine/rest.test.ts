import { describe, expect, test } from "vitest";
import { isTurnOver, inTurn } from "../../../src/language/expressions/budget.ts";
import { compileExpression } from "../../../src/language/expressions/expression.ts";
import { RULES } from "../../../src/language/rules.ts";

const heavy = compileExpression("input.exists(x, input.exists(y, y < 0))", "any", RULES);
const evaluate = (): unknown =>
  heavy.ok && heavy.value.evaluate({ input: Array.from({ length: 2_000 }, (_, index) => index), steps: {}, task: null });

describe("a turn", () => {
  test("is over once its expressions have taken as many steps as others should wait for", () => {
    inTurn(() => {
      evaluate();
      expect(isTurnOver()).toBe(false);
      evaluate();
      inTurn(evaluate);
      expect(isTurnOver()).toBe(true);
    });
    expect(isTurnOver()).toBe(false);
  });
});
