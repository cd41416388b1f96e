/**
 * Which agent gets a step: hard filters, then the order of a policy, and a receipt of both. Pure: the same question,
 * agents and seed always give the same choice; ties go to the smaller id.
 */
import type { Receipt, ReceiptCandidate } from "../../engine/facts/receipt.ts";
import type { Policy, Target } from "../../language/staffing.ts";
import type { AgentChoice, AgentLookup, Choice, Wanted } from "../../engine/world.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { hashText } from "../../shared/random.ts";
import type { AgentState } from "../agent-state.ts";
import type { AgentRecord } from "../agent.ts";
import { cachingOf } from "./caching.ts";
import { capabilityFor, isOnTrial, ruledOut, statisticsFor, unfit, type Candidate, type RuledOut } from "./filters.ts";
import { callsSeen, chanceOf, costOf, factsOf, scoresOf, WEIGHTS, type Facts } from "./score.ts";

/** The agents of a tenant as they were at one moment. */
export interface DirectorySnapshot {
  readonly at: number;
  readonly byId: ReadonlyMap<string, AgentRecord>;
  readonly byCapability: ReadonlyMap<string, readonly Candidate[]>;
  readonly states: ReadonlyMap<string, AgentState>;
}

export function snapshotOf(agents: readonly AgentRecord[], states: ReadonlyMap<string, AgentState>, at: number): DirectorySnapshot {
  const byCapability = new Map<string, Candidate[]>();
  for (const agent of agents) {
    const candidate: Candidate = { agent, state: states.get(agent.id) ?? null };
    for (const { name } of agent.capabilities) {
      const offering = byCapability.get(name);
      if (offering === undefined) byCapability.set(name, [candidate]);
      else offering.push(candidate);
    }
  }
  return { at, byId: new Map(agents.map((agent) => [agent.id, agent])), byCapability, states };
}

/** An eligible candidate in its place; `value` orders, the larger first. */
interface Ranked {
  readonly facts: Facts;
  readonly value: number;
  readonly parts?: { readonly [part: string]: number };
}

export function select(wanted: Wanted, snapshot: DirectorySnapshot): Choice {
  const candidates = candidatesFor(wanted.target, snapshot);
  let input: { readonly value: Json | undefined } | undefined;
  const inputOnce = (): Json | undefined => (input ??= { value: wanted.input() }).value;

  const out: { readonly candidate: Candidate; readonly rule: RuledOut }[] = [];
  const eligible: Candidate[] = [];
  for (const candidate of candidates) {
    const rule = ruledOut(candidate, wanted, inputOnce);
    if (rule === null) eligible.push(candidate);
    else out.push({ candidate, rule });
  }
  const preferred = eligible.filter(({ agent }) => agent.id === wanted.prefer);
  const fresh = preferred.length > 0 ? preferred : eligible.filter(({ agent }) => !wanted.tried.has(agent.id));
  const others = eligible.filter((candidate) => !fresh.includes(candidate));
  // Somebody who has failed this step is asked again only if nobody else is left.
  const needsOthers = fresh.length < wanted.count;
  if (!needsOthers) for (const candidate of others) out.push({ candidate, rule: preferred.length > 0 ? NOT_THE_SAME : TRIED });
  const { ranked, note } = inOrder(needsOthers ? [fresh, others] : [fresh], wanted);
  const chosen = ranked.slice(0, wanted.count).map(({ facts }) => choiceOf(facts.candidate, wanted));
  return { agents: chosen, receipt: receiptOf(wanted, ranked, out, candidates.length, note) };
}

const TRIED: RuledOut = { verdict: "tried", reason: "it failed this step already" };
const NOT_THE_SAME: RuledOut = { verdict: "tried", reason: "the step is tried again on the same agent" };

function candidatesFor(target: Target, snapshot: DirectorySnapshot): readonly Candidate[] {
  if (target.type === "capability") return snapshot.byCapability.get(target.capability) ?? [];
  const agent = snapshot.byId.get(target.agent);
  return agent === undefined ? [] : [{ agent, state: snapshot.states.get(agent.id) ?? null }];
}

interface Order {
  readonly ranked: readonly Ranked[];
  readonly note?: string;
}

