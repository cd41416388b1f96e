/** What is found wrong, or doubtful, while a definition is compiled. */
import type { Fault, RejectionCode } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { blocksIn, stepsIn, type BlockHolder } from "./blocks.ts";
import type { Json, JsonObject } from "../shared/json.ts";
import type { AnyStepDefinition } from "./step-definition.ts";

/** What a whole definition is checked with. */
export class Findings {
  readonly faults: Fault[] = [];
  readonly warnings: Fault[] = [];
  /** Where steps inside others are, by id, for those who look for them outside. */
  readonly ownerById: ReadonlyMap<string, string>;
  steps = 0;
  edges = 0;

  constructor(steps: readonly AnyStepDefinition[]) {
    this.ownerById = ownersIn({ holder: { steps } as unknown as JsonObject, at: "" });
  }

  fault(code: RejectionCode, at: string, message: string, suggestion?: string): void {
    if (this.faults.length >= LIMITS.faults) return;
    this.faults.push({ code, pointer: at, message, ...(suggestion !== undefined && { suggestion }) });
  }

  warn(at: string, message: string): void {
    if (this.warnings.length < LIMITS.faults) this.warnings.push({ code: "invalid_definition", pointer: at, message });
  }
}

function ownersIn(block: BlockHolder, owner?: Json, owners = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const placed of stepsIn(block)) {
    const { id } = placed.step;
    if (owner !== undefined) owners.set(id as string, owner as string);
    for (const inner of blocksIn(placed)) ownersIn(inner, id, owners);
  }
  return owners;
}
