/**
 * Which agent gets a step in a simulated run: as selection would have it from the seed of an attempt, drawn by chance
 * instead. Turns and keys are the same all through a run. What a task sees of its agents itself is left out: it hardly
 * differs from what is published.
 */
import { NEWCOMER_SHARE, TRIAL_SHARE } from "../agents/selection/selection.ts";
import type { AgentLookup, Choice, Wanted } from "../engine/world.ts";
import { hashText } from "../shared/random.ts";
import { UNKNOWN_KEY, type AskedTarget } from "./assumed-nodes.ts";
import type { Chance } from "./chance.ts";
import { choiceOf, type Member, type Pool } from "./pool.ts";

export class Choices implements AgentLookup {
  readonly #chance: Chance;
  readonly #firstTurn: number;
  readonly #turns = new Map<Pool, number>();
  /** Of the members that are being chosen from. */
  readonly #values: number[] = [];
  readonly #keys = new Map<Pool, ReadonlyMap<Member, number>>();

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#firstTurn = chance.below(TURNS);
  }

  readonly choose = (wanted: Wanted): Choice => {
    const { count, barred, tried, prefer } = wanted;
    const target = wanted.target as AskedTarget;
    const [pool, all] = wanted.selection === target.selection ? [target.pool, target.pool.members] : cheaper(target, wanted);
    if (barred.size === 0 && tried.size === 0) return this.#choice(this.#best(pool, all, count, wanted));
    const free = all.filter(({ id }) => !barred.has(id));
    const preferred = free.filter(({ id }) => id === prefer);
    const fresh = preferred.length > 0 ? preferred : free.filter(({ id }) => !tried.has(id));
    const first = this.#best(pool, fresh, count, wanted);
    if (first.length >= count) return this.#choice(first);
    // Somebody who has failed this step is asked again only if nobody else is left.
    const others = free.filter((member) => !fresh.includes(member));
    return this.#choice([...first, ...this.#best(pool, others, count - first.length, wanted)]);
  };

  readonly find: AgentLookup["find"] = (agent, target) => (target as AskedTarget).pool.byId.get(agent)?.choice ?? null;
  readonly refusal: AgentLookup["refusal"] = () => null;
  readonly caching: AgentLookup["caching"] = (target) => (target as AskedTarget).caching;
  readonly hedging: AgentLookup["hedging"] = (target) => (target as AskedTarget).pool.hedging;

  #choice(members: readonly Member[]): Choice {
    const [first] = members;
    return members.length === 1 && first !== undefined ? first.alone : choiceOf(members.map(({ choice }) => choice));
  }

  /** Of some of a pool's members so many, the best first; fewer where there are no more. */
  #best(pool: Pool, members: readonly Member[], count: number, wanted: Wanted): readonly Member[] {
    if (members.length <= 1) return members.slice(0, count);
    const isTrial = this.#chance.happens(TRIAL_SHARE);
    const isForNewcomers = pool.order === "score" && this.#chance.happens(NEWCOMER_SHARE);
    const turn = pool.order === "turn" ? this.#turnOf(pool) % members.length : 0;
    const values = this.#values;
    let best = 0;
    let bestValue = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < members.length; index++) {
      const member = members[index] as Member;
      const group = APART * groupOf(member, isTrial, isForNewcomers);
      // Whoever cannot be better than the best so far, whatever is drawn, need not be looked at, unless others are to follow it.
      if (count === 1 && pool.order === "score" && member.most + group <= bestValue) continue;
      const value = group + this.#valueOf(pool, member, (index - turn + members.length) % members.length, wanted);
      values[index] = value;
      if (value <= bestValue) continue;
      best = index;
      bestValue = value;
    }
    if (count === 1) return [members[best] as Member];
    const places = members.map((_, index) => index).toSorted((a, b) => (values[b] as number) - (values[a] as number));
    return places.slice(0, count).map((index) => members[index] as Member);
  }

  #valueOf(pool: Pool, member: Member, place: number, { busy, stickyKey }: Wanted): number {
    switch (pool.order) {
      case "score": {
        const own = busy.size === 0 ? 0 : (busy.get(member.id) ?? 0);
        const score = own <= member.busy ? member.score : member.base + member.loadWeight / (1 + own / member.capacity);
        return score + member.exploration * this.#chance.normal();
      }
      case "fixed":
        return member.base;
      case "turn":
        return -place;
      case "weight":
        return Math.log(1 - this.#chance.unit()) / member.weight;
      case "key":
        if (stickyKey === null || stickyKey === UNKNOWN_KEY) return this.#placeByKey(pool, member);
        return hashText(`${stickyKey}/${member.id}`, 17);
    }
  }

  #turnOf(pool: Pool): number {
    const turn = this.#turns.get(pool) ?? this.#firstTurn;
    this.#turns.set(pool, turn + 1);
    return turn;
  }

  /** Which key it is, is not known, but it is one. */
  #placeByKey(pool: Pool, member: Member): number {
    let places = this.#keys.get(pool);
    if (places === undefined) this.#keys.set(pool, (places = new Map(pool.members.map((one) => [one, this.#chance.unit()]))));
    return places.get(member) ?? 0;
  }
}

/** Who costs no more than is left. */
function cheaper(target: AskedTarget, { selection: { maxCostUsd } }: Wanted): readonly [Pool, readonly Member[]] {
  const pool = target.cheapest();
  return [pool, maxCostUsd === null ? pool.members : pool.members.filter(({ figures }) => figures.costUsd <= maxCostUsd)];
}

/** Tasks begin their turns at different agents. */
const TURNS = 5_040;

/** More than values differ within a group. */
const APART = 1e9;

/** Those on trial come last, or for a trial first; those of whom little is known after the others, or in their turn before them. */
function groupOf({ group }: Member, isTrial: boolean, isForNewcomers: boolean): number {
  if (group === "trial") return isTrial ? 3 : 0;
  return (group === "newcomer") === isForNewcomers ? 2 : 1;
}
