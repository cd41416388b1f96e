/** Makes a plan from a graph: every step with the agents that may get it under a policy, and with what is assumed of it. */
import type { Candidate } from "../agents/selection/filters.ts";
import type { DirectorySnapshot } from "../agents/selection/selection.ts";
import { compileWorkflow } from "../language/compile.ts";
import type { Block, Graph, NodeOf, StepNode } from "../language/graph.ts";
import type { Policy, Selection, Target } from "../language/staffing.ts";
import type { Library } from "../language/library.ts";
import { LIMITS } from "./limits.ts";
import { ASSUMED, countOf, timeOf, type Notes, type Range, type StepAssumption } from "./assumptions.ts";
import { figuresOf } from "./figures.ts";
import { questionOf, unknown, type Knowledge, type Question, type Surrounding } from "./known.ts";
import type { AgentPlan, CrewMember, Plan, PlanBlock, PlanStep } from "./plan.ts";
import { poolOf, type Pool } from "./pool.ts";
import { pathInWorkflow, pathWithin } from "./step-names.ts";

export interface PlanQuestion {
  readonly graph: Graph;
  readonly library: Library;
  readonly snapshot: DirectorySnapshot;
  /** `null`: each step's own. */
  readonly policy: Policy | null;
  readonly assume: { readonly [step: string]: StepAssumption };
  readonly deadlineMs: number | null;
  readonly now: number;
}

/** Thrown where making the plan would take longer than an estimate may. */
export class PlanTooLarge extends Error {}

export class Planner {
  readonly #question: PlanQuestion;
  readonly #knowledge: Knowledge;
  readonly #surrounding: Surrounding;
  readonly #notes: Notes;
  readonly #places: string[] = [];
  readonly #crew: CrewMember[] = [];
  readonly #crewById = new Map<string, number>();
  readonly #pools = new Map<string, Pool>();
  readonly #workflows = new Map<string, PlanBlock | null>();
  #looked = 0;

  /** `surrounding`: where the task begins. */
  constructor(question: PlanQuestion, knowledge: Knowledge, surrounding: Surrounding, notes: Notes) {
    this.#question = question;
    this.#knowledge = knowledge;
    this.#surrounding = surrounding;
    this.#notes = notes;
  }

