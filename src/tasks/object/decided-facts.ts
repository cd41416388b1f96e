/** Facts that need no engine any more: they are recorded, and nothing follows from them until the task is woken. */
import { commandsFor } from "../../engine/rules/commands.ts";
import { evolve } from "../../engine/state/evolve.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { Loaded } from "../journal/load.ts";
import type { Journal } from "./journal.ts";
import type { Effects } from "./effects.ts";
import type { TaskAlarm } from "./task-alarm.ts";

interface Record {
  readonly storage: DurableObjectStorage;
  readonly journal: Journal;
  readonly alarm: TaskAlarm;
  readonly effects: Effects;
}

export function recordDecided({ storage, journal, alarm, effects }: Record, loaded: Loaded, events: readonly TaskEvent[]): void {
  const { state } = loaded;
  const now = Math.max(Date.now(), state.at);
  const before = state.seq;
  storage.transactionSync(() => journal.append(events, before, now));
  evolve(state, events, now);
  alarm.keep(state, now);
  effects.committed(loaded, { events, commands: events.flatMap(commandsFor), firstSeq: before + 1, at: now });
  // What it was to do is not lost: it wakes for it.
  if (state.end === null) alarm.ringBy(now + 1);
}
