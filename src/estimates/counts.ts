/** What a run costs on the platform, in what the platform counts. */

export interface Counts {
  /** Calls of agents. */
  calls: number;
  /** Rows that objects write, alarms included. */
  rows: number;
  /** Rows in D1, with those of their indexes. */
  d1Rows: number;
  /** Requests to objects, their alarms included. */
  objectRequests: number;
  workerRequests: number;
  /** Queue messages: each is written, read and deleted. */
  messages: number;
  /** How long objects are awake, waiting for agents or putting a task away. */
  awakeMs: number;
}

export const newCounts = (): Counts => ({ calls: 0, rows: 0, d1Rows: 0, objectRequests: 0, workerRequests: 0, messages: 0, awakeMs: 0 });

/** What every task costs besides its steps: as `test/workers/estimates.test.ts` finds it in the meters. */
export const TASK_COUNTS = {
  /** Its creation with the table, the mark of its archive, and its alarms: while it is live, and for the end of its retention. */
  rows: 6,
  /** Its row with the indexes, and the archive. */
  d1Rows: 5,
  /** The row moves once more, and a message brings it, where a task outlives `LIMITS.historyQuietMs`. */
  lastingD1Rows: 1,
  /** The submission, the end of its retention. */
  objectRequests: 2,
} as const;

/** A part of a map's items is archived nowhere. */
export const PART_COUNTS = { rows: 6, objectRequests: 2 } as const;

/**
 * Cloudflare's prices beyond what a plan includes, USD, read in October 2026:
 * https://developers.cloudflare.com/durable-objects/platform/pricing (requests, duration of 128 MB objects, rows),
 * https://developers.cloudflare.com/workers/platform/pricing (requests), https://developers.cloudflare.com/queues/platform/pricing
 * (operations: each message is written, read and deleted), https://developers.cloudflare.com/d1/platform/pricing (rows).
 * Processor time is left out: at 0.02 USD for a million milliseconds it is a hundredth of the rest.
 */
const MILLION = 1_000_000;
export const PRICES_USD = {
  objectRequest: 0.15 / MILLION,
  objectGbSecond: 12.5 / MILLION,
  rowWritten: 1 / MILLION,
  workerRequest: 0.3 / MILLION,
  queueOperation: 0.4 / MILLION,
  d1RowWritten: 1 / MILLION,
} as const;

const OBJECT_GB = 0.128;
export const OPERATIONS_PER_MESSAGE = 3;

export const gbSecondsOf = ({ awakeMs }: Pick<Counts, "awakeMs">): number => (awakeMs / 1_000) * OBJECT_GB;

export function costOf(counts: Counts): number {
  return (
    counts.rows * PRICES_USD.rowWritten +
    counts.d1Rows * PRICES_USD.d1RowWritten +
    counts.objectRequests * PRICES_USD.objectRequest +
    counts.workerRequests * PRICES_USD.workerRequest +
    counts.messages * OPERATIONS_PER_MESSAGE * PRICES_USD.queueOperation +
    gbSecondsOf(counts) * PRICES_USD.objectGbSecond
  );
}
