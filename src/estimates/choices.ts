/**
 * Which agent gets a step in a simulated run: as selection would have it from the seed of an attempt, drawn by chance
 * instead. Turns and keys are the same all through a run.
 */
import { NEWCOMER_SHARE, TRIAL_SHARE } from "../agents/selection/selection.ts";
import type { Chance } from "./chance.ts";
import type { Member, Pool } from "./pool.ts";
import type { TaskRun } from "./task-run.ts";

export class Choices {
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

  /** Of some of a pool's members so many, the best first; fewer where there are no more. */
  choose(pool: Pool, members: readonly Member[], count: number, task: TaskRun): readonly Member[] {
    if (members.length <= 1) return members.slice(0, count);
    const isTrial = this.#chance.happens(TRIAL_SHARE);
    const isForNewcomers = pool.order === "score" && this.#chance.happens(NEWCOMER_SHARE);
    const turn = pool.order === "turn" ? this.#turnOf(pool) % members.length : 0;
    const values = this.#values;
    let best = 0;
    for (let index = 0; index < members.length; index++) {
      const member = members[index] as Member;
      const value = this.#valueOf(pool, member, (index - turn + members.length) % members.length, task);
      values[index] = value + APART * groupOf(member, isTrial, isForNewcomers);
      if ((values[index] as number) > (values[best] as number)) best = index;
    }
    if (count === 1) return [members[best] as Member];
    const places = members.map((_, index) => index).toSorted((a, b) => (values[b] as number) - (values[a] as number));
    return places.slice(0, count).map((index) => members[index] as Member);
  }

  #valueOf(pool: Pool, member: Member, place: number, task: TaskRun): number {
    switch (pool.order) {
      case "score": {
        const load = Math.max(task.busyWith(member.agent), member.busy) / member.capacity;
        return member.base + member.loadWeight / (1 + load) + member.exploration * this.#chance.normal();
      }
      case "fixed":
        return member.base;
      case "turn":
        return -place;
      case "weight":
        return Math.log(1 - this.#chance.unit()) / member.weight;
      case "key":
        return this.#placeByKey(pool, member);
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

/** Tasks begin their turns at different agents. */
const TURNS = 5_040;

/** More than values differ within a group. */
const APART = 1e9;

/** Those on trial come last, or for a trial first; those of whom little is known after the others, or in their turn before them. */
function groupOf({ group }: Member, isTrial: boolean, isForNewcomers: boolean): number {
  if (group === "trial") return isTrial ? 3 : 0;
  return (group === "newcomer") === isForNewcomers ? 2 : 1;
}
