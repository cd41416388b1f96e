/**
 * A task as a file that can be taken elsewhere: NDJSON, a header and then every event with its values in it. What binds it
 * to this service or is nobody else's business (tenant, webhook, where it was submitted) is left out.
 *
 * PERSISTED: `{"format":"orchestrator.journal","v":1,"task","type","workflow","status","created_at","events"}`, then
 * `{"seq","at","event"}`. A value that was kept no longer is `{"payload":0,"bytes"}`.
 */
import type { TaskEvent } from "../../engine/facts/event.ts";
import { carriedBy } from "../../engine/facts/carried-value.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import { VALUES } from "../../engine/replay/replay-facts.ts";
import { taskHead } from "../views/view.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { LEFT_BEHIND } from "../history/archive.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import type { Loaded } from "../journal/load.ts";

export const JOURNAL_FORMAT = "orchestrator.journal";

export interface JournalHeader {
  readonly format: typeof JOURNAL_FORMAT;
  readonly v: 1;
  readonly task: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly status: string;
  readonly created_at: string;
  /** How many lines follow. */
  readonly events: number;
}

/** The task as it stands; what happens later is not in the file. */
export function journalHeader({ state }: Loaded): JournalHeader {
  const { id, type, workflow, status, created_at } = taskHead(state);
  const task = state.created.imported?.from ?? id;
  // Where it has been put away is of no interest elsewhere.
  const events = state.archivedAt === null ? state.seq : state.seq - 1;
  return { format: JOURNAL_FORMAT, v: 1, task, type, workflow, status, created_at, events };
}

/** Lines of events after number `after`: at least one, and no more once there are so many bytes; `null` where there is none. */
export function journalPage(source: JournalSource, after: number, last: number): Uint8Array | null {
  const encoder = new TextEncoder();
  const carriers = new Carriers(source);
  const lines: Uint8Array[] = [];
  let bytes = 0;
  for (const { seq, at, events } of source.rowsAfter(after)) {
    const first = seq - events.length + 1;
    for (const [index, event] of events.entries()) {
      if (first + index <= after) continue;
      if (first + index > last || bytes >= LIMITS.exportPageBytes) return joined(lines, bytes);
      const line = encoder.encode(
        `${JSON.stringify({ seq: first + index, at, event: withValues(bare(event), first + index, source, carriers) })}\n`,
      );
      lines.push(line);
      bytes += line.byteLength;
    }
  }
  return joined(lines, bytes);
}

function joined(lines: readonly Uint8Array[], bytes: number): Uint8Array | null {
  if (lines.length === 0) return null;
  const page = new Uint8Array(bytes);
  let at = 0;
  for (const line of lines) {
    page.set(line, at);
    at += line.byteLength;
  }
  return page;
}

/** How many lines a page has. */
export function linesIn(page: Uint8Array): number {
  let lines = 0;
  for (const byte of page) if (byte === 0x0a) lines++;
  return lines;
}

/** The task's id is the one that it ran under: what was drawn by lot depends on it. */
function bare(event: TaskEvent): TaskEvent {
  if (event.type !== "task.created") return event;
  const { webhook: _, fingerprint: __, imported, ...created } = event;
  return { ...created, task: imported?.from ?? created.task, tenant: "", origin: "" };
}

/** A value that an earlier event has, too, is named by that one's number, as in the journal itself. */
function withValues(event: TaskEvent, seq: number, source: JournalSource, carriers: Carriers): Json {
  const carried = carriedBy(event);
  const entries = Object.entries(event).map(([name, member]): [string, Json] => {
    if (!VALUES.includes(name) || typeof member !== "object" || member === null || !("payload" in member)) return [name, member as Json];
    const stored = member as Payload;
    const first = stored === carried && stored.payload !== LEFT_BEHIND ? carriers.firstOf(stored) : seq;
    return [name, first < seq ? { seq: first, bytes: stored.bytes } : whole(stored, source)];
  });
  return Object.fromEntries(entries);
}

type Payload = Extract<StoredValue, { readonly payload: number }>;

function whole(stored: Payload, source: JournalSource): StoredValue {
  const value = source.value(stored);
  return value === undefined ? { payload: LEFT_BEHIND, bytes: stored.bytes } : { value, bytes: stored.bytes };
}

/** Which event is the first to have a value, looked up once it matters. */
class Carriers {
  readonly #source: JournalSource;
  #byPayload: Map<number, number> | null = null;

  constructor(source: JournalSource) {
    this.#source = source;
  }

  firstOf({ payload }: Payload): number {
    this.#byPayload ??= this.#find();
    return this.#byPayload.get(payload) ?? Number.POSITIVE_INFINITY;
  }

  #find(): Map<number, number> {
    const byPayload = new Map<number, number>();
    let seq = 0;
    for (const { events } of this.#source.rowsAfter(0)) {
      for (const event of events) {
        seq++;
        const carried = carriedBy(event);
        if (carried !== undefined && "payload" in carried && !byPayload.has(carried.payload)) byPayload.set(carried.payload, seq);
      }
    }
    return byPayload;
  }
}
