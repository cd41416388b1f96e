/**
 * The deliveries of an endpoint in its object's storage: those that wait and those that were.
 *
 * L1. A row waits exactly while it has a time at which it is due.
 * L2. Every bound is kept by dropping the oldest: of those that wait by giving them up, of the others by deleting them.
 */
import { Log } from "../objects/log.ts";
import type { DeliveryStatus, DueDelivery, LoggedDelivery, NewDelivery, Try, Verdict } from "./delivery.ts";
import { LIMITS } from "./limits.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** PERSISTED. `tries` counts those since it was accepted or asked for again, `log` has the last of all of them. */
const SHAPE = {
  table: "delivery",
  columns: `id TEXT NOT NULL, event TEXT NOT NULL, task TEXT, status TEXT NOT NULL, due INTEGER,
  tries INTEGER NOT NULL, created_at INTEGER NOT NULL, log TEXT NOT NULL, secret TEXT, body TEXT NOT NULL`,
  indexes: ["CREATE UNIQUE INDEX delivery_by_id ON delivery (id)", "CREATE INDEX delivery_due ON delivery (due) WHERE due IS NOT NULL"],
  select: "seq, id, event, task, status, created_at AS createdAt, due AS nextAt, log",
};

type Row = Omit<LoggedDelivery, "log"> & { readonly log: string };

export class DeliveryLog {
  readonly #log: Log<Row>;

  constructor(sql: SqlStorage) {
    this.#log = new Log(sql, SHAPE);
  }

  /** Adds a delivery that is due now. A known id adds nothing. */
  add({ id, event, task, body, secret }: NewDelivery, now: number): void {
    const added = { id, event, task, status: "pending", due: now, tries: 0, created_at: now, log: "[]", secret, body };
    const seq = this.#log.append(added);
    if (seq !== null && seq % LIMITS.deliveriesPerTrim === 0) this.#trim(now);
  }

  /** Deliveries to be sent, the longest due first, without those in `except`. */
  due(now: number, limit: number, except: ReadonlySet<string>): readonly DueDelivery[] {
    if (limit <= 0) return [];
    return this.#log.rows<DueDelivery>(
      `SELECT id, event, task, tries, secret, body FROM delivery
       WHERE due <= ? AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due, seq LIMIT ?`,
      now,
      JSON.stringify([...except]),
      limit,
    );
  }

  /** When the next one is due that is not yet; `null` when there is none. */
  nextDueAt(now: number): number | null {
    return this.#log.rows<{ at: number | null }>("SELECT min(due) AS at FROM delivery WHERE due > ?", now)[0]?.at ?? null;
  }

  isAnyDue(now: number): boolean {
    return this.#log.rows("SELECT 1 FROM delivery WHERE due <= ? LIMIT 1", now).length > 0;
  }

  isAnyWaiting(): boolean {
    return this.#log.rows("SELECT 1 FROM delivery WHERE due IS NOT NULL LIMIT 1").length > 0;
  }

  /** What came of a try. `false`: the delivery is no longer there. */
  settle(id: string, tried: Try, { status, nextAt }: Verdict): boolean {
    const [row] = this.#log.rows<{ log: string }>("SELECT log FROM delivery WHERE id = ?", id);
    if (row === undefined) return false;
    const log = [...(JSON.parse(row.log) as readonly Try[]), tried].slice(-LIMITS.triesKept);
    this.#log.rows(
      "UPDATE delivery SET status = ?, due = ?, tries = tries + 1, log = ? WHERE id = ?",
      status,
      nextAt,
      JSON.stringify(log),
      id,
    );
    return true;
  }

  /** As if it had just been accepted; what it went through stays in its log. `false`: it is not there. */
  restart(id: string, now: number): boolean {
    const restarted = this.#log.rows("UPDATE delivery SET status = 'pending', due = ?, tries = 0 WHERE id = ? RETURNING seq", now, id);
    return restarted.length > 0;
  }

  list(status: DeliveryStatus | undefined, before: number | null, limit: number): readonly LoggedDelivery[] {
    return this.#log.before(before, limit, { status }).map((row) => ({ ...row, log: JSON.parse(row.log) as readonly Try[] }));
  }

  counts(): Readonly<Record<DeliveryStatus, number>> {
    const rows = this.#log.rows<{ status: DeliveryStatus; rows: number }>("SELECT status, count(*) AS rows FROM delivery GROUP BY status");
    return { pending: 0, delivered: 0, given_up: 0, ...Object.fromEntries(rows.map(({ status, rows }) => [status, rows])) };
  }

  /** Deletes what is older than the retention, whatever it is, and what passes the bounds. */
  purge(now: number): void {
    this.#log.trim({ after: { column: "created_at", moment: now - LIMITS.deliveryRetentionMs } });
    this.#trim(now);
  }

  /** When the purge will have something to do: not before a day from the last, so that it does not go row by row. */
  nextPurgeAt(): number | null {
    const [oldest] = this.#log.rows<{ at: number }>("SELECT created_at AS at FROM delivery ORDER BY seq LIMIT 1");
    return oldest === undefined ? null : oldest.at + LIMITS.deliveryRetentionMs + DAY_MS;
  }

  isEmpty(): boolean {
    return this.#log.rows("SELECT 1 FROM delivery LIMIT 1").length === 0;
  }

  forget(): void {
    this.#log.forget();
  }

  #trim(now: number): void {
    const crowded: Try = { at: now, ms: 0, error: `given up: more than ${LIMITS.deliveriesWaiting} deliveries wait`, nextAt: null };
    this.#log.rows(
      `UPDATE delivery SET status = 'given_up', due = NULL, log = json_insert(log, '$[#]', json(?))
       WHERE due IS NOT NULL AND seq <= ${this.#log.beyond("due IS NOT NULL")}`,
      JSON.stringify(crowded),
      LIMITS.deliveriesWaiting,
    );
    this.#log.trim({ count: LIMITS.deliveriesKept, of: "due IS NULL" });
  }
}
