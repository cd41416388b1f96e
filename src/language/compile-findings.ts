/** What is found wrong, or doubtful, while a definition is compiled. */
import type { Fault, RejectionCode } from "../shared/errors.ts";
import type { Doubt, DoubtCode } from "./doubt.ts";
import { LIMITS } from "./limits.ts";
import type { JsonObject } from "../shared/json.ts";
import type { StepHolder } from "./kinds/kind.ts";
import { kindOf } from "./kinds/table.ts";
import type { Rules } from "./rules.ts";
import type { AnyStepDefinition } from "./step-definition.ts";

/** What a whole definition is checked with. */
export class Findings {
  readonly faults: Fault[] = [];
  readonly warnings: Doubt[] = [];
  readonly rules: Rules;
  /** Where steps inside others are, by id, for those who look for them outside. */
  readonly ownerById: ReadonlyMap<string, string>;
  steps = 0;
  edges = 0;

  constructor(steps: readonly AnyStepDefinition[], rules: Rules) {
    this.rules = rules;
    this.ownerById = ownersIn(steps);
  }

  fault(code: RejectionCode, at: string, message: string, suggestion?: string): void {
    if (this.faults.length >= LIMITS.faults) return;
    this.faults.push({ code, pointer: at, message, ...(suggestion !== undefined && { suggestion }) });
  }

  warn(at: string, message: string, code: DoubtCode): void {
    if (this.warnings.length < LIMITS.faults) this.warnings.push({ code, pointer: at, message });
  }
}

function ownersIn(steps: readonly AnyStepDefinition[], owner?: string, owners = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const step of steps) {
    if (owner !== undefined) owners.set(step.id, owner);
    for (const { holder } of kindOf(step.type).blocks?.(step as JsonObject) ?? []) {
      if (holder !== undefined) ownersIn((holder as unknown as StepHolder).steps, step.id, owners);
    }
  }
  return owners;
}
