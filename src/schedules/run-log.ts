/**
 * What became of a schedule's times, in its object's storage. The table is made by the first write. What happens to many
 * times in a row alike is one row that grows, so that it pushes nothing else out of the log.
 */
import { LIMITS } from "./limits.ts";
import type { LoggedRun, RunEntry, RunOutcome } from "./run-entry.ts";

/** PERSISTED. */
const TABLE = `CREATE TABLE run (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL, count INTEGER NOT NULL, is_more INTEGER NOT NULL,
  outcome TEXT NOT NULL, key TEXT, task TEXT, code TEXT, message TEXT, recorded_at INTEGER NOT NULL)`;

type Row = Record<string, SqlStorageValue> & {
  readonly seq: number;
  readonly at: number;
  readonly until: number;
  readonly count: number;
  readonly is_more: number;
  readonly outcome: RunOutcome;
  readonly key: string | null;
  readonly task: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly recorded_at: number;
};

export class RunLog {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'run'").toArray().length > 0;
  }

  add(entry: RunEntry, now: number): void {
    if (!this.#exists) {
      this.#sql.exec(TABLE);
      this.#exists = true;
    }
    const [last] = this.list(undefined, null, 1);
    if (last !== undefined && isAlike(last, entry)) return this.#grow(last, entry, now);
    const { at, until, count, isMore, outcome, key, task, reason } = entry;
    const [added] = this.#sql
      .exec<{ seq: number }>(
        `INSERT INTO run (at, until, count, is_more, outcome, key, task, code, message, recorded_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
        at,
        until,
        count,
        isMore ? 1 : 0,
        outcome,
        key,
        task,
        reason?.code ?? null,
        reason?.message ?? null,
        now,
      )
      .toArray();
    if (added !== undefined && added.seq % LIMITS.scheduleRunsPerTrim === 0)
      this.#sql.exec("DELETE FROM run WHERE seq <= ?", added.seq - LIMITS.scheduleRunsKept);
  }

  /** Newest first. */
  list(outcome: RunOutcome | undefined, before: number | null, limit: number): readonly LoggedRun[] {
    return this.#read(
      "WHERE seq < ? AND (? IS NULL OR outcome = ?) ORDER BY seq DESC LIMIT ?",
      before ?? Number.MAX_SAFE_INTEGER,
      outcome ?? null,
      outcome ?? null,
      limit,
    );
  }

  /** The run that somebody asked for under a key. */
  find(key: string): LoggedRun | null {
    return this.#read("WHERE key = ? LIMIT 1", key)[0] ?? null;
  }

  clear(): void {
    if (this.#exists) this.#sql.exec("DROP TABLE run");
    this.#exists = false;
  }

  /** All of it was deleted. */
  forget(): void {
    this.#exists = false;
  }

  #grow({ seq, count, isMore }: LoggedRun, entry: RunEntry, now: number): void {
    this.#sql.exec(
      "UPDATE run SET until = ?, count = ?, is_more = ?, recorded_at = ? WHERE seq = ?",
      entry.until,
      count + entry.count,
      isMore || entry.isMore ? 1 : 0,
      now,
      seq,
    );
  }

  #read(where: string, ...values: readonly SqlStorageValue[]): readonly LoggedRun[] {
    if (!this.#exists) return [];
    return this.#sql
      .exec<Row>(`SELECT * FROM run ${where}`, ...values)
      .toArray()
      .map(({ code, message, is_more: more, recorded_at: recordedAt, ...row }) => ({
        ...row,
        isMore: more === 1,
        reason: code === null ? null : { code, message: message ?? "" },
        recordedAt,
      }));
  }
}

/** Whether an entry says of more times what the last one says. What somebody asked for stands alone. */
function isAlike(last: LoggedRun, { outcome, key, reason }: RunEntry): boolean {
  if (outcome === "started" || last.outcome !== outcome || last.key !== null || key !== null) return false;
  return last.reason?.code === reason?.code && last.reason?.message === reason?.message;
}
