/**
 * A workflow ready to run: every reference resolved to an index, every expression compiled.
 *
 * G1. The graph is acyclic, and `needs` holds what was written and what the step's expressions refer to.
 * G2. Everything that can be known before running was checked; faults are reported together, each at its place.
 */
import type { Json } from "../shared/json.ts";
import { pointer } from "../shared/json.ts";
import { DEFAULTS, LIMITS } from "../shared/limits.ts";
import type { Fault, RejectionCode } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { excerpt, nearest } from "../shared/text.ts";
import { durationMs } from "../shared/time.ts";
import type { RunIf, StepDefinition, WorkflowDefinition } from "./definition.ts";
import { compileExpression, type Expression } from "./expression.ts";
import { retryPolicy, type RetryPolicy } from "./retry.ts";
import { hedgeOf, selectionOf, targetOf, type Ensemble, type Hedge, type Selection, type Target } from "./staffing.ts";
import { compileTemplate, type Template } from "./template.ts";

export type OnError = { readonly type: "fail" } | { readonly type: "continue" } | { readonly type: "output"; readonly output: Template };

export interface StepNode {
  readonly index: number;
  readonly id: string;
  readonly needs: readonly number[];
  readonly dependents: readonly number[];
  /** Those of the needs that its expressions read. */
  readonly reads: readonly number[];
  readonly runIf: RunIf;
  readonly when: Expression | null;
  readonly onError: OnError;
  /** Whom to ask, and after that who comes to the rescue, in order. */
  readonly targets: readonly [Target, ...Target[]];
  readonly selection: Selection;
  /** The key under which it gets the same agent again. */
  readonly sticky: Expression | null;
  readonly hedge: Hedge | null;
  readonly ensemble: Ensemble | null;
  readonly input: Template;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

export interface Graph {
  readonly steps: readonly StepNode[];
  readonly indexById: ReadonlyMap<string, number>;
  /** Steps that nothing needs: their outputs are the result unless the workflow says otherwise. */
  readonly sinks: readonly number[];
  readonly output: Template | null;
  /** The steps that `output` reads. */
  readonly outputReads: readonly number[];
  readonly warnings: readonly Fault[];
}

export function stepAt(graph: Graph, index: number): StepNode {
  const step = graph.steps[index];
  if (step === undefined) throw new Error(`Defect: no step ${index}`);
  return step;
}

export function buildGraph(definition: WorkflowDefinition): Result<Graph, readonly Fault[]> {
  const builder = new GraphBuilder(definition);
  const graph = builder.build();
  return builder.faults.length > 0 ? err(builder.faults) : ok(graph);
}

type Draft = Omit<StepNode, "needs" | "dependents"> & { readonly needs: Set<number>; readonly dependents: number[] };

class GraphBuilder {
  readonly faults: Fault[] = [];
  readonly #warnings: Fault[] = [];
  readonly #indexById = new Map<string, number>();
  readonly #definition: WorkflowDefinition;
  #edges = 0;

  constructor(definition: WorkflowDefinition) {
    this.#definition = definition;
  }

