/**
 * Deaths of the runtime under a task. One that kills it would kill it again after every restart, and everybody else along
 * with it. So work that follows a crash is marked before it begins, and whoever finds a mark of work that got no further
 * counts a death, pauses, longer each time, and in the end seals the task.
 *
 * D1. Only a load that seems to follow a crash marks anything: what goes on undisturbed costs no row for it.
 * D2. The mark is durable before the work begins, and void as soon as the task has got any further.
 * D3. It stands for a moment only, from when what was begun is really under way: a call, from when it has left, however long it
 *     took until then. Whoever just happens to be there when the process ends is seldom counted, hardly ever twice, because
 *     the pauses differ; a task that is the cause is counted every time, on a slow machine, too.
 * D4. What an ended task still owes can be the cause as well: then what would be started by its end is given up.
 */
import { nextWakeAt } from "../../engine/rules/wake.ts";
import { isSettled } from "../../engine/state/step-state.ts";
import type { TaskState } from "../../engine/state/state.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import { isolateSince } from "../../objects/isolate.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { excerpt } from "../../shared/text.ts";
import { unitFromText } from "../../shared/random.ts";
import { LIMITS } from "../limits.ts";

/** PERSISTED: work after a crash. */
interface Mark {
  readonly v: 1;
  /** The task's last event when it began. */
  readonly seq: number;
  /** How often the runtime had died before, while the task stood there. */
  readonly deaths: number;
  /** The isolate in which it began: an object that only ended there has not died of it. */
  readonly isolate: number;
  /** It is under way, or was cut off. */
  readonly begun: boolean;
  /** Not to be begun again before this. */
  readonly next: number;
}

const KEY = "recovery";

