/**
 * Those who asked for results that there are not: of each key the first brings it, the others wait. No clock, no storage.
 *
 * L1. A key has one first at a time, and a line has a first.
 * L2. Whoever is in line is told in the end: the result, or that they are first now, or that they go on by themselves.
 * L3. Who is first is asked whether they still are, so one who is gone holds nobody up, and one who is slow is not replaced.
 */
import { backoffMs } from "../shared/backoff.ts";
import type { Asker, Terms } from "./cache-contract.ts";

/** PERSISTED, as a row. */
export interface InLine extends Asker, Terms {
  readonly id: number;
  /** When they are told, or asked, what stands; `null` while only the first can change that. */
  readonly dueAt: number | null;
  /** How often in a row they did not answer. */
  readonly failures: number;
  /** They go on by themselves. */
  readonly skips?: true;
  /** What they bring will not be what is wanted any more. */
  readonly spoiled?: true;
}

export interface LineRhythm {
  readonly leaseMs: number;
  readonly idleMs: number;
  readonly tells: number;
}

/** What has changed: rows to write, and rows that are gone. */
export interface LineChange {
  readonly written: readonly InLine[];
  readonly gone: readonly InLine[];
}

/** The pause before somebody who did not answer is told again for the first time. */
const TELL_AGAIN_MS = 2_000;

const NOTHING: LineChange = { written: [], gone: [] };

export class Lines {
  readonly #byKey = new Map<string, InLine[]>();
  readonly #rhythm: LineRhythm;
  #size = 0;

  constructor(rhythm: LineRhythm, rows: readonly InLine[] = []) {
    this.#rhythm = rhythm;
    for (const row of rows.toSorted((a, b) => a.id - b.id)) this.#push(row);
  }

  /** All in line, those who are first included; and how many of these there are. */
  get size(): number {
    return this.#size;
  }

  get keys(): number {
    return this.#byKey.size;
  }

  find(asker: Asker): InLine | null {
    return this.#byKey.get(asker.key)?.find((one) => one.task === asker.task && one.step === asker.step) ?? null;
  }

  first(key: string): InLine | null {
    return this.#byKey.get(key)?.[0] ?? null;
  }

  isFirst(one: InLine): boolean {
    return this.first(one.key)?.id === one.id;
  }

  /** Joins the line of a key, maybe as its first. Who is first is asked sooner once somebody waits. */
  join(row: Pick<InLine, "id" | keyof Asker | keyof Terms>, now: number): LineChange {
    const first = this.first(row.key);
    const joined: InLine = { ...row, dueAt: first === null ? now + this.#rhythm.idleMs : null, failures: 0 };
    this.#push(joined);
    const soon = now + this.#rhythm.leaseMs;
    const isSooner = first !== null && first.dueAt !== null && first.dueAt > soon;
    return { written: isSooner ? [this.#put({ ...first, dueAt: soon }), joined] : [joined], gone: [] };
  }

  /** Leaves the line; the next one is first then, and to be told. */
  leave(one: InLine, now: number): LineChange {
    const line = this.#byKey.get(one.key) ?? [];
    const place = line.findIndex(({ id }) => id === one.id);
    if (place === -1) return NOTHING;
    line.splice(place, 1);
    this.#size--;
    if (line.length === 0) this.#byKey.delete(one.key);
    const next = place === 0 ? line[0] : undefined;
    return { written: next === undefined || next.dueAt !== null ? [] : [this.#put({ ...next, dueAt: now })], gone: [one] };
  }

  /** The result is there, or will not be: everybody in line is to be told. With `skips` they go on by themselves. */
  callAll(key: string, now: number, skips: boolean): LineChange {
    const line = this.#byKey.get(key) ?? [];
    return { written: line.map((one) => this.#put({ ...one, dueAt: now, ...(skips && { skips: true as const }) })), gone: [] };
  }

  /** Who is first brings it still. */
  confirmed(one: InLine, now: number): LineChange {
    const current = this.find(one);
    if (current === null) return NOTHING;
    const isAlone = this.#byKey.get(one.key)?.length === 1;
    const { leaseMs, idleMs } = this.#rhythm;
    return { written: [this.#put({ ...current, dueAt: now + (isAlone ? idleMs : leaseMs), failures: 0 })], gone: [] };
  }

  /** Who was to be told did not answer: later again, each time later, and at last not any more. */
  unanswered(one: InLine, now: number): LineChange {
    const current = this.find(one);
    if (current === null) return NOTHING;
    const failures = current.failures + 1;
    if (failures >= this.#rhythm.tells) return this.leave(current, now);
    const pauseMs = backoffMs({ firstMs: TELL_AGAIN_MS, mostMs: this.#rhythm.idleMs }, failures);
    return { written: [this.#put({ ...current, failures, dueAt: now + pauseMs })], gone: [] };
  }

  /** What they were to be told does not hold any more: they wait on. */
  rest(one: InLine): LineChange {
    const current = this.find(one);
    return current === null ? NOTHING : { written: [this.#put({ ...current, dueAt: null, failures: 0 })], gone: [] };
  }

  /** What is being made and is so will not be kept. */
  spoil(isSo: (one: InLine) => boolean): LineChange {
    const written: InLine[] = [];
    for (const [first] of this.#byKey.values())
      if (first !== undefined && isSo(first)) written.push(this.#put({ ...first, spoiled: true }));
    return { written, gone: [] };
  }

  /** Those who are to be told or asked now. */
  due(now: number): readonly InLine[] {
    return [...this.#byKey.values()].flatMap((line) => line.filter(({ dueAt }) => dueAt !== null && dueAt <= now));
  }

  /** When the next of them is; `null` where there is none. */
  get dueAt(): number | null {
    let next: number | null = null;
    for (const line of this.#byKey.values()) {
      for (const { dueAt } of line) {
        // Behind one who only waits there are none who are called.
        if (dueAt === null) break;
        next = next === null ? dueAt : Math.min(next, dueAt);
      }
    }
    return next;
  }

  #push(row: InLine): void {
    const line = this.#byKey.get(row.key);
    if (line === undefined) this.#byKey.set(row.key, [row]);
    else line.push(row);
    this.#size++;
  }

  #put(row: InLine): InLine {
    const line = this.#byKey.get(row.key) as InLine[];
    line[line.findIndex(({ id }) => id === row.id)] = row;
    return row;
  }
}
