/**
 * What a shard says and does, over the rows that somebody keeps for it: it decides, and knows no clock, no network and no
 * database.
 *
 * S1. Of those who ask for a key at the same time one brings the result; so one of them calls an agent.
 * S2. What was invalidated is not given to anybody afterwards, not even when it was under way.
 * S3. Only who is first fills: what others bring may be older than what was dropped meanwhile.
 */
import { earliest } from "../objects/alarm.ts";
import type { AskAnswer, Asker, CacheAnswer, Named, Reply, ShardStatistics, Terms } from "./cache-contract.ts";
import { Lines, type InLine, type LineChange, type LineRhythm } from "./lines.ts";
import { isNamed, EntryIndex, type Entry, type EntryLimits } from "./entry-index.ts";

/** The rows. All of it is synchronous and belongs to the transaction of the call. */
export interface ShardRows {
  readonly addEntry: (entry: Entry, body: Uint8Array) => void;
  readonly useEntry: (id: number, usedAt: number) => void;
  readonly dropEntry: (id: number) => void;
  readonly body: (id: number) => Uint8Array;
  readonly putLine: (row: InLine) => void;
  readonly dropLine: (id: number) => void;
}

export interface ShardBounds extends EntryLimits, LineRhythm {
  readonly line: number;
  readonly valueBytes: number;
  /** When an entry was used last is written down this often. */
  readonly touchMs: number;
  /** How far apart expired entries are looked for. */
  readonly trimMs: number;
  /** When those are told again who should have been told. */
  readonly againMs: number;
}

/** Counted since the shard is there. */
export type Counts = Pick<ShardStatistics, "hits" | "misses" | "evictions" | "invalidations">;
export const NO_COUNTS: Counts = { hits: 0, misses: 0, evictions: 0, invalidations: 0 };

const FIRST: CacheAnswer = { type: "miss", reason: "first" };
const UNAVAILABLE: AskAnswer = { type: "miss", reason: "unavailable" };

export class Shard {
  readonly #rows: ShardRows;
  readonly #bounds: ShardBounds;
  readonly #entries: EntryIndex;
  readonly #lines: Lines;
  #lastId: number;
  #counts: Counts;

  constructor(rows: ShardRows, bounds: ShardBounds, entries: readonly Entry[] = [], line: readonly InLine[] = [], counts = NO_COUNTS) {
    this.#rows = rows;
    this.#bounds = bounds;
    this.#entries = new EntryIndex(bounds, entries);
    this.#lines = new Lines(bounds, line);
    this.#lastId = [...entries, ...line].reduce((last, { id }) => Math.max(last, id), 0);
    this.#counts = counts;
  }

