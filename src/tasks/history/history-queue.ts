/**
 * What tasks tell on the side. Status rows on their way to D1: a batch is one transaction, and every order of them ends the
 * same. Outcomes on their way to the objects of agents: a batch is one call for each agent.
 */
import { z } from "zod";
import { redeliverySeconds } from "../../shared/backoff.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { ApprovalRow, HistoryRow } from "./port.ts";

const historyRow = z.object({
  v: z.literal(1),
  tenant: z.string(),
  seq: z.int(),
  head: z.custom<HistoryRow["head"]>((head) => typeof head === "object" && head !== null),
  waiting_for: z.string().nullable(),
  fingerprint: z.string().nullable(),
  parent: z.string().optional(),
});

const approvalRow = z.object({
  v: z.literal(1),
  type: z.literal("approval"),
  tenant: z.string(),
  seq: z.int(),
  head: z.custom<ApprovalRow["head"]>((head) => typeof head === "object" && head !== null),
});

/** What is done with messages of one kind. Nothing may follow from a message that comes twice, but for statistics. */
export interface HistorySink<O> {
  readonly write: (rows: readonly HistoryRow[]) => Promise<void>;
  readonly writeApprovals: (rows: readonly ApprovalRow[]) => Promise<void>;
  /** The outcomes in a message, `null` when it is about something else. */
  readonly outcomesIn: (body: unknown) => O | null;
  /** Names whose outcomes they are: each agent's are learned, and come again, on their own. */
  readonly agentOf: (outcomes: O) => string;
  readonly learn: (outcomes: readonly [O, ...O[]]) => Promise<void>;
}

export async function consumeHistory<O>(messages: readonly Message[], sink: HistorySink<O>): Promise<void> {
  const rows: { readonly message: Message; readonly content: HistoryRow }[] = [];
  const outcomes: { readonly message: Message; readonly content: O }[] = [];
  const approvals: { readonly message: Message; readonly content: ApprovalRow }[] = [];
  for (const message of messages) {
    const learned = sink.outcomesIn(message.body);
    const approval = learned === null ? approvalRow.safeParse(message.body).data : undefined;
    const row = learned === null ? historyRow.safeParse(message.body) : null;
    if (learned !== null) outcomes.push({ message, content: learned });
    else if (approval !== undefined) approvals.push({ message, content: approval });
    else if (row?.success) rows.push({ message, content: row.data as HistoryRow });
    else {
      log("error", "history message unreadable", { id: message.id });
      message.ack();
    }
  }
  await Promise.all([
    settle(rows, (contents) => sink.write(newest(contents))),
    settle(approvals, (contents) => sink.writeApprovals(newest(contents))),
    ...[...groupsOf(outcomes, ({ content }) => sink.agentOf(content)).values()].map((ofAgent) =>
      settle(ofAgent, (contents) => sink.learn(contents as readonly [O, ...O[]])),
    ),
  ]);
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

async function settle<T>(
  received: readonly { readonly message: Message; readonly content: T }[],
  work: (contents: readonly T[]) => Promise<void>,
): Promise<void> {
  if (received.length === 0) return;
  try {
    await work(received.map(({ content }) => content));
    for (const { message } of received) message.ack();
  } catch (error) {
    log("warn", "history not written, will come again", { error: messageOf(error), messages: received.length });
    for (const { message } of received) message.retry({ delaySeconds: redeliverySeconds(message.attempts) });
  }
}

/** Of several rows about one thing only the last matters. */
function newest<R extends HistoryRow | ApprovalRow>(rows: readonly R[]): readonly R[] {
  const byTask = new Map<string, R>();
  for (const row of rows) {
    const key = `${row.tenant}/${row.head.id}`;
    const known = byTask.get(key);
    if (known === undefined || known.seq < row.seq) byTask.set(key, row);
  }
  return [...byTask.values()];
}