export class Recovery {
  readonly #storage: DurableObjectStorage;
  /** What this instance knows of the task: `null` as long as it has not looked. */
  #stand: "free" | "suspect" | "watched" | null = null;
  #mark: Mark | null = null;
  #clearing: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    isolateSince();
  }

  get isFree(): boolean {
    return this.#stand === "free";
  }

  /** It has begun here: what comes after a crash of an earlier instance is over. */
  get isWatched(): boolean {
    return this.#stand === "watched";
  }

  /** How often the runtime has died while the task stood where it stands. */
  get deaths(): number {
    return this.#mark?.deaths ?? 0;
  }

  /** Why what follows from the task's end is given up; `null` where it is not. */
  get givesUp(): Failure | null {
    return this.deaths >= LIMITS.deaths ? chainsGivenUp(this.deaths) : null;
  }

  /** Until when it pauses. */
  get next(): number {
    return this.#mark?.next ?? 0;
  }

  /** The task was loaded, and nothing has been done yet. `alarmAt`: as it was found. */
  loaded(state: TaskState, alarmAt: number | null, now: number): void {
    if (this.#stand !== null) return;
    const mark = this.#storage.kv.get<Mark>(KEY);
    if (mark !== undefined && mark.seq === state.seq) {
      const deaths = mark.deaths + (mark.begun && mark.isolate !== isolateSince() ? 1 : 0);
      this.#mark = { ...mark, deaths, begun: false };
      this.#stand = deaths > 0 || followsCrash(state, alarmAt, now) ? "suspect" : "free";
    } else this.#stand = followsCrash(state, alarmAt, now) ? "suspect" : "free";
  }

  /** Whether it is this task's turn to be worked on. What begins is marked, and the mark is durable by then. */
  async turn(state: TaskState, ringBy: (at: number) => void): Promise<"goes_on" | "begins" | "pauses" | "sealed"> {
    if (this.isWatched) return "goes_on";
    if (this.deaths >= LIMITS.deaths && state.end === null) return "sealed";
    if (this.next > Date.now()) {
      ringBy(this.next);
      return "pauses";
    }
    this.#stand = "watched";
    await this.#begin(state, ringBy);
    return "begins";
  }

  /** Something has come in for the task, which has got no further yet since the crash. It is taken while the task pauses, too. */
  async hears(state: TaskState): Promise<void> {
    if (!this.isFree) await this.#begin(state, null);
  }

  /** `ringBy`: whoever dies now is looked for after the pause, however far away the alarm is. */
  async #begin({ seq, created, inline, relayed }: TaskState, ringBy: ((at: number) => void) | null): Promise<void> {
    if (this.#mark?.begun !== true || this.#mark.seq !== seq) {
      const { deaths } = this;
      this.#mark = {
        v: 1,
        seq,
        deaths,
        isolate: isolateSince(),
        begun: true,
        next: ringBy === null ? this.next : Date.now() + pauseMs(created.task, deaths + 1),
      };
      this.#storage.kv.put(KEY, this.#mark);
      ringBy?.(this.#mark.next);
      await this.#storage.sync();
    }
    // Calls that were under way are made again, once their agents have been looked up.
    this.#outlivedIn(ringBy !== null && inline + relayed > 0 ? LIMITS.deathStartMs : LIMITS.deathWindowMs);
  }

  /** A call of the task has left. */
  called(): void {
    if (this.#clearing !== null) this.#outlivedIn(LIMITS.deathWindowMs);
  }

  #outlivedIn(ms: number): void {
    if (this.#clearing !== null) clearTimeout(this.#clearing);
    this.#clearing = setTimeout(() => this.#outlived(), ms) as unknown as number;
  }

  /** What was begun has been done, and nobody is awaited because of it. */
  worked({ inline, relayed }: TaskState): void {
    if (this.isWatched && inline + relayed === 0) this.#outlived();
  }

  /** The task has got further, or was never disturbed. */
  free(): void {
    this.#stand = "free";
    this.#mark = null;
  }

  startOver(): void {
    this.#stand = null;
    this.#mark = null;
  }

  /** It has lived long enough: what kills the process from now on is not what was begun here. */
  #outlived(): void {
    if (this.#clearing !== null) clearTimeout(this.#clearing);
    this.#clearing = null;
    if (this.#mark?.begun !== true) return;
    this.#mark = { ...this.#mark, begun: false };
    if (this.#mark.deaths === 0) this.#storage.kv.delete(KEY);
    else this.#storage.kv.put(KEY, this.#mark);
  }
}

/** Whether there is work that an instance before this one would have done by now, or was doing. */
function followsCrash(state: TaskState, alarmAt: number | null, now: number): boolean {
  // What has been recorded here has not died before.
  if (state.at >= isolateSince()) return false;
  if (state.end !== null) return state.archivedAt === null && now - state.end.at >= LIMITS.lateMs;
  if (state.inline > 0) return true;
  const isLate = (at: number | null): boolean => at !== null && Number.isFinite(at) && now - at >= LIMITS.lateMs;
  if (isLate(alarmAt) || isLate(nextWakeAt(state))) return true;
  return state.live + state.children.size > 0;
}

/** Longer each time, and different for each task, so that those who died together do not die together again. */
function pauseMs(task: string, deaths: number): number {
  // After the last there is nothing to begin any more, or what is left for an ended task, which should not die of it.
  if (deaths === LIMITS.deaths) return LIMITS.deathPauseMs;
  const pause = backoffMs({ firstMs: LIMITS.deathPauseMs, factor: 3, mostMs: LIMITS.deathPauseMaxMs }, deaths);
  return Math.round(pause * (0.5 + unitFromText(`${task}/death/${deaths}`)));
}

/** What a person reads who asks why nothing was started when the task had ended. */
function chainsGivenUp(deaths: number): Failure {
  const message = `The service broke down ${deaths} times in a row after this task had ended, while it started what follows, so that was given up for the sake of all others`;
  return { code: "poisoned", message, retryable: false };
}

/** What a person reads who asks why the task was ended. */
export function poisoned({ steps }: TaskState, deaths: number): Failure {
  const atWork = steps.filter(({ phase }) => !isSettled(phase) && phase.status !== "pending").map(({ path }) => `"${path}"`);
  const where = atWork.length === 0 ? "" : `; at work were ${atWork.slice(0, 3).join(", ")}`;
  const message = `The service broke down ${deaths} times in a row while it worked on this task, which got no further in between, so the task was ended for the sake of all others${where}`;
  return { code: "poisoned", message: excerpt(message, LIMITS.textLength), retryable: false };
}
