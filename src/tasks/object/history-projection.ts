/**
 * Tells history about the task, beside its path.
 *
 * H1. A row travels by queue when the status changes, not when a step does: once the task outlives a moment, on pauses and
 *     long waits. It may be lost, and overtake another; the sequence number orders them.
 * H2. That the task is there, what people are asked, and a status that stays, is owed until history has it: written by the
 *     alarm, unless it is known to be there.
 * H3. The last row goes with the archive, in one write a moment after the end, while the object is awake anyway. It is
 *     recorded once history has answered; until then the alarm repeats it, and nothing is deleted.
 */
import { createHash } from "node:crypto";
import { nextWakeAt } from "../../engine/rules/wake.ts";
import { statusOf, type TaskState, type TaskStatus } from "../../engine/state/state.ts";
import { Projection } from "../../objects/projection.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { Offer } from "../history/archive-gathering.ts";
import { archiveOf } from "../history/archive.ts";
import type { ApprovalRow, HistoryRow } from "../history/port.ts";
import type { Loaded } from "../journal/load.ts";
import { LIMITS } from "../limits.ts";
import type { TaskPorts } from "../ports.ts";
import { approvalHead, approvalVersion } from "../views/approval-view.ts";
import { taskHead } from "../views/view.ts";
import type { Journal } from "./journal.ts";

/** An approval as it is now; `version` tells whether somebody has to hear of it again. */
interface Asked {
  readonly number: number;
  readonly version: string;
  readonly row: ApprovalRow;
}

interface AllAsked {
  readonly all: readonly Asked[];
  readonly digest: string;
}

export class HistoryProjection {
  readonly #kv: SyncKvStorage;
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  readonly #projection: Projection<string>;
  /** The task as it was seen last. */
  #seen: Pick<Loaded, "state"> | null = null;
  #asked: (AllAsked & { readonly state: TaskState; readonly seq: number }) | null = null;
  /** The status in the last row this instance sent. */
  #told: TaskStatus | null = null;
  /** Its archive, once it is made. */
  #offered: { readonly offer: Offer; readonly bytes: number } | null = null;
  #quietTimer: ReturnType<typeof setTimeout> | undefined;
  /** Approvals that this instance has sent, as they were, and those that it knows to be stored. */
  readonly #toldApprovals = new Map<number, string>();
  readonly #storedApprovals = new Map<number, string>();
  /** What history is known to have; `undefined` while that has not been read. */
  #stored: string | null | undefined;