/** The best of the first group first, then those of the next. Within a group, agents on trial come last, or for a trial first. */
function inOrder(groups: readonly (readonly Candidate[])[], wanted: Wanted): Order {
  const isTrial = hashText(wanted.seed, 19) / 2 ** 32 < TRIAL_SHARE;
  const orders = groups.flatMap((group): readonly (Order & { readonly isTrial?: true })[] => {
    const onTrial = group.filter((candidate) => isOnTrial(candidate, wanted));
    if (onTrial.length === 0 || onTrial.length === group.length) return knownFirst(group, wanted);
    // Somebody has to find out whether it is back, but not everybody; with keys, only those whose agent it is.
    if (isTrial && wanted.selection.policy === "sticky") return [order(group, wanted)];
    const well = knownFirst(
      group.filter((candidate) => !onTrial.includes(candidate)),
      wanted,
    );
    const tried = order(onTrial, wanted);
    return isTrial ? [{ ...tried, isTrial: true }, ...well] : [...well, tried];
  });
  const first = orders.find(({ ranked }) => ranked.length > 0);
  const note = first?.isTrial ? "an agent that failed lately is tried again" : first?.note;
  return { ranked: orders.flatMap(({ ranked }) => ranked), ...(note !== undefined && { note }) };
}

/**
 * Where choices are scored, those of whom little is known have a share of them together, however many they are: what is
 * seen of them takes a while to be known everywhere, and until then a dead one must not look like the best there may be.
 */
function knownFirst(group: readonly Candidate[], wanted: Wanted): readonly Order[] {
  const isScored = wanted.selection.policy in WEIGHTS && wanted.selection.meet === null;
  const isKnown = (candidate: Candidate): boolean => callsSeen(candidate, statisticsFor(candidate, wanted), wanted) >= KNOWN_CALLS;
  const known = isScored ? group.filter(isKnown) : [];
  if (known.length === 0 || known.length === group.length) return [order(group, wanted)];
  const newcomers = group.filter((candidate) => !known.includes(candidate));
  const isTheirTurn = hashText(wanted.seed, 29) / 2 ** 32 < NEWCOMER_SHARE;
  return isTheirTurn
    ? [{ ...order(newcomers, wanted), note: "one of whom little is known is tried" }, order(known, wanted)]
    : [order(known, wanted), order(newcomers, wanted)];
}

/** From so many calls on an agent is known; of the choices, how many go to those who are not, while others are. */
export const KNOWN_CALLS = 5;
export const NEWCOMER_SHARE = 0.2;

function order(pool: readonly Candidate[], wanted: Wanted): Order {
  const facts = pool.map((candidate) =>
    factsOf(candidate, capabilityFor(candidate.agent, wanted), statisticsFor(candidate, wanted), wanted),
  );
  const { meet } = wanted.selection;
  if (meet !== null && wanted.withinMs !== null) return byDeadline(facts, wanted.withinMs, meet.probability, wanted);
  return { ranked: sorted(byPolicy(facts, wanted.selection.policy, wanted)) };
}

/** Of the choices, how many go to an agent that failed lately, while there are others. */
export const TRIAL_SHARE = 0.1;

function byPolicy(facts: readonly Facts[], policy: Policy, wanted: Wanted): readonly Ranked[] {
  switch (policy) {
    case "balanced":
    case "fastest":
    case "cheapest":
    case "most_reliable":
    case "least_loaded": {
      const scores = scoresOf(facts, WEIGHTS[policy], wanted.seed);
      return facts.map((one, index) => ({ facts: one, value: scores[index]?.total ?? 0, parts: scores[index]?.parts ?? {} }));
    }
    case "round_robin": {
      const turn = new Map(
        facts
          .map((one) => one.candidate.agent.id)
          .toSorted()
          .map((id, index) => [id, index]),
      );
      const count = Math.max(1, facts.length);
      // The one whose turn it is comes first, those after it in order.
      return facts.map((one) => ({
        facts: one,
        value: -(((turn.get(one.candidate.agent.id) ?? 0) - (wanted.turn % count) + count) % count),
      }));
    }
    case "weighted":
      // Weighted rendezvous: each wins as often as its share, and who leaves changes nothing among the others.
      return facts.map((one) => ({ facts: one, value: Math.log(unit(wanted.seed, one)) / (one.candidate.agent.weight ?? 1) }));
    case "sticky":
      return facts.map((one) => ({ facts: one, value: unit(wanted.stickyKey ?? wanted.seed, one) }));
  }
}

