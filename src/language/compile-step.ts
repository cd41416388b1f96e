/** One step of a definition, ready to run: what every kind has here, what is its own by its kind. */
import type { Json } from "../shared/json.ts";
import type { BlockCompiler } from "./compile-block.ts";
import type { Expression } from "./expressions/expression.ts";
import type { Template } from "./expressions/template.ts";
import type { Block, OnError, StepNode } from "./graph.ts";
import type { ConditionWithReads, InnerCompiler, StepCompiler, StepHolder } from "./kinds/kind.ts";
import { kindOf, type StepKind } from "./kinds/table.ts";
import type { DoubtCode } from "./doubt.ts";
import { readsOf, type Reads } from "./reads.ts";
import type { Rules } from "./rules.ts";
import type { AnyStepDefinition } from "./step-definition.ts";

/** The needs and dependents come from the block. */
type Draft = Omit<StepNode, "needs" | "dependents">;

/** Where a step's expressions note what they read, and its block what it listens for. */
export interface Notes {
  readonly reads: Reads;
  readonly listens: Set<string>;
}

export function compileStep(block: BlockCompiler, step: AnyStepDefinition, index: number, at: string, notes: Notes): Draft {
  const compiler = new StepInBlock(block, at, notes);
  const kind = (step.type ?? "agent") as StepKind;
  const when = step.when === undefined ? null : compiler.condition(step.when, "when");
  const onError = compileOnError(compiler, step);
  const own = kindOf(kind).compile(compiler, step);
  const undo = step.compensate === undefined ? null : block.undo({ id: UNDO, ...step.compensate }, `${at}/compensate`);
  const { listens, reads } = notes;
  return {
    kind,
    index,
    id: step.id,
    reads: readsOf(reads),
    runIf: step.run_if ?? "all_completed",
    when,
    onError,
    blocks: compiler.blocks,
    undo,
    listens: listens.size === 0 ? NO_SIGNALS : listens,
    ...own,
  };
}

/** The id of the only step of a block that undoes another. */
const UNDO = "undo";
const NO_SIGNALS: ReadonlySet<string> = new Set();
const NO_BLOCKS: readonly Block[] = [];

function compileOnError(compiler: StepInBlock, { on_error }: AnyStepDefinition): OnError {
  if (on_error === undefined || on_error === "fail") return FAIL;
  if (on_error === "continue") return CONTINUE;
  return { type: "output", output: compiler.template(on_error.output, "on_error/output") };
}

const FAIL: OnError = { type: "fail" };
const CONTINUE: OnError = { type: "continue" };

class StepInBlock implements StepCompiler {
  blocks: readonly Block[] = NO_BLOCKS;
  readonly #block: BlockCompiler;
  readonly #at: string;
  readonly #notes: Notes;

  constructor(block: BlockCompiler, at: string, notes: Notes) {
    this.#block = block;
    this.#at = at;
    this.#notes = notes;
  }

  get path(): readonly string[] {
    return this.#block.path;
  }

  get variables(): readonly string[] {
    return this.#block.variables;
  }

  get rules(): Rules {
    return this.#block.findings.rules;
  }

  template(value: unknown, field: string): Template {
    return this.#block.template(value as Json, this.pointerTo(field), this.#notes.reads);
  }

  expression(source: string, field: string, names?: readonly string[]): Expression | null {
    return this.#block.expression(source, "any", this.pointerTo(field), this.#notes.reads, names);
  }

  condition(source: string, field: string, names?: readonly string[]): Expression | null {
    return this.#block.expression(source, "bool", this.pointerTo(field), this.#notes.reads, names);
  }

  inner({ steps, output }: StepHolder, field: string, variables: readonly string[] = []): InnerCompiler {
    const { block, compiler } = this.#block.inner(steps, this.pointerTo(field === "" ? "steps" : `${field}/steps`), output, variables);
    this.blocks = [...this.blocks, block];
    return {
      names: compiler.names,
      readsOutside: readsOf(compiler.escapes),
      staysInTask: compiler.staysInTask,
      condition: (source, place, names): ConditionWithReads => {
        const reads: Reads = new Map();
        const condition = compiler.expression(source, "bool", this.pointerTo(place), reads, names);
        return { condition, reads: readsOf(reads) };
      },
    };
  }

  listen(signal: string): void {
    this.#notes.listens.add(signal);
  }

  refuse(field: string, message: string): void {
    this.#block.findings.fault("invalid_definition", this.pointerTo(field), message);
  }

  warn(field: string, message: string, code: DoubtCode): void {
    this.#block.findings.warn(this.pointerTo(field), message, code);
  }

  pointerTo(field: string): string {
    return field === "" ? this.#at : `${this.#at}/${field}`;
  }
}
