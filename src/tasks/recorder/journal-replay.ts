/** A task's journal played again through the engine as it is now: nobody is called, and nothing changes. */
import { eventView, type EventView } from "../views/event-view.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import { replay } from "../../engine/replay/replay.ts";
import type { RecordedValue } from "../../engine/facts/value.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { messageOf } from "../../shared/log.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { isoTime } from "../../shared/time.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import { createdIn, graphOf } from "../journal/load.ts";

/** A fact as it is told, or `null` where there is none. */
type Told = Omit<EventView, "seq" | "at"> | null;

export type ReplayReport =
  | { readonly events: number; readonly matches: true }
  | {
      /** How many agree. */
      readonly events: number;
      readonly matches: false;
      /** `expected`: what the journal says. `got`: what the engine makes of it. */
      readonly divergence: { readonly seq: number; readonly at: string; readonly expected: Told; readonly got: Told };
    };

export function replayJournal(source: JournalSource): Result<ReplayReport, Rejection> {
  const created = createdIn(source);
  // What was drawn by lot depends on the id that the task ran under.
  const original = created.imported === undefined ? created : { ...created, task: created.imported.from };
  try {
    const { events, divergence } = replay(graphOf(created, source), original, source.rowsAfter(0), (recorded) => kept(source, recorded));
    if (divergence === null) return ok({ events, matches: true });
    const { seq, at, recorded, replayed } = divergence;
    return ok({
      events,
      matches: false,
      divergence: { seq, at: isoTime(at), expected: told(recorded, seq, at, created), got: told(replayed, seq, at, created) },
    });
  } catch (error) {
    if (error instanceof NotKept) return err(rejection("result_expired", error.message));
    return err(rejection("invalid_journal", `The journal cannot be played again: ${messageOf(error)}`));
  }
}

class NotKept extends Error {}

function kept(source: JournalSource, recorded: RecordedValue) {
  const value = source.value(recorded);
  if (value === undefined) throw new NotKept(`A value of ${recorded.bytes} bytes that a condition or an input reads is kept no longer`);
  return value;
}

function told(event: TaskEvent | null, seq: number, at: number, created: TaskCreated): Told {
  if (event === null) return null;
  const { seq: _, at: __, ...view } = eventView(event, seq, at, created);
  return view;
}
