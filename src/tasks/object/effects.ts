/** What follows from what is recorded. */
import type { Command } from "../../engine/facts/command.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { World } from "../../engine/world.ts";
import type { Loaded } from "../journal/load.ts";
import type { OwedAt } from "./task-alarm.ts";

/** What one flush established. */
export interface Commit {
  readonly events: readonly TaskEvent[];
  readonly commands: readonly Command[];
  /** The number of the first event. */
  readonly firstSeq: number;
  readonly at: number;
}

export interface Effects {
  readonly committed: (loaded: Loaded, commit: Commit) => void;
  /** A new instance has folded the journal. */
  readonly loaded: (loaded: Loaded) => void;
  readonly owedAt: OwedAt;
  readonly calledAt: World["calledAt"];
  /** One more relay, for calls of a tenant's task. */
  readonly relayFor: (tenant: string) => string;
}
