/**
 * The agents that may get a step: who qualifies is asked of selection itself, and so is how good each of them is. What is
 * left to be drawn for every choice (`choices.ts`) is made ready to be drawn a million times.
 */
import { capabilityFor, isOnTrial, ruledOut, statisticsFor, type Candidate, type RuledOut } from "../agents/selection/filters.ts";
import { callsSeen, explorationOf, factsOf, scoresOf, WEIGHTS } from "../agents/selection/score.ts";
import { KNOWN_CALLS, lookupIn, select, type DirectorySnapshot } from "../agents/selection/selection.ts";
import type { Selection, Target } from "../language/staffing.ts";
import type { AgentChoice, Choice, Wanted } from "../engine/world.ts";
import type { Json } from "../shared/json.ts";
import { MOST_NORMAL } from "./chance.ts";
import { LIMITS } from "./limits.ts";
import { figuresOf, pricesOf, type CallFigures } from "./figures.ts";

/** An agent as one step may have it. */
export interface Member {
  /** Its number in this estimate. */
  readonly agent: number;
  readonly id: string;
  readonly choice: AgentChoice;
  /** It alone, as the engine gets it. */
  readonly alone: Choice;
  readonly figures: CallFigures;
  /** Its score without what is drawn; or its place, the larger the better. */
  readonly base: number;
  /** … with what it is busy with from elsewhere. */
  readonly score: number;
  /** … with the most that may be drawn. */
  readonly most: number;
  readonly exploration: number;
  readonly loadWeight: number;
  /** That, and what it takes at once. */
  readonly busy: number;
  readonly capacity: number;
  readonly weight: number;
  readonly group: "known" | "newcomer" | "trial";
}

export interface Pool {
  readonly order: "score" | "fixed" | "turn" | "weight" | "key";
  readonly members: readonly Member[];
  readonly byId: ReadonlyMap<string, Member>;
  /** Every agent that offers what is asked for. */
  readonly offering: number;
  readonly ruledOut: readonly RuledOut[];
  readonly target: Target;
  /** Of all who qualify, in ascending order, no more than a step asks at once: what a call costs, and what it takes. */
  readonly costs: readonly number[];
  readonly tokens: readonly number[];
  /** Calls of the capability everywhere, and how many of them were hedges. */
  readonly hedging: { readonly calls: number; readonly hedges: number };
}

export interface PoolQuestion {
  readonly target: Target;
  readonly selection: Selection;
  /** How many at once. */
  readonly count: number;
  readonly input: Json | undefined;
  readonly withinMs: number | null;
  readonly now: number;
}

/** Why an agent was chosen is told nobody. */
export const choiceOf = (agents: readonly AgentChoice[]): Choice => ({ agents, receipt: NO_RECEIPT });
const NO_RECEIPT: Choice["receipt"] = { policy: "", candidates: [] };

/** `indexOf`: the number of an agent in this estimate. */
export function poolOf(question: PoolQuestion, snapshot: DirectorySnapshot, indexOf: (candidate: Candidate) => number): Pool {
  const { target } = question;
  const wanted = wantedBy(question);
  const offering = candidatesFor(target, snapshot);
  const out: RuledOut[] = [];
  const eligible = offering.filter((candidate) => {
    const rule = ruledOut(candidate, wanted, () => question.input);
    if (rule !== null) out.push(rule);
    return rule === null;
  });
  const lookup = lookupIn(snapshot);
  const order = orderOf(question);
  const placed = order === "score" ? scoredOf(eligible, wanted) : placesOf(eligible, order, wanted, snapshot);
  // Those who are never chosen are not worth a look at every choice.
  const most = Math.max(LIMITS.estimateCandidates, question.count);
  const members = placed
    .toSorted((a, b) => b.base + 2 * b.exploration - (a.base + 2 * a.exploration))
    .slice(0, most)
    .flatMap(({ candidate, ...rest }): readonly Member[] => {
      const choice = lookup.find(candidate.agent.id, target);
      if (choice === null) return [];
      const { agent, state } = candidate;
      const busy = (state?.inFlight ?? 0) + (state?.waiting ?? 0);
      const capacity = agent.limits?.maxConcurrency ?? 10;
      const score = rest.base + rest.loadWeight / (1 + busy / capacity);
      return [
        {
          ...rest,
          agent: indexOf(candidate),
          id: agent.id,
          choice,
          alone: choiceOf([choice]),
          figures: figuresOf(candidate, target),
          score,
          most: score + rest.exploration * MOST_NORMAL,
          busy,
          capacity,
          weight: agent.weight ?? 1,
        },
      ];
    });
  const prices = eligible.map((candidate) => pricesOf(candidate, target));
  const least = (of: (price: { readonly costUsd: number; readonly tokens: number }) => number): readonly number[] =>
    prices
      .map(of)
      .toSorted((a, b) => a - b)
      .slice(0, LIMITS.ensembleAgents);
  return {
    order,
    members,
    byId: new Map(members.map((member) => [member.id, member])),
    offering: offering.length,
    ruledOut: out,
    target,
    costs: least(({ costUsd }) => costUsd),
    tokens: least(({ tokens }) => tokens),
    hedging: lookup.hedging(target),
  };
}

