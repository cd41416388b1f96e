/**
 * Tells history about the task, beside its path.
 *
 * H1. A row travels when the status changes, not when a step does: once the task outlives a moment, on pauses and long
 *     waits. Rows may be lost or overtake each other; the sequence number orders them.
 * H2. The last row goes with the archive, in one write a moment after the end, while the object is awake anyway. It is
 *     recorded once history has answered; until then the alarm repeats it, and nothing is deleted.
 */
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "../shared/limits.ts";
import { statusOf, type TaskStatus } from "../engine/state.ts";
import { taskHead } from "../engine/view.ts";
import { archiveOf } from "./archive.ts";
import type { Journal } from "./journal.ts";
import type { HistoryRow } from "../history/port.ts";
import type { TaskPorts } from "./ports.ts";
import type { Loaded } from "./reading.ts";

export class Chronicle {
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  readonly #archive: () => void;
  #isEnding = false;
  /** The status in the last row this instance sent. */
  #told: TaskStatus | null = null;

  /** `archive` is called a moment after the task has ended. */
  constructor(ports: TaskPorts, journal: Journal, archive: () => void) {
    this.#ports = ports;
    this.#journal = journal;
    this.#archive = archive;
  }

  /** After every commit. */
  committed(loaded: Loaded, isFirst: boolean): void {
    const status = statusOf(loaded.state);
    if (loaded.state.end !== null) {
      if (!this.#isEnding) setTimeout(this.#archive, LIMITS.archiveDelayMs);
      this.#isEnding = true;
    } else if (isFirst) {
      setTimeout(() => this.#tellIfLive(loaded), LIMITS.historyQuietMs);
    } else if (status === "paused" || this.#told === "paused" || (this.#told === "waiting" && status === "running")) {
      this.#tell(loaded);
    }
  }

  /** At every alarm: what an earlier instance may not have sent, and waits that have become long. */
  remind(loaded: Loaded, now: number): void {
    const { state } = loaded;
    if (state.end !== null) return; // the archive comes with the last row
    const status = statusOf(state);
    const isShortWait = status === "waiting" && this.#told !== null && now - state.at < LIMITS.historyWaitMs;
    if (this.#told !== status && !isShortWait) this.#tell(loaded);
  }

  /** Writes the last row and the archive. Throws while history does not answer. */
  async archive(loaded: Loaded): Promise<{ readonly parts: number; readonly bytes: number }> {
    const archive = archiveOf(this.#journal);
    await this.#ports.history.archive(rowOf(loaded), archive.parts);
    return { parts: archive.parts.length, bytes: archive.bytes };
  }

  #tellIfLive(loaded: Loaded): void {
    if (loaded.state.end === null && this.#told === null) this.#tell(loaded);
  }

  #tell(loaded: Loaded): void {
    const row = rowOf(loaded);
    if (this.#told === row.head.status) return;
    this.#told = row.head.status;
    this.#ports.history.publish(row).catch((error: unknown) => {
      this.#told = null;
      log("warn", "status row not sent, the alarm will", { task: row.head.id, error: messageOf(error) });
    });
  }
}

function rowOf({ graph, state }: Loaded): HistoryRow {
  const head = taskHead(graph, state);
  const { waiting_on } = head;
  return {
    v: 1,
    tenant: state.created.tenant,
    seq: state.seq,
    head,
    waiting_for: waiting_on?.type === "agent" ? (waiting_on.capability ?? waiting_on.agent ?? null) : null,
    fingerprint: state.created.fingerprint ?? null,
  };
}
