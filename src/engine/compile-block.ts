/**
 * From the steps of a definition to a block: ids resolved where they are visible, expressions compiled, circles refused.
 * A reference from inside a step to one outside makes the outer step a need of the one it is inside of.
 */
import type { Fault, RejectionCode } from "../shared/errors.ts";
import { pointer, type Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { excerpt, nearest } from "../shared/text.ts";
import { refuseCycle } from "./circle.ts";
import { compileStep } from "./compile-step.ts";
import type { StepDefinition, StepKind, StepList } from "./definition.ts";
import { compileExpression, type Expression } from "./expression.ts";
import { readsOf, type Block, type Read, type StepNode } from "./graph.ts";
import { compileTemplate, NOTHING, type Template } from "./template.ts";

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

  fault(code: RejectionCode, at: string, message: string): void {
    if (this.faults.length < LIMITS.faults) this.faults.push({ code, pointer: at, message });
  }

  warn(at: string, message: string): void {
    if (this.warnings.length < LIMITS.faults) this.warnings.push({ code: "invalid_definition", pointer: at, message });
  }
}

type Reads = Map<string, Read>;

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
  /** What is read from outside, seen from the block around this one; which names; and what kinds of step there are. */
  readonly escapes: Reads = new Map();
  readonly names = new Set<string>();
  readonly kinds = new Set<StepKind | "undo">();
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
  compile(steps: StepList, at: string, output: unknown): Block {
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
    if (findings.faults.length === 0) refuseCycle(drafts, dependents, at, findings);
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

  #register(step: StepDefinition, index: number, at: string): void {
    const place = at + pointer(index, "id");
    if (this.#indexById.has(step.id)) {
      this.findings.fault("duplicate_step_id", place, `"${step.id}" is the id of an earlier step`);
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

  #draft(step: StepDefinition, index: number, at: string) {
    const current: Current = { index, id: step.id, needs: new Set(), reads: new Map(), listens: new Set() };
    this.#current = current;
    this.kinds.add(step.type ?? "agent");
    if (step.compensate !== undefined) this.kinds.add("undo");
    const node: Omit<StepNode, "needs" | "dependents"> = compileStep(this, step, index, at, current);
    step.needs?.forEach((id, position) => this.#need(current, id, at + pointer("needs", position)));
    if (current.needs.size === 0 && node.runIf.startsWith("any_")) {
      this.findings.fault("invalid_definition", `${at}/run_if`, `"${node.runIf}" can never hold for a step that needs nothing`);
    }
    for (const name of current.listens) this.listens.add(name);
    this.#current = null;
    return { index, id: step.id, needs: current.needs, node: node as StepNode };
  }

  /** The block inside the step that is being compiled. */
  inner(
    steps: StepList,
    at: string,
    output: unknown,
    variables: readonly string[] = [],
  ): { readonly block: Block; readonly compiler: BlockCompiler } {
    const compiler = new BlockCompiler(this.findings, this, [...new Set([...this.variables, ...variables])]);
    const block = compiler.compile(steps, at, output);
    for (const name of compiler.names) this.names.add(name);
    for (const kind of compiler.kinds) this.kinds.add(kind);
    for (const name of compiler.listens) this.#current?.listens.add(name);
    return { block, compiler };
  }

  /** What undoes the step that is being compiled: a block of one step. */
  undo(step: StepDefinition, at: string): Block {
    return new BlockCompiler(this.findings, this, this.variables, true).compile([step], at, undefined);
  }

  #need(current: Current, id: string, at: string): void {
    const index = this.#indexById.get(id);
    if (index !== undefined) current.needs.add(index);
    else
      this.findings.fault(
        "unknown_need",
        at,
        this.#find(id) === null
          ? this.#unknown(id)
          : `"${id}" is outside this block, which waits for it if an expression refers to it; needs name steps of the same block`,
      );
  }

  /** With the names that only this expression may use. */
  expression(source: string, expected: "any" | "bool", at: string, reads: Reads, names: readonly string[] = []): Expression | null {
    const compiled = compileExpression(source, expected, names.length === 0 ? this.variables : [...this.variables, ...names]);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.findings.fault(problem.code, at, problem.message);
      return null;
    }
    this.#resolve(compiled.value, at, reads);
    return compiled.value;
  }

  template(source: Json, at: string, reads: Reads, names: readonly string[] = []): Template {
    const compiled = compileTemplate(source, names.length === 0 ? this.variables : [...this.variables, ...names]);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.findings.fault(problem.code, at + problem.at, problem.message);
      return NOTHING;
    }
    for (const { expression, at: within } of compiled.value.expressions) this.#resolve(expression, at + within, reads);
    return compiled.value;
  }

  /** Every step that an expression names must exist, and be visible from here. */
  #resolve(expression: Expression, at: string, reads: Reads): void {
    for (const name of expression.names) this.names.add(name);
    for (const { id } of expression.steps) {
      const found = this.#find(id);
      if (found === null) {
        this.findings.fault(
          this.findings.ownerById.has(id) ? "inner_reference" : "unknown_reference",
          at,
          `in "${excerpt(expression.source, 200)}": ${this.#unknown(id)}`,
        );
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
    this.findings.fault("unknown_reference", at, `"${id}" is the step that this one is inside of: it has no output yet`);
  }

  #unknown(id: string): string {
    const owner = this.findings.ownerById.get(id);
    if (owner !== undefined) return `"${id}" is inside "${owner}", and only seen there; from here read steps.${owner}.output`;
    if (this.findings.faults.length >= SUGGESTIONS) return `no step has the id "${id}"`; // looking for one takes longer than everything else
    const close = nearest(id, this.#visible());
    return `no step has the id "${id}"${close === null ? "" : `; did you mean "${close}"?`}`;
  }

  *#visible(): Iterable<string> {
    yield* this.#indexById.keys();
    if (this.outer !== null) yield* this.outer.#visible();
  }
}

const SUGGESTIONS = 10;
const EMPTY: Block = { steps: [], indexById: new Map(), sinks: [], output: null, outputReads: [] };

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