function candidatesFor(target: Target, snapshot: DirectorySnapshot): readonly Candidate[] {
  if (target.type === "capability") return snapshot.byCapability.get(target.capability) ?? [];
  const agent = snapshot.byId.get(target.agent);
  return agent === undefined ? [] : [{ agent, state: snapshot.states.get(agent.id) ?? null }];
}

function wantedBy({ target, selection, count, input, withinMs, now }: PoolQuestion): Wanted {
  return {
    target,
    selection,
    count,
    seed: "estimate",
    turn: 0,
    stickyKey: null,
    barred: new Map(),
    tried: new Set(),
    prefer: null,
    input: () => input,
    withinMs,
    now,
    evidence: new Map(),
    busy: new Map(),
  };
}

function orderOf({ selection, withinMs }: PoolQuestion): Pool["order"] {
  if (selection.meet !== null && withinMs !== null) return "fixed";
  switch (selection.policy) {
    case "round_robin":
      return "turn";
    case "weighted":
      return "weight";
    case "sticky":
      return "key";
    case "balanced":
    case "fastest":
    case "cheapest":
    case "most_reliable":
    case "least_loaded":
      return "score";
  }
}

type Placed = Pick<Member, "base" | "exploration" | "loadWeight" | "group"> & { readonly candidate: Candidate };

function scoredOf(eligible: readonly Candidate[], wanted: Wanted): readonly Placed[] {
  const weights = WEIGHTS[wanted.selection.policy as keyof typeof WEIGHTS];
  const facts = eligible.map((candidate) =>
    factsOf(candidate, capabilityFor(candidate.agent, wanted), statisticsFor(candidate, wanted), wanted),
  );
  const scores = scoresOf(facts, weights, wanted.seed);
  const isKnown = (candidate: Candidate): boolean => callsSeen(candidate, statisticsFor(candidate, wanted), wanted) >= KNOWN_CALLS;
  return facts.map((one, index) => {
    const { success = 0, latency = 0, price = 0 } = scores[index]?.parts ?? {};
    const { candidate } = one;
    return {
      candidate,
      base: weights.success * success + weights.latency * latency + weights.price * price,
      exploration: explorationOf(one, weights),
      loadWeight: weights.load,
      group: isOnTrial(candidate, wanted) ? "trial" : isKnown(candidate) ? "known" : "newcomer",
    };
  });
}

/** In the order in which selection has them, where that is always the same; else in none. */
function placesOf(eligible: readonly Candidate[], order: Pool["order"], wanted: Wanted, snapshot: DirectorySnapshot): readonly Placed[] {
  const count = Math.min(eligible.length, LIMITS.receiptCandidates);
  const ranked = order === "fixed" ? select({ ...wanted, count }, snapshot).agents.map(({ agent }) => agent) : [];
  const placeOf = ({ agent }: Candidate): number => (ranked.includes(agent.id) ? ranked.indexOf(agent.id) : ranked.length);
  return eligible.map((candidate) => ({
    candidate,
    base: -placeOf(candidate),
    exploration: 0,
    loadWeight: 0,
    group: isOnTrial(candidate, wanted) ? "trial" : "known",
  }));
}
