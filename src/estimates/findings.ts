/** What comes up while an estimate is made: what it assumed, and what its reader should know. Each thing once. */
import type { Assumption, Notes, StepAssumption } from "./assumptions.ts";
import type { Answer } from "./known.ts";
import type { Failure } from "../engine/facts/failure.ts";
import type { Pool } from "./pool.ts";
import { LIMITS } from "./limits.ts";

export type WarningCode =
  /** Nobody offers what a step asks for, or nobody who does may be asked now. */
  | "no_agent"
  /** An expression fails with this input. */
  | "expression_error"
  | "too_many_steps"
  /** Even the cheapest way through costs more. */
  | "budget_too_small"
  /** No run stayed within it. */
  | "over_budget"
  | "never_completes"
  /** The workflow is so large that fewer runs were simulated than asked for. */
  | "fewer_runs";

export interface Warning {
  readonly code: WarningCode;
  readonly step?: string;
  readonly message: string;
}

export class Findings {
  readonly notes: Notes;
  readonly #assume: { readonly [step: string]: StepAssumption };
  readonly #warnings = new Map<string, Warning>();

  constructor(notes: Notes, assume: { readonly [step: string]: StepAssumption }) {
    this.notes = notes;
    this.#assume = assume;
  }

  assumed(step: string, field: keyof StepAssumption, value: Assumption["value"], why: Answer | string): void {
    if (this.notes.has(step, field)) return;
    const given = Object.hasOwn(this.#assume, step) && this.#assume[step]?.[field] !== undefined;
    this.notes.add({ step, field, value, why: typeof why === "string" ? why : reasonOf(why), given });
  }

  warn(warning: Warning): void {
    const key = `${warning.code}|${warning.step ?? ""}`;
    if (!this.#warnings.has(key) && this.#warnings.size < LIMITS.estimateNotes) this.#warnings.set(key, warning);
  }

  /** What a step fails with, as far as that is known beforehand. */
  failed(step: string, { code, message }: Failure): void {
    if (code === "expression_error" || code === "not_a_list")
      this.warn({ code: "expression_error", step, message: `It fails with this input: ${message}` });
    if (code === "limit_reached") this.warn({ code: "too_many_steps", step, message });
  }

  /** `count`: how many agents it wants at once. */
  nobody(step: string, count: number, { target, offering, members, ruledOut }: Pool): void {
    const wanted = target.type === "capability" ? `the capability "${target.capability}"` : `agent "${target.agent}"`;
    const [first] = ruledOut;
    const message =
      offering === 0
        ? target.type === "capability"
          ? `Nobody offers ${wanted}`
          : `There is no ${wanted}`
        : members.length > 0
          ? `${members.length} of the ${count} agents wanted at once qualify for ${wanted}`
          : `None of the ${offering} who offer ${wanted} may be asked: ${first === undefined ? "all are ruled out" : `${first.verdict}, ${first.reason}`}`;
    this.warn({ code: "no_agent", step, message: `${message}; the step waits for an agent and then fails` });
  }

  get warnings(): readonly Warning[] {
    return [...this.#warnings.values()];
  }
}

function reasonOf(answer: Answer): string {
  return answer.type === "unknown" ? `depends on ${answer.of}` : "not known before it runs";
}