  ask(asker: Asker, terms: Terms, now: number): AskAnswer {
    const known = this.#lines.find(asker);
    const answer = this.#standing(asker.key, known, now);
    if (answer !== null) {
      if (known !== null && !isFirstMiss(answer)) this.#keep(this.#lines.leave(known, now));
      if (known === null) this.#count(answer.type === "hit" ? "hits" : "misses");
      return answer;
    }
    if (known === null) {
      if (this.#lines.size >= this.#bounds.line) return UNAVAILABLE;
      this.#keep(this.#lines.join({ id: this.#nextId(), ...asker, ...terms }, now));
      if (this.#isFirst(asker)) this.#count("misses");
    }
    return this.#isFirst(asker) ? FIRST : { type: "waiting", task: this.#lines.first(asker.key)?.task ?? asker.task };
  }

  fill(asker: Asker, value: Uint8Array | null, now: number): void {
    const one = this.#lines.find(asker);
    if (one === null) return;
    if (!this.#lines.isFirst(one) || one.spoiled) return this.#keep(this.#lines.leave(one, now));
    const isKept = value !== null && value.byteLength <= this.#bounds.valueBytes;
    if (isKept) this.#put(one, value, now);
    this.#keep(this.#lines.leave(one, now));
    this.#keep(this.#lines.callAll(one.key, now, !isKept));
  }

  free(asker: Asker, now: number): void {
    const one = this.#lines.find(asker);
    if (one !== null) this.#keep(this.#lines.leave(one, now));
  }

  invalidate(named: Named): number {
    const dropped = this.#entries.named(named);
    for (const entry of dropped) this.#drop(entry);
    this.#keep(this.#lines.spoil((one) => isNamed(one, named)));
    this.#counts = { ...this.#counts, invalidations: this.#counts.invalidations + dropped.length };
    return dropped.length;
  }

  /** Those who are to be told something now, and what: at most so many, because results weigh something. */
  calls(
    now: number,
    most: number,
    isUnderWay: (one: InLine) => boolean,
  ): readonly { readonly one: InLine; readonly answer: CacheAnswer }[] {
    const calls: { readonly one: InLine; readonly answer: CacheAnswer }[] = [];
    for (const one of this.#lines.due(now)) {
      if (calls.length >= most) break;
      if (isUnderWay(one)) continue;
      const answer = this.#standing(one.key, one, now) ?? (this.#lines.isFirst(one) ? FIRST : null);
      // The result that they were to be told of is gone again.
      if (answer === null) this.#keep(this.#lines.rest(one));
      else calls.push({ one, answer });
    }
    return calls;
  }

  /** What somebody said who was told; `null` when they could not be reached. */
  told(one: InLine, answer: CacheAnswer, reply: Reply | null, now: number): void {
    const current = this.#lines.find(one);
    if (current?.id !== one.id) return;
    if (reply !== null && answer.type === "hit") this.#count("hits");
    if (reply === null) this.#keep(this.#lines.unanswered(current, now));
    else if (!isFirstMiss(answer) || reply.type === "gone") this.#keep(this.#lines.leave(current, now));
    else if (reply.type === "done") this.fill(one, reply.value, now);
    else this.#keep(this.#lines.confirmed(current, now));
  }

  /** Drops what has expired. */
  trim(now: number): void {
    for (const entry of this.#entries.expired(now)) this.#drop(entry);
  }

  /** When it has to be looked at again. */
  wakeAt(now: number): number | null {
    const { expiresAt } = this.#entries;
    const { dueAt } = this.#lines;
    // Who is due is being told; the alarm is for those who were not, for whatever reason.
    const lineAt = dueAt === null ? null : Math.max(dueAt, now + this.#bounds.againMs);
    return earliest(lineAt, expiresAt === null ? null : Math.max(expiresAt, now + this.#bounds.trimMs));
  }

  get counts(): Counts {
    return this.#counts;
  }

  statistics(): ShardStatistics {
    const { size: all, keys: working } = this.#lines;
    return { entries: this.#entries.size, bytes: this.#entries.bytes, working, waiting: all - working, ...this.#counts };
  }

  /** What stands for somebody, in line or not, without anybody else: `null` where it depends on the line. */
  #standing(key: string, known: InLine | null, now: number): CacheAnswer | null {
    const entry = this.#entries.find(key, now);
    if (entry !== null) return this.#hit(entry, now);
    if (known?.skips) return { type: "miss", reason: "skipped" };
    return null;
  }

  #isFirst(asker: Asker): boolean {
    const one = this.#lines.find(asker);
    return one !== null && this.#lines.isFirst(one);
  }

  #hit(entry: Entry, now: number): CacheAnswer {
    const isWorthWriting = now - entry.usedAt >= this.#bounds.touchMs;
    if (isWorthWriting) this.#rows.useEntry(entry.id, now);
    this.#entries.use(entry, isWorthWriting ? now : entry.usedAt);
    return { type: "hit", value: this.#rows.body(entry.id), task: entry.task, madeAt: entry.madeAt };
  }

  #put({ key, task, subject, tags, ttlMs }: InLine, value: Uint8Array, now: number): void {
    const bytes = value.byteLength + OVERHEAD;
    if (bytes > this.#bounds.bytes) return;
    const entry: Entry = { id: this.#nextId(), key, task, subject, tags, bytes, madeAt: now, expiresAt: now + ttlMs, usedAt: now };
    const dropped = this.#entries.put(entry, now);
    for (const { id } of dropped) this.#rows.dropEntry(id);
    const evicted = dropped.filter((one) => one.key !== key && one.expiresAt > now).length;
    this.#counts = { ...this.#counts, evictions: this.#counts.evictions + evicted };
    this.#rows.addEntry(entry, value);
  }

  #drop(entry: Entry): void {
    this.#entries.remove(entry);
    this.#rows.dropEntry(entry.id);
  }

  #keep({ written, gone }: LineChange): void {
    for (const row of written) this.#rows.putLine(row);
    for (const { id } of gone) this.#rows.dropLine(id);
  }

  #count(what: "hits" | "misses"): void {
    this.#counts = { ...this.#counts, [what]: this.#counts[what] + 1 };
  }

  /** Ids of entries and of those in line are of one row of numbers. */
  #nextId(): number {
    return ++this.#lastId;
  }
}

/** What an entry weighs beside its body. */
const OVERHEAD = 300;

const isFirstMiss = (answer: CacheAnswer): boolean => answer.type === "miss" && answer.reason === "first";
