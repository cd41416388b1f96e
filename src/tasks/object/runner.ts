/**
 * Runs the engine over the journal: inputs in, facts appended, effects handed on once they are decided.
 *
 * R1. Between reading state and writing the journal nothing awaits, and everything of one flush is one transaction.
 * R2. If a flush throws, nothing of it stays: memory is dropped and folded again from the journal.
 * R3. Effects start after the transaction; the output gate holds what leaves the object until the journal is durable.
 * R4. The alarm is never later than what the state needs. It is moved only to an earlier time, because moving costs a row.
 * R5. What follows a crash is marked before it begins, and not begun while the task pauses because of earlier ones.
 */
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import { assert, ok } from "../../shared/result.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import { inTurn } from "../../language/expressions/budget.ts";
import type { Graph } from "../../language/graph.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import type { InputOf, TaskInput } from "../../engine/facts/input.ts";
import { admit } from "../../engine/rules/admit.ts";
import { cancelSteps } from "../../engine/rules/step.ts";
import { create, transition, type Answer } from "../../engine/transition.ts";
import type { World } from "../../engine/world.ts";
import { recordDecided } from "./decided-facts.ts";
import type { Effects } from "./effects.ts";
import { HedgeTimer } from "./hedge-timer.ts";
import { Journal } from "./journal.ts";
import { poisoned, Recovery } from "./recovery.ts";
import type { TaskPorts } from "../ports.ts";
import { loadTask, type Loaded } from "../journal/load.ts";
import { TaskReading } from "../journal/task-reading.ts";
import { TaskAlarm } from "./task-alarm.ts";
import { worldOfTask, type TaskName } from "./world-of-task.ts";