  plan(): Plan {
    const { graph, deadlineMs } = this.#question;
    const root = this.#block(graph, "");
    // Those that steps start are part of the plan, so that what is assumed of them can be checked.
    for (const reference of Object.keys(this.#question.library)) this.#workflow(reference);
    return { root, places: this.#places, crew: this.#crew, deadlineMs };
  }

  #block(block: Block, path: string): PlanBlock {
    const steps = block.steps.map((node) => this.#step(node, path));
    const output = block.output === null ? null : questionOf("output", block.output, block.outputReads);
    const names = new Set<string>(output?.names);
    for (const step of steps) for (const name of namesOf(step)) names.add(name);
    return { steps, output, names };
  }

  #step(node: StepNode, path: string): PlanStep {
    const name = path + node.id;
    const place = this.#places.push(name) - 1;
    const assumed = this.#assumedOf(name);
    const common = {
      place,
      name,
      index: node.index,
      needs: node.needs.length,
      dependents: node.dependents,
      runIf: node.runIf,
      when: node.when === null ? null : questionOf("when", node.when, node.reads),
      whenShare: assumed.when ?? ASSUMED.when,
      onError: node.onError.type === "output" ? questionOf("on_error", node.onError.output, node.reads) : node.onError.type,
    };
    const inner = pathWithin(name);
    switch (node.kind) {
      case "agent":
        return { ...common, ...this.#agent(node, name, assumed) };
      case "map":
        return {
          ...common,
          kind: "map",
          over: questionOf("over", node.over, node.reads),
          items: countOf(assumed.items ?? ASSUMED.items),
          as: node.as,
          indexAs: node.indexAs,
          block: this.#block(node.blocks[0] as Block, inner),
          concurrency: node.concurrency,
          tolerate: node.tolerate,
          maySpread: node.outside !== null,
        };
      case "switch":
        return {
          ...common,
          kind: "switch",
          cases: node.cases.map((when, index) => ({
            when: questionOf("cases", when, node.reads),
            block: this.#block(node.blocks[index] as Block, inner),
          })),
          otherwise: node.hasDefault ? this.#block(node.blocks.at(-1) as Block, inner) : null,
          assumedCase: assumed.case === undefined ? null : assumed.case === "default" ? node.cases.length : assumed.case,
        };
      case "repeat":
        return {
          ...common,
          kind: "repeat",
          block: this.#block(node.blocks[0] as Block, inner),
          until: node.until === null ? null : questionOf("until", node.until, node.untilReads),
          max: node.max,
          iterations: withinMax(countOf(assumed.iterations ?? ASSUMED.iterations), node.max),
          delayMs: node.delayMs,
        };
      case "workflow":
        return {
          ...common,
          kind: "workflow",
          workflow: node.workflow,
          input: questionOf("input", node.input, node.reads),
          block: () => this.#workflow(node.workflow),
        };
      case "wait":
        return {
          ...common,
          kind: "wait",
          type: node.until.type,
          until: questionOf(node.until.type, node.until.value, node.reads),
          takesMs: timeOf(assumed.takes ?? ASSUMED.takes.wait),
        };
      case "signal":
        return { ...common, kind: "signal", timeoutMs: node.timeoutMs, takesMs: timeOf(assumed.takes ?? ASSUMED.takes.signal) };
      case "approval": {
        const { dueMs, onExpiry, escalateTo } = node;
        const takesMs = timeOf(assumed.takes ?? ASSUMED.takes.approval);
        return { ...common, kind: "approval", dueMs, onExpiry, escalateTo, takesMs, approves: assumed.approves ?? ASSUMED.approves };
      }
      case "transform":
        return { ...common, kind: "transform", output: questionOf("output", node.output, node.reads) };
      case "end":
        return { ...common, kind: "end", status: node.status };
    }
  }

  #agent(node: NodeOf<"agent">, name: string, assumed: StepAssumption): Omit<AgentPlan, keyof Common> {
    const selection = this.#selectionOf(node);
    const input = questionOf("input", node.input, node.reads);
    const count = node.ensemble?.agents ?? 1;
    const sticky = node.sticky === null ? null : this.#valueOf(questionOf("sticky", node.sticky, node.reads));
    const stickyKey = sticky === null || sticky.type !== "known" ? null : JSON.stringify(sticky.value);
    const {
      takes,
      succeeds = null,
      cost_usd: costUsd = null,
      input_tokens: inputTokens = null,
      output_tokens: outputTokens = null,
    } = assumed;
    for (const field of ["takes", "succeeds", "cost_usd", "input_tokens", "output_tokens"] as const) {
      const value = assumed[field];
      if (value !== undefined) this.#notes.add({ step: name, field, value, why: "as given", given: true });
    }
    return {
      kind: "agent",
      pools: node.targets.map((target) => this.#pool({ target, selection, count, stickyKey }, input)),
      retry: node.retry,
      timeoutMs: node.timeoutMs,
      hedge: node.hedge,
      ensemble: node.ensemble,
      assumed: { takesMs: takes === undefined ? null : timeOf(takes), succeeds, costUsd, inputTokens, outputTokens },
    };
  }

  /** A policy for all steps takes the place of their own; whom a step rules out it rules out all the same. */
  #selectionOf({ selection }: NodeOf<"agent">): Selection {
    const { policy } = this.#question;
    return policy === null ? selection : { ...selection, policy, meet: null };
  }

  #pool(wanted: Pick<Parameters<typeof poolOf>[0], "target" | "selection" | "count" | "stickyKey">, input: Question): Pool {
    const { snapshot, deadlineMs, now } = this.#question;
    const { target, selection } = wanted;
    const offering = target.type === "capability" ? (snapshot.byCapability.get(target.capability) ?? []) : [];
    // Only where somebody has a schema for it does the input matter.
    const name = target.type === "capability" ? target.capability : null;
    const hasSchema = offering.some(({ agent }) =>
      agent.capabilities.some((offered) => offered.name === name && offered.inputSchema !== undefined),
    );
    const value = hasSchema ? this.#valueOf(input) : unknown("input");
    const known = value.type === "known" ? value.value : undefined;
    const key = JSON.stringify([wanted, value.type === "known" ? value.serial : null]);
    const before = this.#pools.get(key);
    if (before !== undefined) return before;
    this.#looked += 1 + offering.length * (known === undefined ? 1 : SCHEMA_WEIGHT);
    if (this.#looked > LIMITS.estimateLooks) throw new PlanTooLarge("Its steps ask for so many different choices among so many agents");
    const pool = poolOf(
      { ...wanted, input: known, withinMs: selection.meet === null ? null : (selection.meet.withinMs ?? deadlineMs), now },
      snapshot,
      (candidate) => this.#crewIndex(candidate, target),
    );
    this.#pools.set(key, pool);
    return pool;
  }

  #crewIndex({ agent, state }: Candidate, target: Target): number {
    const known = this.#crewById.get(agent.id);
    if (known !== undefined) return known;
    // On trial an agent gets few calls at once, whatever it takes else.
    const isOnTrial = state !== null && state.breaker.status !== "closed";
    const limits = isOnTrial ? { ...agent.limits, maxConcurrency: agent.breaker?.probes ?? 1 } : (agent.limits ?? null);
    const usual = figuresOf({ agent, state }, target);
    const index = this.#crew.push({ id: agent.id, limits, inFlight: state?.inFlight ?? 0, waiting: state?.waiting ?? 0, usual }) - 1;
    this.#crewById.set(agent.id, index);
    return index;
  }

  /** Of an expression at the beginning, before any step has settled. */
  #valueOf(question: Question) {
    return this.#knowledge.ask(question, this.#surrounding, ({ id }) => ({ status: "pending", output: unknown(`steps.${id}.output`) }));
  }

