/**
 * Plays a journal again through the engine as it is now, calling nobody: what came from outside is taken from the record,
 * what the engine made of it has to come out the same. It guards compatibility between versions of the engine, and tells
 * whether a journal is what this engine would have written.
 *
 * P1. What the outside said is read off the facts it established (`replay-inputs.ts`); which agents there were, off the
 *     choices that were made of them (`replay-world.ts`).
 * P2. State is folded from the record, so values stay where they are recorded, and a replay stops at the first difference.
 */
import type { Json } from "../../shared/json.ts";
import { inTurn } from "../../language/expressions/budget.ts";
import { admit } from "../rules/admit.ts";
import { advance } from "../rules/advance.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { TaskCreated } from "../facts/created.ts";
import { begin, evolve } from "../state/evolve.ts";
import type { Graph } from "../../language/graph.ts";
import { lookAgain } from "../transition.ts";
import type { TaskState } from "../state/state.ts";
import { readValue, type RecordedValue } from "../facts/value.ts";
import type { World } from "../world.ts";
import { inputsFor } from "./replay-inputs.ts";
import { isSameFact } from "./replay-facts.ts";
import { Moment } from "../facts/moment.ts";
import { recordedWorld } from "./replay-world.ts";

export interface RecordedRow {
  /** The number of its last event. */
  readonly seq: number;
  readonly at: number;
  readonly events: readonly TaskEvent[];
}

/** Where the record and the engine part. */
export interface Divergence {
  readonly seq: number;
  readonly at: number;
  /** What the journal says; `null` where it says nothing more. */
  readonly recorded: TaskEvent | null;
  /** What the engine says; `null` where nothing follows. */
  readonly replayed: TaskEvent | null;
}

export interface Replayed {
  /** How many events agree. */
  readonly events: number;
  readonly divergence: Divergence | null;
}

/** `graph` is of the definition in `created`, the journal's first event; `rows` are all of the journal. */
export function replay(graph: Graph, created: TaskCreated, rows: Iterable<RecordedRow>, read: (recorded: RecordedValue) => Json): Replayed {
  let player: Player | null = null;
  for (const { at, seq, events } of momentsOf(rows)) {
    player ??= new Player(graph, created, at, read);
    const divergence = player.play(events, seq - events.length, at);
    if (divergence !== null) return { events: divergence.seq - 1, divergence };
  }
  return { events: player?.seq ?? 0, divergence: null };
}

/** Rows of one moment together: what one flush established may be several rows. */
function* momentsOf(rows: Iterable<RecordedRow>): Iterable<RecordedRow> {
  let [seq, moment, gathered]: [number, number | null, TaskEvent[]] = [0, null, []];
  for (const row of rows) {
    if (moment !== null && row.at !== moment) {
      yield { seq, at: moment, events: gathered };
      gathered = [];
    }
    ({ seq, at: moment } = row);
    gathered.push(...row.events);
  }
  if (moment !== null) yield { seq, at: moment, events: gathered };
}

/** Thrown to leave the engine at the first difference, from inside. */
class Parted {
  readonly replayed: TaskEvent;
  constructor(replayed: TaskEvent) {
    this.replayed = replayed;
  }
}

class Player {
  readonly #state: TaskState;
  readonly #read: (recorded: RecordedValue) => Json;

  constructor(graph: Graph, created: TaskCreated, at: number, read: (recorded: RecordedValue) => Json) {
    this.#state = begin(graph, created, at);
    this.#read = read;
  }

  get seq(): number {
    return this.#state.seq;
  }

  /** What was one turn, and rested, is one here. */
  play(facts: readonly TaskEvent[], after: number, at: number): Divergence | null {
    return inTurn(() => this.#play(facts, after, at));
  }

  #play(facts: readonly TaskEvent[], after: number, at: number): Divergence | null {
    const moment = new Moment(at, facts, after === 0 ? 1 : 0); // the task's creation is where it begins
    const world = recordedWorld(moment, this.#read);
    const part = (replayed: TaskEvent | null): Divergence => ({
      seq: after + moment.done + 1,
      at,
      recorded: moment.next ?? null,
      replayed,
    });
    try {
      while (moment.next !== undefined) if (!this.#explain(moment, world)) return part(null);
      return null;
    } catch (error) {
      if (error instanceof Parted) return part(error.replayed);
      throw error;
    }
  }

  /** What comes next by an input, or because time has passed; false if it comes of neither. */
  #explain(moment: Moment, world: World): boolean {
    const before = moment.done;
    const follow = (): void =>
      advance(
        this.#state,
        world,
        (facts) => this.#record(moment, facts),
        () => moment.next === undefined,
      );
    let closest: readonly TaskEvent[] = [];
    for (const input of inputsFor(moment, (stored) => readValue(stored, world.values))) {
      const admitted = admit(this.#state, input, world);
      if (!admitted.ok) continue;
      const agreed = this.#agreed(moment, admitted.value);
      if (agreed > 0 && agreed === admitted.value.length) {
        this.#record(moment, admitted.value);
        follow();
        return true;
      }
      if (agreed > 0) closest = admitted.value;
    }
    try {
      follow();
      if (moment.done > before) return true;
      // The agents were known afresh: whoever found none before looked again.
      lookAgain(this.#state, world.now);
      follow();
      if (moment.done > before) return true;
    } catch (error) {
      // What came from outside began like the record: the difference is in what was made of it.
      if (moment.done > before || closest.length === 0) throw error;
    }
    this.#record(moment, closest);
    return false;
  }

  /** How many of the facts are those recorded next. */
  #agreed(moment: Moment, facts: readonly TaskEvent[]): number {
    const differs = facts.findIndex((fact, index) => {
      const recorded = moment.facts[moment.done + index];
      return recorded === undefined || !isSameFact(recorded, fact, this.#read);
    });
    return differs === -1 ? facts.length : differs;
  }

  #record(moment: Moment, facts: readonly TaskEvent[]): void {
    for (const fact of facts) {
      const recorded = moment.next;
      if (recorded === undefined || !isSameFact(recorded, fact, this.#read)) throw new Parted(fact);
      evolve(this.#state, [recorded], moment.at);
      moment.done++;
    }
  }
}