/** The cheapest that is fast enough with the wanted probability; else the likeliest. */
function byDeadline(facts: readonly Facts[], withinMs: number, probability: number, wanted: Wanted) {
  const scores = scoresOf(facts, WEIGHTS.cheapest, wanted.seed);
  const ranked = facts.map((one, index): Ranked & { readonly chance: number } => {
    const { agent } = one.candidate;
    const expected = capabilityFor(agent, wanted)?.expectedLatencyMs ?? agent.expectedLatencyMs;
    const chance = chanceOf(withinMs, statisticsFor(one.candidate, wanted), expected);
    return { facts: one, value: scores[index]?.total ?? 0, parts: { ...scores[index]?.parts, in_time: chance }, chance };
  });
  const meeting = ranked.filter((one) => one.chance >= probability);
  if (meeting.length > 0) {
    // Price decides, exploration does not: a deadline is no place for trials.
    const byPrice = meeting.map((one) => ({ ...one, value: -one.facts.priceUsd }));
    const others = ranked.filter((one) => one.chance < probability).map((one) => ({ ...one, value: one.chance - 1e9 }));
    return {
      ranked: sorted([...byPrice, ...others]),
      note: `the cheapest that answers within ${withinMs} ms with probability ${probability}`,
    };
  }
  return {
    ranked: sorted(ranked.map((one) => ({ ...one, value: one.chance }))),
    note: `nobody answers within ${withinMs} ms with probability ${probability}: the likeliest`,
  };
}

function sorted(ranked: readonly Ranked[]): readonly Ranked[] {
  return ranked.toSorted((a, b) => b.value - a.value || (a.facts.candidate.agent.id < b.facts.candidate.agent.id ? -1 : 1));
}

function unit(key: string, { candidate }: Facts): number {
  return (hashText(`${key}/${candidate.agent.id}`, 17) + 1) / (2 ** 32 + 1);
}

function choiceOf(candidate: Candidate, wanted: Pick<Wanted, "target" | "evidence">): AgentChoice {
  const { agent } = candidate;
  const stats = statisticsFor(candidate, wanted);
  return {
    agent: agent.id,
    way: agent.kind === "pull" ? "pull" : agent.dispatch === "auto" ? null : agent.dispatch,
    expectedLatencyMs: stats?.latencyMs ?? capabilityFor(agent, wanted)?.expectedLatencyMs ?? agent.expectedLatencyMs,
    needsSlot: agent.kind === "pull" || agent.limits !== undefined || isOnTrial(candidate, wanted),
    p95Ms: stats === null || stats.calls < MEANINGFUL_CALLS ? null : stats.p95Ms,
    timeoutMs: agent.timeoutMs ?? null,
    ...costOf(agent, capabilityFor(agent, wanted), stats),
  };
}

/** Quantiles of fewer calls say little. */
const MEANINGFUL_CALLS = 10;

function receiptOf(
  wanted: Wanted,
  ranked: readonly Ranked[],
  out: readonly { readonly candidate: Candidate; readonly rule: RuledOut }[],
  all: number,
  note: string | undefined,
): Receipt {
  const most = LIMITS.receiptCandidates;
  // Fewer than wanted are none.
  const isEnough = ranked.length >= wanted.count;
  const shown = ranked.slice(0, Math.max(wanted.count, most - Math.min(out.length, most / 2)));
  const candidates: ReceiptCandidate[] = shown.map(({ facts, value, parts }, index) => ({
    agent: facts.candidate.agent.id,
    verdict: isEnough && index < wanted.count ? "chosen" : "eligible",
    score: Number(value.toPrecision(6)),
    ...(parts && { parts }),
  }));
  for (const { candidate, rule } of out.slice(0, most - Math.min(shown.length, most / 2))) {
    candidates.push({ agent: candidate.agent.id, verdict: rule.verdict, reason: rule.reason });
  }
  return {
    policy: wanted.selection.policy,
    candidates,
    ...(all > candidates.length && { more: all - candidates.length }),
    ...(note !== undefined && { note }),
  };
}

export function lookupIn(snapshot: DirectorySnapshot): AgentLookup {
  return {
    choose: (wanted) => select(wanted, snapshot),
    find: (id, target) => {
      const agent = snapshot.byId.get(id);
      return agent === undefined ? null : choiceOf({ agent, state: snapshot.states.get(id) ?? null }, { target, evidence: NOTHING_SEEN });
    },
    refusal: (id, evidence, now) => {
      const agent = snapshot.byId.get(id);
      if (agent === undefined) return null; // who calls finds out
      return unfit({ agent, state: snapshot.states.get(id) ?? null }, { evidence, now })?.reason ?? null;
    },
    caching: (target) => cachingOf(target, snapshot),
    hedging: (target) => {
      let [calls, hedges] = [0, 0];
      for (const candidate of candidatesFor(target, snapshot)) {
        const stats = statisticsFor(candidate, { target });
        calls += stats?.calls ?? 0;
        hedges += stats?.hedges ?? 0;
      }
      return { calls, hedges };
    },
  };
}

const NOTHING_SEEN: Wanted["evidence"] = new Map();