  #workflow(reference: string): PlanBlock | null {
    const known = this.#workflows.get(reference);
    if (known !== undefined) return known;
    const entry = this.#question.library[reference];
    const compiled = entry === undefined ? null : compileWorkflow(entry.definition);
    const block = compiled?.ok ? this.#block(compiled.value.graph, pathInWorkflow(reference)) : null;
    this.#workflows.set(reference, block);
    return block;
  }

  #assumedOf(name: string): StepAssumption {
    const { assume } = this.#question;
    return Object.hasOwn(assume, name) ? (assume[name] ?? {}) : {};
  }
}

/** Looking whether an input matches a schema takes about this many times as long as looking at labels. */
const SCHEMA_WEIGHT = 20;

type Common = Pick<AgentPlan, "place" | "name" | "index" | "needs" | "dependents" | "runIf" | "when" | "whenShare" | "onError">;

function withinMax({ min, max }: Range, most: number): Range {
  return { min: Math.min(min, most), max: Math.min(max, most) };
}

function* namesOf(step: PlanStep): Iterable<string> {
  for (const question of questionsOf(step)) yield* question.names;
  if (step.kind === "map" || step.kind === "repeat") yield* step.block.names;
  if (step.kind === "switch") {
    for (const { block } of step.cases) yield* block.names;
    if (step.otherwise !== null) yield* step.otherwise.names;
  }
}

function questionsOf(step: PlanStep): readonly Question[] {
  const own = [step.when, typeof step.onError === "string" ? null : step.onError].filter((question) => question !== null);
  switch (step.kind) {
    case "map":
      return [...own, step.over];
    case "switch":
      return [...own, ...step.cases.map(({ when }) => when)];
    case "repeat":
      return step.until === null ? own : [...own, step.until];
    case "workflow":
      return [...own, step.input];
    case "wait":
      return [...own, step.until];
    case "transform":
      return [...own, step.output];
    case "agent":
    case "signal":
    case "approval":
    case "end":
      return own;
  }
}
