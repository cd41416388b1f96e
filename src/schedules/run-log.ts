/**
 * What became of a schedule's times, in its object's storage. What happens to many times in a row alike is one row that
 * grows, so that it pushes nothing else out of the log.
 */
import { Log } from "../objects/log.ts";
import { LIMITS } from "./limits.ts";
import type { LoggedRun, RunEntry, RunOutcome } from "./run-entry.ts";

/** PERSISTED. */
const SHAPE = {
  table: "run",
  columns: `at INTEGER NOT NULL, until INTEGER NOT NULL, count INTEGER NOT NULL, is_more INTEGER NOT NULL,
  outcome TEXT NOT NULL, key TEXT, task TEXT, code TEXT, message TEXT, recorded_at INTEGER NOT NULL`,
};

interface Row {
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
}

export class RunLog {
  readonly #log: Log<Row>;

  constructor(sql: SqlStorage) {
    this.#log = new Log(sql, SHAPE);
  }

  add(entry: RunEntry, now: number): void {
    const [last] = this.list(undefined, null, 1);
    if (last !== undefined && isAlike(last, entry)) return this.#grow(last, entry, now);
    const { isMore, reason, ...times } = entry;
    const { code, message } = reason ?? { code: null, message: null };
    const seq = this.#log.append({ ...times, is_more: isMore ? 1 : 0, code, message, recorded_at: now });
    if (seq !== null && seq % LIMITS.scheduleRunsPerTrim === 0) this.#log.trim({ count: LIMITS.scheduleRunsKept });
  }

  /** Newest first. */
  list(outcome: RunOutcome | undefined, before: number | null, limit: number): readonly LoggedRun[] {
    return this.#log.before(before, limit, { outcome }).map(runOf);
  }

  /** The run that somebody asked for under a key. */
  find(key: string): LoggedRun | null {
    const [row] = this.#log.before(null, 1, { key });
    return row === undefined ? null : runOf(row);
  }

  clear(): void {
    this.#log.clear();
  }

  forget(): void {
    this.#log.forget();
  }

  #grow({ seq, count, isMore }: LoggedRun, entry: RunEntry, now: number): void {
    this.#log.rows(
      "UPDATE run SET until = ?, count = ?, is_more = ?, recorded_at = ? WHERE seq = ?",
      entry.until,
      count + entry.count,
      isMore || entry.isMore ? 1 : 0,
      now,
      seq,
    );
  }
}

function runOf({ code, message, is_more: more, recorded_at: recordedAt, ...row }: Row): LoggedRun {
  return { ...row, isMore: more === 1, reason: code === null ? null : { code, message: message ?? "" }, recordedAt };
}

/** Whether an entry says of more times what the last one says. What somebody asked for stands alone. */
function isAlike(last: LoggedRun, { outcome, key, reason }: RunEntry): boolean {
  if (outcome === "started" || last.outcome !== outcome || last.key !== null || key !== null) return false;
  return last.reason?.code === reason?.code && last.reason?.message === reason?.message;
}
