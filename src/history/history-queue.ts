/** Status rows on their way to D1: a batch of messages is one transaction, and every order of them ends the same. */
import { z } from "zod";
import { log, messageOf } from "../shared/log.ts";
import type { HistoryRow } from "./port.ts";

const historyRow = z.object({
  v: z.literal(1),
  tenant: z.string(),
  seq: z.int(),
  head: z.custom<HistoryRow["head"]>((head) => typeof head === "object" && head !== null),
  waiting_for: z.string().nullable(),
  fingerprint: z.string().nullable(),
});

export async function consumeHistory(messages: readonly Message[], write: (rows: readonly HistoryRow[]) => Promise<void>): Promise<void> {
  const rows: HistoryRow[] = [];
  const readable: Message[] = [];
  for (const message of messages) {
    const parsed = historyRow.safeParse(message.body);
    if (parsed.success) {
      rows.push(parsed.data);
      readable.push(message);
    } else {
      log("error", "history message unreadable", { id: message.id });
      message.ack();
    }
  }
  try {
    await write(newest(rows));
    for (const message of readable) message.ack();
  } catch (error) {
    log("warn", "history not written, will come again", { error: messageOf(error), rows: rows.length });
    for (const message of readable) message.retry({ delaySeconds: Math.min(2 ** message.attempts, 60) });
  }
}

/** Of several rows of one task only the last matters. */
function newest(rows: readonly HistoryRow[]): readonly HistoryRow[] {
  const byTask = new Map<string, HistoryRow>();
  for (const row of rows) {
    const key = `${row.tenant}/${row.head.id}`;
    const known = byTask.get(key);
    if (known === undefined || known.seq < row.seq) byTask.set(key, row);
  }
  return [...byTask.values()];
}
