/** What is found wrong, or doubtful, while a definition is compiled. */
import type { Fault, RejectionCode } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import type { StepDefinition, StepList } from "./definition.ts";

/** What a whole definition is checked with. */
export class Findings {
  readonly faults: Fault[] = [];
  readonly warnings: Fault[] = [];
  /** Where steps inside others are, by id, for those who look for them outside. */
  readonly ownerById: ReadonlyMap<string, string>;
  steps = 0;
  edges = 0;

  constructor(steps: StepList) {
    this.ownerById = ownersIn(steps);
  }

  fault(code: RejectionCode, at: string, message: string, suggestion?: string): void {
    if (this.faults.length >= LIMITS.faults) return;
    this.faults.push({ code, pointer: at, message, ...(suggestion !== undefined && { suggestion }) });
  }

  warn(at: string, message: string): void {
    if (this.warnings.length < LIMITS.faults) this.warnings.push({ code: "invalid_definition", pointer: at, message });
  }
}

function ownersIn(steps: StepList, owner?: string, owners = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const step of steps) {
    if (owner !== undefined) owners.set(step.id, owner);
    for (const inner of listsIn(step)) ownersIn(inner, step.id, owners);
  }
  return owners;
}

function listsIn(step: StepDefinition): readonly StepList[] {
  if (step.type === "map" || step.type === "repeat") return [step.steps];
  if (step.type === "switch") return [...step.cases.map(({ steps }) => steps), ...(step.default === undefined ? [] : [step.default.steps])];
  return [];
}