  constructor(kv: SyncKvStorage, ports: TaskPorts, journal: Journal) {
    this.#kv = kv;
    this.#ports = ports;
    this.#journal = journal;
    this.#projection = new Projection<string>({
      current: () => this.#current,
      stored: () => this.#known,
      store: () => this.#store(),
      confirm: (version) => this.#confirm(version),
    });
  }

  /** After every commit. */
  committed(loaded: Loaded, isFirst: boolean): void {
    if (loaded.state.end !== null) clearTimeout(this.#quietTimer);
    if (!isListed(loaded)) return;
    const status = statusOf(loaded.state);
    this.#tellApprovals(loaded);
    if (isFirst) {
      this.#quietTimer = setTimeout(() => this.#tellIfLive(loaded), LIMITS.historyQuietMs);
    } else if (status === "paused" || this.#told === "paused" || (this.#told === "waiting" && status === "running")) {
      this.#tell(loaded);
    }
  }

  /** When the alarm writes what is owed; `null` while nothing is worth one. */
  nextAt(loaded: Pick<Loaded, "state">, now: number): number | null {
    const { state } = loaded;
    this.#seen = loaded;
    if (!isListed(loaded)) return null;
    const known = this.#known;
    const at = this.#projection.nextAt(known === null ? state.createdAt : Math.max(state.at, state.createdAt));
    if (at === null || known === null || approvalsIn(known) !== approvalsIn(this.#current ?? known)) return at;
    // A status that passes is told when the task wakes for something else.
    const wakeAt = nextWakeAt(state);
    return wakeAt !== null && wakeAt <= now + LIMITS.againMaxMs ? null : at;
  }

  /** At every alarm, before the task goes on: writes what is owed by now. Never throws, and does not take for ever. */
  async writeOwed(loaded: Loaded, now: number): Promise<void> {
    const at = this.nextAt(loaded, now);
    if (at === null || at > now) return;
    const written = this.#projection.publish().catch((error: unknown) => {
      log("warn", "not written to history, will be", { task: loaded.state.created.task, error: messageOf(error) });
    });
    await Promise.race([written, scheduler.wait(LIMITS.historyWriteMs)]);
  }

  /** At every alarm: waits that have become long, and what an earlier instance may not have sent. */
  remind(loaded: Loaded, now: number): void {
    const { state } = loaded;
    if (!isListed(loaded)) return;
    this.#tellApprovals(loaded);
    const status = statusOf(state);
    const isShortWait = status === "waiting" && this.#told !== null && now - state.at < LIMITS.historyWaitMs;
    if (this.#told !== status && !isShortWait && this.#current !== this.#known) this.#tell(loaded);
  }

  /** Whoever writes archives next may take this one along. The end is durable by then. */
  offer(loaded: Loaded): void {
    // A part of a map's items is in the result of that.
    if (loaded.state.created.spread !== undefined || this.#offered !== null) return;
    const { parts, bytes } = archiveOf(this.#journal);
    const approvals = this.#approvalsOf(loaded.state).all.map(({ row }) => row);
    this.#offered = { offer: this.#ports.history.archives.offer({ row: rowOf(loaded), parts, approvals }, Date.now()), bytes };
  }

  /** Writes the last row and the archive. Throws while history does not answer. */
  async archive(loaded: Loaded): Promise<{ readonly parts: number; readonly bytes: number }> {
    this.offer(loaded);
    const offered = this.#offered;
    if (offered === null) return { parts: 0, bytes: 0 };
    await this.#ports.history.archives.store(offered.offer);
    this.#offered = null;
    return { parts: offered.offer.finished.parts.length, bytes: offered.bytes };
  }

  /** Writes all that history should have. Throws while it does not answer. */
  async tellAgain(loaded: Loaded): Promise<void> {
    if (loaded.state.end !== null) {
      // History may have lost what it once had.
      this.#withdraw();
      return void (await this.archive(loaded));
    }
    if (!isListed(loaded)) return;
    const asked = this.#approvalsOf(loaded.state).all.map(({ row }) => row);
    await this.#ports.history.write(rowOf(loaded), asked);
  }

  #withdraw(): void {
    if (this.#offered !== null) this.#ports.history.archives.withdraw(this.#offered.offer);
    this.#offered = null;
  }

  /** The task was deleted; there may be another one under its id. */
  startOver(): void {
    this.#withdraw();
    this.#seen = null;
    this.#asked = null;
    this.#told = null;
    this.#stored = undefined;
    this.#toldApprovals.clear();
    this.#storedApprovals.clear();
    this.#projection.startOver();
  }

  /** What history should know: the status, and what people are asked. */
  get #current(): string | null {
    if (this.#seen === null || !isListed(this.#seen)) return null;
    const { state } = this.#seen;
    return `${state.createdAt}/${statusOf(state)}/${this.#approvalsOf(state).digest}`;
  }

  get #known(): string | null {
    if (this.#stored === undefined) this.#stored = this.#kv.get<string>(STORED) ?? null;
    return this.#stored;
  }

  async #store(): Promise<void> {
    const { state } = this.#seen ?? {};
    if (state === undefined) return;
    const changed = this.#approvalsOf(state).all.filter(({ number, version }) => this.#storedApprovals.get(number) !== version);
    const status = statusOf(state);
    await this.#ports.history.write(
      rowOf({ state }),
      changed.map(({ row }) => row),
    );
    this.#told = status;
    for (const { number, version } of changed) {
      this.#storedApprovals.set(number, version);
      this.#toldApprovals.set(number, version);
    }
  }

  /** Where the object was emptied meanwhile, nothing is left in it. */
  #confirm(version: string): void {
    if (this.#seen === null || !this.#journal.exists) return;
    this.#stored = version;
    this.#journal.cost.rowsWritten++;
    this.#kv.put(STORED, version);
  }

  /** Those that have changed since this instance told of them last. */
  #tellApprovals(loaded: Loaded): void {
    if (loaded.state.approvals.length === 0) return;
    const changed = this.#approvalsOf(loaded.state).all.filter(({ number, version }) => this.#toldApprovals.get(number) !== version);
    const some = changed.slice(0, LIMITS.approvalsPerMessage);
    if (some.length === 0) return;
    this.#ports.history.publishApprovals(some.map(({ row }) => row)).then(
      () => this.#toldOf(some, changed.length > some.length ? loaded : null),
      (error: unknown) => log("warn", "approvals not sent, the alarm will", { error: messageOf(error) }),
    );
  }

  /** `more`: there are others, which go next. */
  #toldOf(told: readonly Asked[], more: Loaded | null): void {
    for (const { number, version } of told) this.#toldApprovals.set(number, version);
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

  /** What people are asked, as it is now: made once for what a commit came to. */
  #approvalsOf(state: TaskState): AllAsked {
    if (state.approvals.length === 0) return NOBODY_ASKED;
    if (this.#asked?.state === state && this.#asked.seq === state.seq) return this.#asked;
    const all = state.approvals.flatMap((_, index): readonly Asked[] => {
      const number = index + 1;
      const head = approvalHead(state, number);
      if (head === null) return [];
      const row: ApprovalRow = { v: 1, type: "approval", tenant: state.created.tenant, seq: state.seq, head };
      return [{ number, version: approvalVersion(head), row }];
    });
    const versions = all.map(({ version }) => version).join("\n");
    const digest = createHash("sha256").update(versions).digest("base64url");
    this.#asked = { state, seq: state.seq, all, digest };
    return this.#asked;
  }
}

/** PERSISTED in the task's object: `{created at}/{status}/{digest of the approvals}`, as history is known to have them. */
const STORED = "listed";

const NOBODY_ASKED = { all: [], digest: "" } as const;

const approvalsIn = (version: string): string => version.slice(version.lastIndexOf("/") + 1);

/** The archive comes with the last row; a part of a map's items is not a task that anybody looks for. */
const isListed = ({ state }: Pick<Loaded, "state">): boolean => state.end === null && state.created.spread === undefined;

export function rowOf({ state }: Pick<Loaded, "state">): HistoryRow {
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