  build(): Graph {
    const { steps } = this.#definition;
    steps.forEach((step, index) => this.#register(step, index));
    const drafts = steps.map((step, index) => this.#draft(step, index));
    for (const draft of drafts) for (const need of draft.needs) drafts[need]?.dependents.push(draft.index);
    if (this.#edges > LIMITS.needs) {
      this.#fault("invalid_definition", "/steps", `a workflow has at most ${LIMITS.needs} dependencies, this one has ${this.#edges}`);
    }
    if (this.faults.length === 0) this.#refuseCycle(drafts);
    const outputReads = new Set<number>();
    const output = this.#definition.output === undefined ? null : this.#template(this.#definition.output as Json, "/output", outputReads);
    return {
      steps: drafts.map((draft) => ({ ...draft, needs: [...draft.needs] })),
      indexById: this.#indexById,
      sinks: drafts.filter((draft) => draft.dependents.length === 0).map((draft) => draft.index),
      output,
      outputReads: [...outputReads],
      warnings: this.#warnings,
    };
  }

  #register(step: StepDefinition, index: number): void {
    if (this.#indexById.has(step.id)) {
      this.#fault("duplicate_step_id", pointer("steps", index, "id"), `"${step.id}" is the id of an earlier step`);
    } else {
      this.#indexById.set(step.id, index);
    }
  }

  #draft(step: StepDefinition, index: number): Draft {
    const at = pointer("steps", index);
    const reads = new Set<number>();
    const when = step.when === undefined ? null : this.#expression(step.when, "bool", `${at}/when`, reads);
    const input = step.input === undefined ? NO_INPUT : this.#template(step.input as Json, `${at}/input`, reads);
    const onError = this.#onError(step.on_error, `${at}/on_error`, reads);
    const sticky = step.select?.sticky === undefined ? null : this.#expression(step.select.sticky, "any", `${at}/select/sticky`, reads);
    const ensemble = this.#ensemble(step, at, reads);
    const needs = new Set(reads);
    step.needs?.forEach((id, position) => this.#need(needs, id, at + pointer("needs", position)));
    this.#edges += needs.size;

    const runIf = step.run_if ?? "all_completed";
    if (needs.size === 0 && runIf.startsWith("any_")) {
      this.#fault("invalid_definition", `${at}/run_if`, `"${runIf}" can never hold for a step that needs nothing`);
    }
    if (when !== null && (runIf === "all_completed" || runIf === "any_completed")) this.#warnOfFailureCondition(when, runIf, at);
    return {
      index,
      id: step.id,
      needs,
      dependents: [],
      reads: reads.size === 0 ? NONE : [...reads],
      runIf,
      when,
      onError,
      targets: [this.#target(step, at), ...(step.fallback ?? []).map(targetOf)],
      selection: step.select === undefined ? DEFAULT_SELECTION : selectionOf(step.select),
      sticky,
      hedge: hedgeOf(step.hedge),
      ensemble,
      input,
      timeoutMs: step.timeout === undefined ? DEFAULTS.timeoutMs : durationMs(step.timeout),
      retry: step.retry === undefined ? DEFAULT_RETRY : retryPolicy(step.retry),
    };
  }

  #target(step: StepDefinition, at: string): Target {
    if (step.capability !== undefined && step.agent !== undefined) {
      this.#fault("invalid_definition", at, 'a step names a "capability" or an "agent", not both');
    }
    if (step.agent === undefined && step.capability === undefined) {
      this.#fault("invalid_definition", at, 'a step names a "capability" or an "agent"');
    }
    return targetOf(step);
  }

  #ensemble(step: StepDefinition, at: string, reads: Set<number>): Ensemble | null {
    const definition = step.ensemble;
    if (step.hedge !== undefined && step.agent !== undefined) {
      this.#fault("invalid_definition", `${at}/hedge`, "a hedge asks another agent: name a capability instead of the agent");
    }
    if (definition === undefined) return null;
    const place = `${at}/ensemble`;
    step.fallback?.forEach((fallback, index) => {
      if (!("agent" in fallback)) return;
      this.#fault("invalid_definition", `${at}/fallback/${index}`, "an ensemble asks several agents: name a capability");
    });
    const { agents, mode, quorum, by, score } = definition;
    if (step.agent !== undefined) this.#fault("invalid_definition", place, "an ensemble asks several agents: name a capability");
    if (step.hedge !== undefined) this.#fault("invalid_definition", `${at}/hedge`, "an ensemble asks several agents already");
    if (quorum !== undefined && (mode !== "quorum" || quorum > agents)) {
      this.#fault("invalid_definition", `${place}/quorum`, `only the mode "quorum" has one, of at most the ${agents} agents`);
    }
    if (by !== undefined && mode !== "quorum") this.#fault("invalid_definition", `${place}/by`, 'only the mode "quorum" compares replies');
    if ((mode === "best") !== (score !== undefined)) {
      this.#fault("invalid_definition", `${place}/score`, 'the mode "best", and no other, needs a score: a number from "output"');
    }
    return {
      agents,
      mode,
      quorum: quorum ?? Math.floor(agents / 2) + 1,
      by: by === undefined ? null : this.#expression(by, "any", `${place}/by`, reads, "reply"),
      score: score === undefined ? null : this.#expression(score, "any", `${place}/score`, reads, "reply"),
    };
  }

  #onError(definition: StepDefinition["on_error"], at: string, reads: Set<number>): OnError {
    if (definition === undefined || definition === "fail") return FAIL;
    if (definition === "continue") return { type: "continue" };
    return { type: "output", output: this.#template(definition.output as Json, `${at}/output`, reads) };
  }

