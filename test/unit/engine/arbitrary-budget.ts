/** Tasks that may spend a little, and agents that cost something, for properties over all of them. */
import fc from "fast-check";
import { BUDGET_ACTIONS } from "../../../src/language/budget-definition.ts";
import type { Options } from "./scenario.ts";

const budget = fc.record(
  {
    cost_micros: fc.integer({ min: 0, max: 200 }),
    calls: fc.integer({ min: 0, max: 8 }),
    duration_ms: fc.constantFrom(10_000, 100_000),
    on_exhausted: fc.constantFrom(...BUDGET_ACTIONS),
  },
  { requiredKeys: ["on_exhausted"] },
);

export const spending: fc.Arbitrary<Pick<Options, "costs" | "budget">> = fc
  .tuple(fc.constantFrom({}, { agent_1: 40, agent_2: 25, agent_3: 10 }), fc.option(budget, { nil: undefined }))
  .map(([costs, some]) => ({ costs, ...(some !== undefined && { budget: some }) }));
