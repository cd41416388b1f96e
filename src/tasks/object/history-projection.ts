/**
 * Tells history about the task, beside its path.
 *
 * H1. A row travels when the status changes, not when a step does: once the task outlives a moment, on pauses and long
 *     waits. Rows may be lost or overtake each other; the sequence number orders them.
 * H2. The last row goes with the archive, in one write a moment after the end, while the object is awake anyway. It is
 *     recorded once history has answered; until then the alarm repeats it, and nothing is deleted.
 */
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import { statusOf, type TaskStatus } from "../../engine/state/state.ts";
import { taskHead } from "../views/view.ts";
import { approvalHead, approvalVersion } from "../views/approval-view.ts";
import { archiveOf } from "../history/archive.ts";
import type { Journal } from "./journal.ts";
import type { ApprovalRow, HistoryRow } from "../history/port.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";

export class HistoryProjection {
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  /** The status in the last row this instance sent. */
  #told: TaskStatus | null = null;
  /** Approvals that this instance has sent, as they were. */
  readonly #toldApprovals = new Map<number, string>();

  constructor(ports: TaskPorts, journal: Journal) {
    this.#ports = ports;
    this.#journal = journal;
  }

  /** After every commit. */
  committed(loaded: Loaded, isFirst: boolean): void {
    const status = statusOf(loaded.state);
    // The archive comes with the last row; a part of a map's items is not a task that anybody looks for.
    if (loaded.state.end !== null || loaded.state.created.spread !== undefined) return;
    this.#tellApprovals(loaded);
    if (isFirst) {
      setTimeout(() => this.#tellIfLive(loaded), LIMITS.historyQuietMs);
    } else if (status === "paused" || this.#told === "paused" || (this.#told === "waiting" && status === "running")) {
      this.#tell(loaded);
    }
  }

  /** At every alarm: what an earlier instance may not have sent, and waits that have become long. */
  remind(loaded: Loaded, now: number): void {
    const { state } = loaded;
    if (state.end !== null || state.created.spread !== undefined) return; // the archive comes with the last row
    this.#tellApprovals(loaded);
    const status = statusOf(state);
    const isShortWait = status === "waiting" && this.#told !== null && now - state.at < LIMITS.historyWaitMs;
    if (this.#told !== status && !isShortWait) this.#tell(loaded);
  }

  /** Writes the last row and the archive. Throws while history does not answer. */
  async archive(loaded: Loaded): Promise<{ readonly parts: number; readonly bytes: number }> {
    // A part of a map's items is in the result of that.
    if (loaded.state.created.spread !== undefined) return { parts: 0, bytes: 0 };
    const archive = archiveOf(this.#journal);
    await this.#ports.history.archive(
      rowOf(loaded),
      archive.parts,
      approvalsOf(loaded, () => true),
    );
    return { parts: archive.parts.length, bytes: archive.bytes };
  }

  /** The task was deleted; there may be another one under its id. */
  startOver(): void {
    this.#told = null;
    this.#toldApprovals.clear();
  }

  /** Those that have changed since this instance told of them last. */
  #tellApprovals(loaded: Loaded): void {
    if (loaded.state.approvals.length === 0) return;
    const changed = approvalsOf(loaded, (number, version) => this.#toldApprovals.get(number) !== version);
    const rows = changed.slice(0, LIMITS.approvalsPerMessage);
    if (rows.length === 0) return;
    this.#ports.history.publishApprovals(rows).then(
      () => this.#toldOf(rows, changed.length > rows.length ? loaded : null),
      (error: unknown) => log("warn", "approvals not sent, the alarm will", { error: messageOf(error) }),
    );
  }

  /** `more`: there are others, which go next. */
  #toldOf(rows: readonly ApprovalRow[], more: Loaded | null): void {
    for (const row of rows) this.#toldApprovals.set(numberOf(row), approvalVersion(row.head));
    if (more !== null) this.#tellApprovals(more);
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

/** What people are asked, where it is wanted. */
function approvalsOf({ state }: Loaded, isWanted: (number: number, version: string) => boolean): readonly ApprovalRow[] {
  return state.approvals.flatMap((_, index): readonly ApprovalRow[] => {
    const head = approvalHead(state, index + 1);
    if (head === null || !isWanted(index + 1, approvalVersion(head))) return [];
    return [{ v: 1, type: "approval", tenant: state.created.tenant, seq: state.seq, head }];
  });
}

const numberOf = ({ head }: ApprovalRow): number => Number(head.id.slice(head.id.lastIndexOf("_") + 1));

export function rowOf({ state }: Loaded): HistoryRow {
  const head = taskHead(state);
  const { waiting_on } = head;
  return {
    v: 1,
    tenant: state.created.tenant,
    seq: state.seq,
    head,
    waiting_for: waiting_on?.type === "agent" ? (waiting_on.capability ?? waiting_on.agent ?? null) : null,
    fingerprint: state.created.fingerprint ?? null,
    ...(state.created.parent && { parent: state.created.parent.task }),
  };
}