  #need(needs: Set<number>, id: string, at: string): void {
    const index = this.#indexById.get(id);
    if (index === undefined) this.#fault("unknown_need", at, `no step has the id "${id}"${this.#suggestion(id)}`);
    else needs.add(index);
  }

  #expression(
    source: string,
    expected: "any" | "bool",
    at: string,
    reads: Set<number>,
    about: "task" | "reply" = "task",
  ): Expression | null {
    const compiled = compileExpression(source, expected, about);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.#fault(problem.code, at, problem.message);
      return null;
    }
    this.#resolve(compiled.value, at, reads);
    return compiled.value;
  }

  #template(source: Json, at: string, reads: Set<number>): Template {
    const compiled = compileTemplate(source);
    if (!compiled.ok) {
      for (const problem of compiled.error) this.#fault(problem.code, at + problem.at, problem.message);
      return NO_INPUT;
    }
    for (const { expression, at: within } of compiled.value.expressions) this.#resolve(expression, at + within, reads);
    return compiled.value;
  }

  /** Every step that an expression names must exist. */
  #resolve(expression: Expression, at: string, reads: Set<number>): void {
    for (const { id } of expression.steps) {
      const index = this.#indexById.get(id);
      if (index !== undefined) reads.add(index);
      else
        this.#fault("unknown_reference", at, `in "${excerpt(expression.source, 200)}": no step has the id "${id}"${this.#suggestion(id)}`);
    }
  }

  #warnOfFailureCondition(when: Expression, runIf: RunIf, at: string): void {
    if (!when.steps.some((reference) => reference.field === "status" || reference.field === "error")) return;
    const message = `with run_if "${runIf}" the step only runs when what it needs has completed; to act on a failure set run_if to "all_settled"`;
    this.#warnings.push({ code: "invalid_definition", pointer: `${at}/when`, message });
  }

  #refuseCycle(drafts: readonly Draft[]): void {
    const unmet = drafts.map((draft) => draft.needs.size);
    const free = drafts.filter((draft) => draft.needs.size === 0);
    let sorted = 0;
    for (let draft = free.pop(); draft !== undefined; draft = free.pop()) {
      sorted++;
      for (const dependent of draft.dependents) {
        unmet[dependent] = (unmet[dependent] as number) - 1;
        if (unmet[dependent] === 0) free.push(drafts[dependent] as Draft);
      }
    }
    if (sorted === drafts.length) return;
    const circle = findCircle(drafts, unmet);
    const path = [...circle, circle[0] as Draft].map((draft) => `"${draft.id}"`).join(" needs ");
    this.#fault("workflow_cycle", pointer("steps", (circle[0] as Draft).index), excerpt(path, LIMITS.textLength));
  }

  #suggestion(id: string): string {
    if (this.faults.length >= SUGGESTIONS) return ""; // looking for one takes longer than everything else
    const close = nearest(id, this.#indexById.keys());
    return close === null ? "" : `; did you mean "${close}"?`;
  }

  #fault(code: RejectionCode, at: string, message: string): void {
    if (this.faults.length < LIMITS.faults) this.faults.push({ code, pointer: at, message });
  }
}

/** A circle among the steps that could not be sorted: follow unmet needs until one comes again. */
function findCircle(drafts: readonly Draft[], unmet: readonly number[]): readonly Draft[] {
  const isStuck = (index: number): boolean => (unmet[index] as number) > 0;
  const path: Draft[] = [];
  const positions = new Map<number, number>();
  for (let current = drafts.find((draft) => isStuck(draft.index)) as Draft; ;) {
    const seen = positions.get(current.index);
    if (seen !== undefined) return path.slice(seen);
    positions.set(current.index, path.length);
    path.push(current);
    current = drafts[[...current.needs].find(isStuck) as number] as Draft;
  }
}

const SUGGESTIONS = 10;

// What most steps have in common exists once: a graph of ten thousand steps should fit a processor's cache.
const NO_INPUT: Template = { expressions: [], outputOf: null, evaluate: () => NO_FIELDS };
const NO_FIELDS = ok({});
const DEFAULT_RETRY = retryPolicy();
const DEFAULT_SELECTION = selectionOf();
const FAIL: OnError = { type: "fail" };
const NONE: readonly number[] = [];
