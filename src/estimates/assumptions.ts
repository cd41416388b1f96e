/**
 * What an estimate assumes where nothing is known: how many items, which way, how long somebody takes. The caller may say
 * better, by step; whatever was assumed in the end is told with the answer.
 */
import { z } from "zod";
import { positiveDuration } from "../language/definition-words.ts";
import type { StepKind } from "../language/kinds/table.ts";
import { LIMITS } from "./limits.ts";
import { durationMs, durationText } from "../shared/time.ts";

const share = z.number().min(0).max(1);
const usd = z.number().min(0).max(1_000_000);
const tokens = z.int().min(0).max(1_000_000_000);

function countUpTo(most: number, least: number) {
  const count = z.int().min(least).max(most);
  const range = z.strictObject({ min: count, max: count }).refine(({ min, max }) => min <= max, "min is larger than max");
  return z.union([count, range], { error: `expected a number from ${least} to ${most}, or {"min", "max"}` });
}

const time = z.union(
  [
    positiveDuration,
    z
      .strictObject({ min: positiveDuration, max: positiveDuration })
      .refine(({ min, max }) => durationMs(min) <= durationMs(max), "min is longer than max"),
  ],
  { error: 'expected a duration such as "2h", or {"min", "max"}' },
);

/** What may be assumed of one step. */
export const stepAssumption = z.strictObject({
  /** Of a map. */
  items: countUpTo(LIMITS.mapItems, 0).optional(),
  /** Of a repeat. */
  iterations: countUpTo(LIMITS.repeatIterations, 1).optional(),
  /** Of a switch: the number of the case, from 0, or the default. */
  case: z.union([z.int().min(0).max(LIMITS.switchCases), z.literal("default")]).optional(),
  /** How often its `when` holds. */
  when: share.optional(),
  /** How long a call, a wait, a signal or people take. */
  takes: time.optional(),
  /** How often people approve. */
  approves: share.optional(),
  /** How often a call succeeds. */
  succeeds: share.optional(),
  /** Of a call. */
  cost_usd: usd.optional(),
  input_tokens: tokens.optional(),
  output_tokens: tokens.optional(),
});
export type StepAssumption = z.infer<typeof stepAssumption>;
export type AssumedField = keyof StepAssumption;

/** The kinds of step that a field says something about. */
export const KINDS_WITH: { readonly [F in AssumedField]: readonly StepKind[] | "all" } = {
  items: ["map"],
  iterations: ["repeat"],
  case: ["switch"],
  when: "all",
  takes: ["agent", "wait", "signal", "approval"],
  approves: ["approval"],
  succeeds: ["agent"],
  cost_usd: ["agent"],
  input_tokens: ["agent"],
  output_tokens: ["agent"],
};

/** What is assumed unless somebody says better. */
export const ASSUMED = {
  items: { min: 5, max: 20 },
  iterations: { min: 1, max: 5 },
  when: 0.5,
  approves: 0.9,
  takes: {
    wait: { min: "1m", max: "10m" },
    signal: { min: "1m", max: "1h" },
    approval: { min: "5m", max: "8h" },
  },
} as const;

/** An assumption as the answer tells it. */
export interface Assumption {
  readonly step?: string;
  readonly agent?: string;
  readonly field: string;
  readonly value: string | number | { readonly min: number | string; readonly max: number | string };
  readonly why: string;
  /** Whether the caller said so. */
  readonly given: boolean;
}

/** Gathers what was assumed: each thing once, and no more than anybody reads. */
export class Notes {
  readonly #notes = new Map<string, Assumption>();

  add(note: Assumption): void {
    if (this.#notes.size < LIMITS.estimateNotes) this.#notes.set(`${note.step ?? ""}|${note.agent ?? ""}|${note.field}`, note);
  }

  has(step: string, field: string): boolean {
    return this.#notes.has(`${step}||${field}`);
  }

  get all(): readonly Assumption[] {
    return [...this.#notes.values()];
  }
}

/** A range, whether it was one number or two. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export function countOf(given: number | Range): Range {
  return typeof given === "number" ? { min: given, max: given } : given;
}

export function timeOf(given: string | { readonly min: string; readonly max: string }): Range {
  return typeof given === "string"
    ? { min: durationMs(given), max: durationMs(given) }
    : { min: durationMs(given.min), max: durationMs(given.max) };
}

/** A range in the words of the answer. */
export function rangeText({ min, max }: Range, unit: "count" | "ms"): Assumption["value"] {
  const text = (value: number): number | string => (unit === "ms" ? durationText(value) : value);
  return min === max ? text(min) : { min: text(min), max: text(max) };
}
