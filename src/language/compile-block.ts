/**
 * From the steps of a definition to a block: ids resolved where they are visible, expressions compiled, circles refused.
 * A reference from inside a step to one outside makes the outer step a need of the one it is inside of.
 */
import { pointer, segmentsOf, type Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { excerpt, nearest } from "../shared/text.ts";
import { refuseCycle } from "./cycle.ts";
import { valueAt } from "./wording/schema-fields.ts";
import { hintFor } from "./wording/expression-hints.ts";
import type { Findings } from "./compile-findings.ts";
import { compileStep } from "./compile-step.ts";
import { compileExpression, type Expression, type ExpressionProblem } from "./expressions/expression.ts";
import type { Block, StepNode } from "./graph.ts";
import { kindOf } from "./kinds/table.ts";
import { readsOf, type Reads } from "./reads.ts";
import type { AnyStepDefinition } from "./step-definition.ts";
import { compileTemplate, NOTHING, type Template } from "./expressions/template.ts";

/** The step that is being compiled. */
interface Current {
  readonly index: number;
  readonly id: string;
  readonly needs: Set<number>;
  readonly reads: Reads;
  readonly listens: Set<string>;
}

export class BlockCompiler {
  readonly findings: Findings;
  readonly outer: BlockCompiler | null;
  /** Names beside `input`, `steps` and `task`. */
  readonly variables: readonly string[];
  readonly level: number;
  /** Ids of the steps that it is inside of, from outside in. */
  readonly path: readonly string[];
  /** What undoes a step sees it, and makes nobody wait. */
  readonly #undoes: boolean;
  readonly #indexById = new Map<string, number>();
  #current: Current | null = null;
  /** What is read from outside, seen from the block around this one; which names; and whether a step has to stay in the task. */
  readonly escapes: Reads = new Map();
  readonly names = new Set<string>();
  staysInTask = false;
  readonly listens = new Set<string>();

  constructor(findings: Findings, outer: BlockCompiler | null, variables: readonly string[], undoes = false) {
    this.findings = findings;
    this.outer = outer;
    this.path = outer === null ? [] : [...outer.path, outer.#current?.id ?? ""];
    this.variables = variables;
    this.level = outer === null ? 0 : outer.level + 1;
    this.#undoes = undoes;
  }

  /** `at`: JSON Pointer to the list of steps; `output`, if there is one, stands beside it. */
  compile(steps: readonly AnyStepDefinition[], at: string, output: unknown): Block {
    const { findings } = this;
    findings.steps += steps.length;
    if (findings.steps > LIMITS.steps) {
      findings.fault("invalid_definition", at, `a workflow has at most ${LIMITS.steps} steps, those inside others included`);
      return EMPTY;
    }
    if (this.level > LIMITS.nesting) {
      findings.fault("invalid_definition", at, `steps are inside each other at most ${LIMITS.nesting} deep`);
      return EMPTY;
    }
    steps.forEach((step, index) => this.#register(step, index, at));
    const drafts = steps.map((step, index) => this.#draft(step, index, this.#undoes ? at : at + pointer(index)));
    const dependents = drafts.map((): number[] => []);
    for (const { index, needs } of drafts) {
      for (const need of needs) dependents[need]?.push(index);
      findings.edges += needs.size;
    }
    refuseCycle(drafts, dependents, at, findings);
    const outputReads: Reads = new Map();
    const base = at.replace(/\/steps$/, "");
    const compiled = output === undefined ? null : this.template(output as Json, `${base}/output`, outputReads);
    return {
      steps: drafts.map(({ node, needs }, index) => ({ ...node, needs: [...needs], dependents: dependents[index] ?? [] })),
      indexById: this.#indexById,
      sinks: dependents.flatMap((others, index) => (others.length === 0 ? [index] : [])),
      output: compiled,
      outputReads: readsOf(outputReads),
    };
  }

  #register(step: AnyStepDefinition, index: number, at: string): void {
    const place = at + pointer(index, "id");
    if (this.#indexById.has(step.id)) {
      this.findings.fault("duplicate_step_id", place, `"${step.id}" is the id of an earlier step; choose another for one of them`);
      return;
    }
    this.#indexById.set(step.id, index);
    if (this.#undoes) return;
    for (let around = this.outer; around !== null; around = around.outer) {
      if (!around.#indexById.has(step.id)) continue;
      const message = `"${step.id}" is the id of a step outside this block too; choose another, so that steps.${step.id} means one thing`;
      this.findings.fault("duplicate_step_id", place, message);
      return;
    }
  }

  #draft(step: AnyStepDefinition, index: number, at: string) {
    const current: Current = { index, id: step.id, needs: new Set(), reads: new Map(), listens: new Set() };
    this.#current = current;
    if (kindOf(step.type).staysInTask === true || step.compensate !== undefined) this.staysInTask = true;
    const node = compileStep(this, step, index, at, current);
    step.needs?.forEach((id, position) => this.#need(current, id, at + pointer("needs", position)));
    if (current.needs.size === 0 && node.runIf.startsWith("any_")) {
      const message = `"${node.runIf}" can never hold for a step that needs nothing; say in "needs" which steps it is about`;
      this.findings.fault("invalid_definition", `${at}/run_if`, message);
    }
    for (const name of current.listens) this.listens.add(name);
    this.#current = null;
    return { index, id: step.id, needs: current.needs, node: node as StepNode };
  }

  /** The block inside the step that is being compiled. */
  inner(
    steps: readonly AnyStepDefinition[],
    at: string,
    output: unknown,
    variables: readonly string[] = [],
  ): { readonly block: Block; readonly compiler: BlockCompiler } {
    const compiler = new BlockCompiler(this.findings, this, [...new Set([...this.variables, ...variables])]);
    const block = compiler.compile(steps, at, output);
    for (const name of compiler.names) this.names.add(name);
    this.staysInTask ||= compiler.staysInTask;
    for (const name of compiler.listens) this.#current?.listens.add(name);
    return { block, compiler };
  }

  /** What undoes the step that is being compiled: a block of one step. */
  undo(step: AnyStepDefinition, at: string): Block {
    return new BlockCompiler(this.findings, this, this.variables, true).compile([step], at, undefined);
  }

  #need(current: Current, id: string, at: string): void {
    const index = this.#indexById.get(id);
    if (index !== undefined) {
      current.needs.add(index);
      return;
    }
    const refuse = (message: string, suggestion?: string): void => this.findings.fault("unknown_need", at, message, suggestion);
    const owner = this.findings.ownerById.get(id);
    if (this.#find(id) !== null) {
      refuse(`"${id}" is outside this block, which waits for it if an expression refers to it; needs name steps of the same block`);
    } else if (owner !== undefined) {
      const isHere = this.#indexById.has(owner);
      refuse(`"${id}" is inside "${owner}", and only seen there; from here need "${owner}"`, isHere ? owner : undefined);
    } else {
      const { close, text } = this.#otherThan(id, this.#indexById.keys());
      refuse(`no step has the id "${id}"; ${text}`, close ?? undefined);
    }
  }

  /** With the names that only this expression may use. */
  expression(source: string, expected: "any" | "bool", at: string, reads: Reads, names: readonly string[] = []): Expression | null {
    const allowed = names.length === 0 ? this.variables : [...this.variables, ...names];
    const compiled = compileExpression(source, expected, this.findings.rules, allowed);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.#refuseExpression(source, problem, at, allowed);
      return null;
    }
    this.#resolve(compiled.value, at, reads);
    return compiled.value;
  }

  template(source: Json, at: string, reads: Reads, names: readonly string[] = []): Template {
    const allowed = names.length === 0 ? this.variables : [...this.variables, ...names];
    const compiled = compileTemplate(source, this.findings.rules, allowed);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.#refuseExpression(textAt(source, problem.at), problem, at + problem.at, allowed);
      return NOTHING;
    }
    for (const { expression, at: within } of compiled.value.expressions) this.#resolve(expression, at + within, reads);
    return compiled.value;
  }

  #refuseExpression(written: string, problem: ExpressionProblem, at: string, variables: readonly string[]): void {
    if (this.findings.faults.length >= LIMITS.faults) return;
    const isStep = (id: string): boolean => this.#find(id) !== null;
    const { text, suggestion } = hintFor(written, problem, { variables, isStep });
    this.findings.fault(problem.code, at, problem.message + text, suggestion);
  }

  /** Every step that an expression names must exist, and be visible from here. */
  #resolve(expression: Expression, at: string, reads: Reads): void {
    for (const name of expression.names) this.names.add(name);
    for (const { id } of expression.steps) {
      const found = this.#find(id);
      if (found === null) {
        this.#refuseReference(expression, id, at);
        continue;
      }
      reads.set(id, { id, ...found });
      this.#waitFor(id, found, at);
    }
  }

  #find(id: string): { readonly depth: number; readonly index: number } | null {
    const index = this.#indexById.get(id);
    if (index !== undefined) return { depth: 0, index };
    const { outer } = this;
    const outside = outer === null ? null : outer.#find(id);
    return outside && { ...outside, depth: outside.depth + 1 };
  }

  /** Whoever is at work where the step is has to wait for it. */
  #waitFor(id: string, { depth, index }: { readonly depth: number; readonly index: number }, at: string): void {
    const { outer } = this;
    if (depth === 0 || outer === null) {
      this.#current?.needs.add(index);
      return;
    }
    // Seen from the block around, the step is one block nearer.
    const found = { depth: depth - 1, index };
    this.escapes.set(id, { id, ...found });
    if (this.#undoes) return;
    if (found.depth > 0 || outer.#current?.index !== index) return outer.#waitFor(id, found, at);
    this.findings.fault(
      "unknown_reference",
      at,
      `"${id}" is the step that this one is inside of: it has no output yet, only the steps beside this one may have`,
    );
  }

  #refuseReference({ source }: Expression, id: string, at: string): void {
    const place = `in "${excerpt(source, 200)}": `;
    const owner = this.findings.ownerById.get(id);
    if (owner !== undefined) {
      const meant = `${stepPath(owner)}.output`;
      const message = `${place}"${id}" is inside "${owner}", and only seen there; from here read ${meant}`;
      this.findings.fault("inner_reference", at, message, this.#find(owner) === null ? undefined : meant);
      return;
    }
    const { close, text } = this.#otherThan(id, this.#visible());
    const meant = close === null ? source : source.replaceAll(stepPath(id), stepPath(close));
    const suggestion = meant === source ? undefined : meant;
    this.findings.fault("unknown_reference", at, `${place}no step has the id "${id}"; ${text}`, suggestion);
  }

  /** The id that was probably meant, or which there are. Of many faults only the first are worth the search. */
  #otherThan(id: string, known: IteratorObject<string>): { readonly close: string | null; readonly text: string } {
    const isEarly = this.findings.faults.length < SUGGESTIONS;
    const others = known
      .filter((other) => other !== this.#current?.id)
      .take(isEarly ? LIMITS.steps : SHOWN + 1)
      .toArray();
    const close = isEarly ? nearest(id, others) : null;
    if (close !== null) return { close, text: `did you mean "${close}"?` };
    const list = `${others.slice(0, SHOWN).join(", ")}${others.length > SHOWN ? ", …" : ""}`;
    return { close, text: others.length === 0 ? "there is no other step here" : `expected one of ${list}` };
  }

  *#visible(): Generator<string> {
    yield* this.#indexById.keys();
    if (this.outer !== null) yield* this.outer.#visible();
  }
}

const SUGGESTIONS = 10;
const SHOWN = 10;
const stepPath = (id: string): string => (/^[A-Za-z_]\w*$/.test(id) ? `steps.${id}` : `steps[${JSON.stringify(id)}]`);

/** The text of a template at a place in it. */
function textAt(source: Json, at: string): string {
  const value = valueAt(source, segmentsOf(at));
  return typeof value === "string" ? value : "";
}

const EMPTY: Block = { steps: [], indexById: new Map(), sinks: [], output: null, outputReads: [] };
