/** How many tasks run at once under one key: as a workflow or a submission says it, and as a task has it. */
import { z } from "zod";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { expression } from "./definition-words.ts";
import { compileExpression, type Expression, type ExpressionProblem } from "./expressions/expression.ts";
import type { Rules } from "./rules.ts";

export const concurrencyDefinition = z.strictObject({
  /** CEL over `input` and `task`: tasks of the same key share the places. The workflow's name unless said. */
  key: expression.optional(),
  limit: z.int().min(1).max(LIMITS.gateLimit),
  /** What becomes of a task that finds no place; it waits unless said. */
  overlap: z.enum(["queue", "reject", "cancel_previous", "return_existing"]).optional(),
  /** What becomes of a task that has not begun when one that was submitted later has; it runs unless said. */
  outdated: z.enum(["run", "cancel"]).optional(),
});
export type ConcurrencyDefinition = z.infer<typeof concurrencyDefinition>;

/** PERSISTED, in `task.created`. Tasks of a tenant under one key; `overlap`: what becomes of one that finds no place. */
export interface GateTerms {
  readonly key: string;
  readonly limit: number;
  readonly overlap: "queue" | "reject" | "cancel_previous" | "return_existing";
  /** It does not begin after one of its key that was submitted later. */
  readonly outdated?: "cancel";
}

export interface Concurrency {
  readonly key: Expression | null;
  readonly limit: number;
  readonly overlap: GateTerms["overlap"];
  readonly outdated: "run" | "cancel";
}

export function compileConcurrency(
  { key, limit, overlap = "queue", outdated = "run" }: ConcurrencyDefinition,
  rules: Rules,
): Result<Concurrency, readonly ExpressionProblem[]> {
  const compiled = key === undefined ? ok(null) : compileKey(key, rules);
  return compiled.ok ? ok({ key: compiled.value, limit, overlap, outdated }) : compiled;
}

/** An expression that names what a task belongs with: it is evaluated before the task begins. */
export function compileKey(written: string, rules: Rules): Result<Expression, readonly ExpressionProblem[]> {
  const compiled = compileExpression(written, "any", rules);
  if (!compiled.ok || compiled.value.steps.length === 0) return compiled;
  return err([{ code: "unknown_reference", message: `in "${written}": a key is made before any step, of input and task alone` }]);
}

/** What is known of a task before it is created. */
export interface TaskToBe {
  readonly task: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly input: Json;
  readonly priority: number;
  readonly tags: readonly string[];
}

export function gateOf({ key, limit, overlap, outdated }: Concurrency, of: TaskToBe): Result<GateTerms, string> {
  const text = key === null ? nameOf(of) : keyFrom(key, of);
  return text.ok ? ok({ key: text.value, limit, overlap, ...(outdated === "cancel" && { outdated }) }) : text;
}

export function keyFrom(key: Expression, { task, type, workflow, input, priority, tags }: TaskToBe): Result<string, string> {
  const value = key.evaluate({ input, task: { id: task, type, workflow, priority, tags: [...tags] }, steps: {} });
  if (!value.ok) return value;
  const text = typeof value.value === "string" ? value.value : JSON.stringify(value.value);
  if (typeof value.value === "object" || text === "")
    return err(`in "${key.source}": expected a text, a number or a boolean, got ${text.slice(0, 100) || "nothing"}`);
  return text.length <= LIMITS.gateKeyLength ? ok(text) : err(`in "${key.source}": a key has at most ${LIMITS.gateKeyLength} characters`);
}

function nameOf({ workflow: { name } }: TaskToBe): Result<string, string> {
  return name === null ? err("a workflow without a name needs a key") : ok(name);
}
