/**
 * Makes the graph that an estimate has the engine run. What is known an expression answers as it is; where it depends on
 * something that is not, what is assumed of its step is drawn, and told. So the engine need not know that anything is not.
 */
import type { Expression } from "../language/expressions/expression.ts";
import type { Template } from "../language/expressions/template.ts";
import type { Block, Graph, NodeOf, OnError, StepNode } from "../language/graph.ts";
import type { StepKind } from "../language/kinds/table.ts";
import type { Read } from "../language/reads.ts";
import { canonicalJson } from "../shared/json.ts";
import { ok } from "../shared/result.ts";
import type { AgentsAsked } from "./agents-asked.ts";
import { always, expressionOf, type AssumedExpressions } from "./assumed-expressions.ts";
import type { AssumedBlock, AssumedGraph, AssumedNode, AssumedNodeOf } from "./assumed-nodes.ts";
import { ASSUMED, countOf, timeOf, type Range, type StepAssumption } from "./assumptions.ts";
import type { Findings } from "./findings.ts";
import { questionOf, unknownValue, type Question } from "./known.ts";
import { pathWithin } from "./step-names.ts";

export class GraphMaker {
  readonly places: string[] = [];
  readonly #expressions: AssumedExpressions;
  readonly #findings: Findings;
  readonly #assume: { readonly [step: string]: StepAssumption };
  readonly #agents: AgentsAsked;
  /** From the block that is being made outwards. */
  #around: readonly Block[] = [];

  constructor(
    expressions: AssumedExpressions,
    findings: Findings,
    assume: { readonly [step: string]: StepAssumption },
    agents: AgentsAsked,
  ) {
    this.#expressions = expressions;
    this.#findings = findings;
    this.#assume = assume;
    this.#agents = agents;
  }

  graph(graph: Graph, path: string): AssumedGraph {
    const around = this.#around;
    this.#around = [];
    const { rules, warnings, onCompleted, onFailed, concurrency } = graph;
    const made = { ...this.#block(graph, path), rules, warnings, onCompleted, onFailed, concurrency, outputSchema: null };
    this.#around = around;
    return made;
  }

  #block(block: Block, path: string): AssumedBlock {
    const around = this.#around;
    this.#around = [block, ...around];
    const names = new Set<string>();
    const steps = block.steps.map((node) => {
      const made = this.#node(node, path);
      for (const name of namesOf(made)) names.add(name);
      return made;
    });
    const question = block.output === null ? null : this.#question(block.output, block.outputReads);
    for (const name of question?.names ?? []) names.add(name);
    const output = block.output === null || question === null ? null : this.#expressions.value(block.output, question);
    this.#around = around;
    return { ...block, steps, output, names };
  }

