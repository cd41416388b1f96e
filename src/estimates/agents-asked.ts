/** The agents that steps may get under a policy: found once for an estimate, for all steps that ask for the same. */
import { cachingOf } from "../agents/selection/caching.ts";
import type { Candidate } from "../agents/selection/filters.ts";
import type { DirectorySnapshot } from "../agents/selection/selection.ts";
import type { NodeOf } from "../language/graph.ts";
import type { Policy, Selection, Target } from "../language/staffing.ts";
import type { Json } from "../shared/json.ts";
import type { AskedTarget, KnownAgent } from "./assumed-nodes.ts";
import { figuresOf } from "./figures.ts";
import { scopeAtStart, type Knowledge, type Question } from "./known.ts";
import { LIMITS } from "./limits.ts";
import { poolOf, type Pool, type PoolQuestion } from "./pool.ts";

/** Thrown where finding them would take longer than an estimate may. */
export class TooManyChoices extends Error {}

export interface Asking {
  readonly snapshot: DirectorySnapshot;
  /** `null`: each step's own. */
  readonly policy: Policy | null;
  readonly deadlineMs: number | null;
  readonly now: number;
  /** The names that expressions start from, where the task begins. */
  readonly names: { readonly [name: string]: Json };
}

export class AgentsAsked {
  readonly all: KnownAgent[] = [];
  readonly #asking: Asking;
  readonly #knowledge: Knowledge;
  readonly #indexById = new Map<string, number>();
  readonly #pools = new Map<string, Pool>();
  #looked = 0;

  constructor(asking: Asking, knowledge: Knowledge) {
    this.#asking = asking;
    this.#knowledge = knowledge;
  }

  /** A policy for all steps takes the place of their own; whom a step rules out it rules out all the same. */
  asked(
    node: NodeOf<"agent">,
    input: Question,
  ): { readonly selection: Selection; readonly targets: readonly [AskedTarget, ...AskedTarget[]] } {
    const { policy, snapshot } = this.#asking;
    const selection = policy === null ? node.selection : { ...node.selection, policy, meet: null };
    const count = node.ensemble?.agents ?? 1;
    const cheapest: Selection = { ...selection, policy: "cheapest", meet: null, maxCostUsd: null };
    const targets = node.targets.map((target): AskedTarget => {
      const declared = cachingOf(target, snapshot);
      return {
        ...target,
        selection,
        pool: this.#pool(target, selection, count, input),
        cheapest: () => this.#pool(target, cheapest, count, input),
        caching: node.cache === null && declared.terms === null ? null : declared,
      };
    });
    return { selection, targets: targets as [AskedTarget, ...AskedTarget[]] };
  }

  #pool(target: Target, selection: Selection, count: number, input: Question): Pool {
    const { snapshot, deadlineMs, now } = this.#asking;
    const offering = target.type === "capability" ? (snapshot.byCapability.get(target.capability) ?? []) : [];
    // Only where somebody has a schema for it does the input matter.
    const name = target.type === "capability" ? target.capability : null;
    const hasSchema = offering.some(({ agent }) =>
      agent.capabilities.some((offered) => offered.name === name && offered.inputSchema !== undefined),
    );
    const value = hasSchema ? this.#inputOf(input) : undefined;
    const wanted: Omit<PoolQuestion, "input" | "now"> = {
      target,
      selection,
      count,
      withinMs: selection.meet === null ? null : (selection.meet.withinMs ?? deadlineMs),
    };
    const key = JSON.stringify([wanted, value]);
    const before = this.#pools.get(key);
    if (before !== undefined) return before;
    this.#looked += 1 + offering.length * (value === undefined ? 1 : SCHEMA_WEIGHT);
    if (this.#looked > LIMITS.estimateLooks) throw new TooManyChoices("Its steps ask for so many different choices among so many agents");
    const pool = poolOf({ ...wanted, input: value, now }, snapshot, (candidate) => this.#indexOf(candidate, target));
    this.#pools.set(key, pool);
    return pool;
  }

  /** Before any step has settled, if it is known as a whole then. */
  #inputOf(input: Question): Json | undefined {
    const answer = this.#knowledge.ask(input, scopeAtStart(this.#asking.names, input));
    return answer.type === "known" && this.#knowledge.textOf(answer.value) !== null ? answer.value : undefined;
  }

  #indexOf({ agent, state }: Candidate, target: Target): number {
    const known = this.#indexById.get(agent.id);
    if (known !== undefined) return known;
    // On trial an agent gets few calls at once, whatever it takes else.
    const isOnTrial = state !== null && state.breaker.status !== "closed";
    const limits = isOnTrial ? { ...agent.limits, maxConcurrency: agent.breaker?.probes ?? 1 } : (agent.limits ?? null);
    const usual = figuresOf({ agent, state }, target);
    const index = this.all.push({ id: agent.id, limits, inFlight: state?.inFlight ?? 0, waiting: state?.waiting ?? 0, usual }) - 1;
    this.#indexById.set(agent.id, index);
    return index;
  }
}

/** Looking whether an input matches a schema takes about this many times as long as looking at labels. */
const SCHEMA_WEIGHT = 20;
