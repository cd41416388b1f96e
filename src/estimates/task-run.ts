/**
 * A task's object in a simulated run: what it awaits itself, what it records together, and what both cost.
 *
 * O1. At most `inlinePlaces` calls are awaited at once; the others line up, those that hold a slot of their agent first.
 * O2. A reply is recorded at once when nothing else is in flight or it moves the task on, else with others a moment later.
 *     What is recorded together is one row.
 * O3. While it works on one thing it works on nothing else.
 */
import { LIMITS } from "./limits.ts";
import type { Attempt } from "./attempt-run.ts";
import type { Frame } from "./frame.ts";
import type { Processor } from "./processor.ts";
import type { Run } from "./run.ts";
import type { Work } from "./surroundings.ts";

export class TaskRun {
  readonly run: Run;
  readonly processor: Processor;
  /** Tasks that it is inside of. */
  readonly depth: number;
  /** It has some of a map's items. */
  readonly isPart: boolean;
  /** Steps that it has, those of all items and iterations included. */
  steps = 0;
  /** Attempts under way inline, those in line for a place included; and all that are under way. */
  inline = 0;
  live = 0;
  /** Calls and hedges of each capability. */
  readonly #calls = new Map<string, { calls: number; hedges: number }>();
  root: Frame | null = null;
  hasEnded = false;
  readonly #busy: number[] = [];
  #underWay = 0;
  #line: Attempt[] = [];
  #awakeSince = 0;
  #pending: (() => void)[] = [];
  #flushAt: number | null = null;

  constructor(run: Run, processor: Processor, depth: number, isPart: boolean) {
    this.run = run;
    this.processor = processor;
    this.depth = depth;
    this.isPart = isPart;
  }

  busyWith(agent: number): number {
    return this.#busy[agent] ?? 0;
  }

  isBusyWith(agent: number, by: 1 | -1): void {
    this.#busy[agent] = this.busyWith(agent) + by;
  }

  callsOf(capability: string): { calls: number; hedges: number } {
    let calls = this.#calls.get(capability);
    if (calls === undefined) this.#calls.set(capability, (calls = { calls: 0, hedges: 0 }));
    return calls;
  }

  /** When a piece of work is done that begins now, or when what goes before it is done. */
  does(work: Work): number {
    return this.processor.take(this.run.clock.now, this.run.msOf(work));
  }

  /** Calls the agent as soon as a place is free. */
  await(attempt: Attempt): void {
    if (attempt.hasSlot) {
      const behind = this.#line.findIndex(({ hasSlot }) => !hasSlot);
      this.#line.splice(behind === -1 ? this.#line.length : behind, 0, attempt);
    } else this.#line.push(attempt);
    this.#fill();
  }

  /** A call has come back, or is not waited for any more. */
  freePlace(attempt: Attempt): void {
    if (attempt.place === "in_line") {
      this.#line.splice(this.#line.indexOf(attempt), 1);
    } else {
      this.#underWay--;
      if (this.#underWay === 0) this.run.ledger.counts.awakeMs += this.run.clock.now - this.#awakeSince;
    }
    attempt.place = null;
    // The next request leaves before this reply is recorded.
    this.#fill();
  }

  #fill(): void {
    while (this.#underWay < this.run.setting.surroundings.inlinePlaces) {
      const next = this.#line.shift();
      if (next === undefined) return;
      if (this.#underWay++ === 0) this.#awakeSince = this.run.clock.now;
      next.place = "held";
      next.leave(this.does("call"));
    }
  }

  /** What was found out is a fact from then on, alone or with others. */
  record(at: number, isUrgent: boolean, settle: () => void): void {
    if (this.live <= 1) {
      this.run.clock.at(at, () => {
        this.run.ledger.counts.rows++;
        settle();
      });
      return;
    }
    this.#pending.push(settle);
    const flushAt = at + (isUrgent ? 0 : LIMITS.companyMs);
    if (this.#flushAt !== null && this.#flushAt <= flushAt) return;
    this.#flushAt = flushAt;
    this.run.clock.at(flushAt, () => this.#flush(flushAt));
  }

  get pending(): number {
    return this.#pending.length;
  }

  #flush(at: number): void {
    if (this.#flushAt !== at) return; // it was done earlier
    this.#flushAt = null;
    this.run.ledger.counts.rows++;
    for (const settle of this.#pending.splice(0)) settle();
  }
}