interface Pending {
  /** Makes the input inside the transaction, so that a large value is stored with the fact that refers to it. */
  readonly make: (loaded: Loaded) => TaskInput;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export class TaskRunner {
  readonly journal: Journal;
  readonly alarm: TaskAlarm;
  readonly recovery: Recovery;
  readonly #storage: DurableObjectStorage;
  readonly #ports: TaskPorts;
  readonly #effects: Effects;
  #loaded: Loaded | null = null;
  #pending: Pending[] = [];
  #timer: { readonly id: number; readonly at: number } | null = null;
  readonly #hedgeTimer = new HedgeTimer(() => {
    this.apply({ type: "wake" }).catch((error: unknown) => log("warn", "second agent not asked", { error: messageOf(error) }));
  });

  constructor(storage: DurableObjectStorage, ports: TaskPorts, effects: Effects) {
    this.journal = new Journal(storage.sql);
    this.alarm = new TaskAlarm(storage, ports.settings, this.journal.cost, effects.owedAt);
    this.recovery = new Recovery(storage);
    this.#storage = storage;
    this.#ports = ports;
    this.#effects = effects;
  }

  /** The task, folded from the journal if this instance has just begun; `null` when there is none. */
  async ready(): Promise<Loaded | null> {
    if (this.#loaded !== null) return this.#loaded;
    if (!this.journal.exists) return null;
    const alarmAt = await this.#storage.getAlarm();
    return this.#load(alarmAt);
  }

  /** The task, which is there. */
  async loaded(): Promise<Loaded> {
    const loaded = await this.ready();
    assert(loaded !== null, "the task is gone");
    return loaded;
  }

  /** … to be read. */
  async reading(): Promise<TaskReading> {
    return new TaskReading(await this.loaded(), this.journal);
  }

  #load(alarmAt: number | null): Loaded | null {
    // Another request may have loaded it meanwhile.
    if (this.#loaded !== null || !this.journal.exists) return this.#loaded;
    const loaded = loadTask(this.journal);
    if (loaded === null) return null;
    this.#loaded = loaded;
    this.alarm.isAt(alarmAt);
    const now = Date.now();
    this.recovery.loaded(loaded.state, alarmAt, now);
    // The platform gives an alarm up after some failures; whoever looks next sets it again.
    this.alarm.keep(loaded.state, now);
    if (this.recovery.isFree || this.recovery.isWatched) this.#effects.loaded(loaded);
    else this.alarm.ringBy(Math.max(now + 1, this.recovery.next));
    return loaded;
  }

  /**
   * Whether the task may go on by itself: not while it pauses because the runtime has died under it. One under which it has
   * died too often is sealed. Answers at once where nothing is known of a crash.
   */
  async mayWork(): Promise<boolean> {
    const loaded = this.#loaded;
    if (loaded === null || this.recovery.isFree) return true;
    // What takes a while and kills nobody comes first: the mark stands for a moment only.
    await this.freshAgents(loaded.state.created.tenant);
    const turn = await this.recovery.turn(loaded.state, (at) => this.alarm.ringBy(at));
    if (turn === "sealed") this.#seal(loaded, poisoned(loaded.state, this.recovery.deaths));
    if (turn === "begins" && this.#loaded === loaded) this.#effects.loaded(loaded);
    return turn !== "pauses";
  }

  /** Records the first facts of a task that does not exist yet. `inputs`: what holds before it does anything. */
  create(
    tenant: string,
    task: string,
    graph: Graph,
    createdWith: (journal: Journal) => TaskCreated,
    inputs: readonly TaskInput[] = [],
  ): Loaded {
    const now = Date.now();
    try {
      const { state, events, commands } = this.#transaction(() => {
        this.journal.create();
        const first = create(graph, createdWith(this.journal), this.#world({ tenant, task, createdAt: now }, now), inputs);
        this.journal.append(first.events, 0, now);
        this.alarm.keep(first.state, now);
        return first;
      });
      this.#loaded = { state };
      this.recovery.free();
      this.#hedgeTimer.keep(state, now);
      this.#effects.committed(this.#loaded, { events, commands, firstSeq: 1, at: now });
      return this.#loaded;
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  /**
   * Applies an input; the answer comes once it is recorded. With nothing else in flight it is applied at once, otherwise
   * what arrives together goes together, and what is not urgent waits a few milliseconds for company.
   */
  async apply(input: TaskInput | ((loaded: Loaded) => TaskInput), isUrgent = true): Promise<Answer> {
    const loaded = await this.ready();
    assert(loaded !== null, "an input for a task that does not exist");
    if (!this.recovery.isFree) {
      if (typeof input !== "function" && input.type === "cancel") return this.#cancel(loaded, input);
      if (this.recovery.deaths >= LIMITS.deaths) await this.mayWork();
      if (typeof input === "function" || input.type !== "wake") await this.recovery.hears(loaded.state);
    }
    await this.freshAgents(loaded.state.created.tenant);
    return new Promise((resolve, reject) => {
      this.#pending.push({ make: typeof input === "function" ? input : () => input, resolve, reject });
      if (loaded.state.live <= 1) this.#flush();
      else this.#flushIn(isUrgent ? 0 : LIMITS.companyMs);
    });
  }

  /** Inputs that wait for the next flush. */
  get pending(): number {
    return this.#pending.length;
  }

  #flushIn(delayMs: number): void {
    const at = Date.now() + delayMs;
    if (this.#timer !== null && this.#timer.at <= at) return;
    if (this.#timer !== null) clearTimeout(this.#timer.id);
    this.#timer = { id: setTimeout(() => this.#flush(), delayMs) as unknown as number, at };
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer.id);
    this.#timer = null;
    const batch = this.#pending.splice(0, LIMITS.flushInputs);
    if (this.#pending.length > 0) this.#flushIn(0);
    if (batch.length === 0) return;
    this.#settle(batch);
  }

  /** Answers a batch. If it fails as a whole, each input is tried alone, so that one cannot take others with it. */
  #settle(batch: readonly Pending[]): void {
    try {
      const answers = this.#commit(batch);
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
    } catch (error) {
      this.#drop();
      log("error", "flush failed", { error: messageOf(error), inputs: batch.length });
      if (batch.length > 1) for (const one of batch) this.#settle([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  #commit(batch: readonly Pending[]): readonly Answer[] {
    // A failed flush may have dropped the state since these inputs were queued.
    const loaded = this.#loaded ?? this.#load(null);
    assert(loaded !== null, "an input for a task that does not exist");
    const { state } = loaded;
    const now = Math.max(Date.now(), state.at);
    const before = state.seq;
    const { events, commands, answers } = this.#transaction(() => {
      const result = transition(
        state,
        batch.map(({ make }) => make(loaded)),
        this.#world({ ...state.created, createdAt: state.createdAt }, now),
      );
      if (result.events.length > 0) this.journal.append(result.events, before, now);
      this.alarm.keep(state, now);
      return result;
    });
    this.#hedgeTimer.keep(state, now);
    if (events.length > 0) {
      this.recovery.free();
      this.#effects.committed(loaded, { events, commands, firstSeq: before + 1, at: now });
    }
    return answers;
  }

  /** Writing what an input brings is a part of the turn that it takes. */
  #transaction<T>(run: () => T): T {
    return this.#storage.transactionSync(() => inTurn(run));
  }

  #world(name: TaskName, now: number): World {
    return worldOfTask(name, this.#ports, this.journal, this.#effects, now);
  }

  /** The task at its alarm, which is no longer set. `null` when there is none, or none that can be read now. */
  readyAtAlarm(): Loaded | null {
    try {
      // `rearm` follows at once, so loading need not set the alarm as well.
      const loaded = this.#load(Number.NEGATIVE_INFINITY);
      this.alarm.isAt(null);
      return loaded;
    } catch (error) {
      // Whatever keeps the journal from being read may pass, with a deploy for one.
      this.alarm.set(Date.now() + LIMITS.resendMaxMs);
      log("error", "journal unreadable, will be tried again", { error: messageOf(error) });
      return null;
    }
  }

  /** Makes sure that a transition can choose agents. On the hot path they are known and nothing is awaited. */
  async freshAgents(tenant: string): Promise<void> {
    const now = Date.now();
    if (this.#ports.directory.known(tenant, now) !== null) return;
    try {
      await this.#ports.directory.load(tenant, now);
    } catch (error) {
      log("warn", "agents unknown, steps will wait", { tenant, error: messageOf(error) });
    }
  }

  /**
   * Ends a task that the engine cannot move: its remaining steps are canceled and it has failed. The last resort against
   * an object that would wake, fail and wake again for ever.
   */
  seal(message: string): void {
    if (this.#loaded !== null && this.#loaded.state.end === null) this.#seal(this.#loaded, { code: "internal", message, retryable: false });
  }

  #seal(loaded: Loaded, error: Failure): void {
    this.#record(loaded, [...cancelSteps(loaded.state, "task_failed"), { type: "task.failed", error }]);
  }

  /** Nothing is evaluated for it: what there is to undo is undone when the task goes on. */
  #cancel(loaded: Loaded, input: InputOf<"cancel">): Answer {
    const { state } = loaded;
    const now = Math.max(Date.now(), state.at);
    const admitted = admit(state, input, this.#world({ ...state.created, createdAt: state.createdAt }, now));
    if (!admitted.ok) return admitted;
    if (admitted.value.length > 0) this.#record(loaded, admitted.value);
    return ok(admitted.value.length > 0 ? "changed" : "unchanged");
  }

  #record(loaded: Loaded, events: readonly TaskEvent[]): void {
    this.recovery.free();
    try {
      recordDecided({ storage: this.#storage, journal: this.journal, alarm: this.alarm, effects: this.#effects }, loaded, events);
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  /** The storage was emptied. */
  forget(): void {
    this.recovery.startOver();
    this.#drop();
  }

  #drop(): void {
    this.#loaded = null;
    this.alarm.isAt(null);
    this.journal.forget();
  }
}