  #node(node: StepNode, path: string): AssumedNode {
    const label = path + node.id;
    const assumed = Object.hasOwn(this.#assume, label) ? (this.#assume[label] ?? {}) : {};
    const condition = node.when === null ? null : this.#question(node.when, node.reads);
    const conditionShare = assumed.when ?? ASSUMED.when;
    const common = {
      place: this.places.push(label) - 1,
      label,
      condition,
      conditionShare,
      when: node.when === null || condition === null ? null : this.#expressions.condition(node.when, condition, label, conditionShare),
      onError: this.#onError(node),
      blocks: node.blocks.map((block) => this.#block(block, pathWithin(label))),
      undo: node.undo === null ? null : this.#block(node.undo, `${label}~`),
    };
    switch (node.kind) {
      case "agent":
        return { ...node, ...common, ...this.#agent(node, label, assumed) };
      case "map": {
        const list = this.#question(node.over, node.reads);
        const items = countOf(assumed.items ?? ASSUMED.items);
        return { ...node, ...common, list, items, over: this.#expressions.list(node.over, list, label, items) };
      }
      case "switch":
        return { ...node, ...common, ...this.#switch(node, label, assumed) };
      case "repeat": {
        const again = node.until === null ? null : this.#inside(node.blocks[0] as Block, node.until, node.untilReads);
        const { min, max } = countOf(assumed.iterations ?? ASSUMED.iterations);
        const iterations = { min: Math.min(min, node.max), max: Math.min(max, node.max) };
        const until = node.until === null || again === null ? null : this.#expressions.until(node.until, again, label, iterations);
        return { ...node, ...common, again, iterations, until };
      }
      case "workflow": {
        const handed = this.#question(node.input, node.reads);
        return { ...node, ...common, handed, input: this.#expressions.value(node.input, handed) };
      }
      case "wait":
        return {
          ...node,
          ...common,
          until: { ...node.until, value: this.#time(node, label, timeOf(assumed.takes ?? ASSUMED.takes.wait)) },
        };
      case "signal": {
        // Each step has its own, so that none takes what is meant for another.
        const payload = unknownValue(`steps.${label}.output`);
        const match = expressionOf((scope) => ok(scope["signal"] === payload));
        return { ...node, ...common, takesMs: timeOf(assumed.takes ?? ASSUMED.takes.signal), payload, match };
      }
      case "approval": {
        const takesMs = timeOf(assumed.takes ?? ASSUMED.takes.approval);
        const approves = assumed.approves ?? ASSUMED.approves;
        return { ...node, ...common, title: always(label), payload: always(null), takesMs, approves };
      }
      case "transform":
        return { ...node, ...common, output: this.#expressions.value(node.output, this.#question(node.output, node.reads)) };
      case "end": {
        const output = node.output === null ? null : this.#expressions.value(node.output, this.#question(node.output, node.reads));
        return { ...node, ...common, output, error: node.error === null ? null : { ...node.error, message: always(label) } };
      }
    }
  }

  #agent(node: NodeOf<"agent">, name: string, assumed: StepAssumption): AgentFields {
    const input = this.#question(node.input, node.reads);
    const {
      takes,
      succeeds = null,
      cost_usd: costUsd = null,
      input_tokens: inputTokens = null,
      output_tokens: outputTokens = null,
    } = assumed;
    for (const field of ["takes", "succeeds", "cost_usd", "input_tokens", "output_tokens"] as const) {
      const value = assumed[field];
      if (value !== undefined) this.#findings.notes.add({ step: name, field, value, why: "as given", given: true });
    }
    const { selection, targets } = this.#agents.asked(node, input);
    const sticky = node.sticky === null ? null : this.#expressions.sticky(node.sticky, this.#question(node.sticky, node.reads));
    const caching = targets[0].caching;
    return {
      targets,
      selection,
      sticky,
      // What is asked for matters to nobody here, but that it is the same.
      input: always({}),
      cache: caching === null ? null : this.#caching(node, input, name, node.cache?.ttlMs ?? caching.terms?.ttlMs ?? 1),
      invalidates: null,
      // Replies are taken to agree, and to be as good as each other.
      ensemble:
        node.ensemble === null
          ? null
          : { ...node.ensemble, by: node.ensemble.mode === "quorum" ? SAME : null, score: node.ensemble.score && SAME },
      assumed: { takesMs: takes === undefined ? null : timeOf(takes), succeeds, costUsd, inputTokens, outputTokens },
      reply: { value: unknownValue(`steps.${name}.output`) },
    };
  }

  /** Steps that ask the same share a result; what the cache has from other tasks nobody knows. */
  #caching(node: NodeOf<"agent">, input: Question, name: string, ttlMs: number): NonNullable<NodeOf<"agent">["cache"]> {
    this.#findings.notes.add({
      step: name,
      field: "cache",
      value: "empty",
      why: "what other tasks leave there is not known",
      given: false,
    });
    const asked = node.cache?.key ? this.#question(node.cache.key, node.reads) : input;
    const { version, region, labels, exclude, maxCostUsd } = node.selection;
    const ensemble = node.ensemble && {
      ...node.ensemble,
      by: node.ensemble.by?.source ?? null,
      score: node.ensemble.score?.source ?? null,
    };
    const how = node.cache?.key ? "" : canonicalJson({ version, region, labels, exclude: [...exclude], maxCostUsd, ensemble });
    return { key: this.#expressions.sameKey(asked, how), isShared: true, ttlMs, tags: null };
  }

  #switch({ cases, reads }: NodeOf<"switch">, label: string, assumed: StepAssumption) {
    const assumedCase = assumed.case === undefined ? null : assumed.case === "default" ? cases.length : assumed.case;
    const questions = cases.map((when) => this.#question(when, reads));
    return { questions, assumedCase, cases: this.#expressions.cases(cases, questions, assumedCase, label) };
  }

  #time({ until: { type, value }, reads }: NodeOf<"wait">, label: string, takesMs: Range): Template {
    return this.#expressions.time(type, value, this.#question(value, reads), label, takesMs);
  }

  #onError({ onError, reads }: StepNode): OnError {
    return onError.type === "output"
      ? { type: "output", output: this.#expressions.value(onError.output, this.#question(onError.output, reads)) }
      : onError;
  }

  #question(asked: Expression | Template, reads: readonly Read[]): Question {
    return questionOf(asked, (id) => this.#kindOf(reads.find((read) => read.id === id)));
  }

  /** Of an expression that is asked inside a block of the step. */
  #inside(block: Block, asked: Expression, reads: readonly Read[]): Question {
    const around = this.#around;
    this.#around = [block, ...around];
    const question = this.#question(asked, reads);
    this.#around = around;
    return question;
  }

  #kindOf(read: Read | undefined): StepKind | undefined {
    return read === undefined ? undefined : this.#around[read.depth]?.steps[read.index]?.kind;
  }
}

const SAME = expressionOf(() => ok(0));

type AgentFields = Pick<
  AssumedNodeOf<"agent">,
  "targets" | "selection" | "sticky" | "input" | "cache" | "invalidates" | "ensemble" | "assumed" | "reply"
>;

/** Names that decide how much is done in it. */
function* namesOf(node: AssumedNode): Iterable<string> {
  for (const question of questionsOf(node)) yield* question.names;
  for (const { names } of node.blocks) yield* names;
}

function questionsOf(node: AssumedNode): readonly Question[] {
  const questions = [node.condition, ...(node.kind === "switch" ? node.questions : [])];
  if (node.kind === "map") questions.push(node.list);
  if (node.kind === "repeat") questions.push(node.again);
  if (node.kind === "workflow") questions.push(node.handed);
  return questions.filter((question) => question !== null);
}
