/**
 * The object that owns one task: its journal, its effects, its alarm. It has no rule of its own about workflows; those
 * are the engine's. Methods return data and never throw for what a caller did: a throw means trouble, and is retried.
 */
import { DurableObject } from "cloudflare:workers";
import type { Rejection } from "../shared/errors.ts";
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "../shared/limits.ts";
import { assert, err, ok, type Result } from "../shared/result.ts";
import type { ClaimAnswer } from "../agents/dispatch-queue.ts";
import type { Holding } from "../agents/port.ts";
import type { CarriedCall, Outcome } from "../agents/protocol.ts";
import { compileWorkflow } from "../engine/compile.ts";
import type { EventView } from "../engine/event-view.ts";
import type { Answer } from "../engine/transition.ts";
import type { StepView, TaskHead } from "../engine/view.ts";
import { Attempts } from "./attempts.ts";
import { Chronicle } from "./chronicle.ts";
import type { AttemptOf, Heartbeat, Submitted, TaskContract, Unfinished } from "./contract.ts";
import { Lingering } from "./lingering.ts";
import { LiveFeed } from "./live-feed.ts";
import { Outbox } from "./outbox.ts";
import type { TaskPorts } from "./ports.ts";
import { TaskReading, viewsOf, type Loaded, type ResultReading, type StepDetail, type TaskView } from "./reading.ts";
import { replay } from "./replay.ts";
import { TaskRunner, type Commit } from "./runner.ts";
import { NO_PLACES, placesOf, withPlace, type Places } from "./places.ts";
import { createdEvent, type Submission } from "./submission.ts";

export abstract class TaskObject<Env> extends DurableObject<Env> implements Omit<TaskContract, "fetch"> {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #outbox: Outbox;
  readonly #attempts: Attempts;
  readonly #feed: LiveFeed;
  readonly #chronicle: Chronicle;
  readonly #lingering = new Lingering();

  constructor(ctx: DurableObjectState, env: Env, ports: TaskPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#runner = new TaskRunner(ctx.storage, ports, {
      commit: (loaded, commit) => this.#committed(loaded, commit),
      load: (loaded) => this.#outbox.recover(loaded),
      calledAt: (step, attempt) => this.#outbox.calledAt(step, attempt),
    });
    this.#outbox = new Outbox(ports, this.#runner.journal, {
      ready: () => this.#runner.ready(),
      replied: (at, outcome) => void this.#replied(at, outcome),
      agentsRefreshed: () => void this.#applied(this.#runner.apply({ type: "look" })),
      granted: async (at) => (await this.grant([at]))[0] === true,
      declined: (at, reason, retryAt) => this.decline([at], reason, retryAt),
    });
    this.#attempts = new Attempts(ports, this.#runner, this.#outbox);
    this.#feed = new LiveFeed(ctx);
    this.#chronicle = new Chronicle(ports, this.#runner.journal, () => void this.#applied(this.#archive()));
  }

  // --- Submitting and steering ---

  async submit(submission: Submission, waitMs: number): Promise<Result<Submitted, Rejection | "archived">> {
    const { tenant, task, fingerprint } = submission;
    const before = await this.#runner.ready();
    if (before !== null) return replay(before, fingerprint);
    if (fingerprint !== null && (await this.#ports.history.has(tenant, task))) return err("archived");
    await this.#runner.freshAgents(tenant);

    // Another submission under the same key may have been faster.
    const meanwhile = await this.#runner.ready();
    if (meanwhile !== null) return replay(meanwhile, fingerprint);
    const compiled = compileWorkflow(submission.definition);
    assert(compiled.ok, "a submission was not checked");
    const loaded = this.#runner.create(tenant, compiled.value.graph, (journal) => createdEvent(submission, journal));
    if (waitMs > 0 && loaded.state.end === null) await this.#lingering.linger(waitMs, () => this.#outbox.isAwaiting);
    const reading = this.#reading(await this.#loaded());
    return ok({ head: reading.head(), isReplay: false, result: reading.result() });
  }

  async recall(fingerprint: string): Promise<Result<Submitted, Rejection> | null> {
    const loaded = await this.#runner.ready();
    return loaded && replay(loaded, fingerprint);
  }

  async pause(): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "pause" });
  }

  async resume(): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "resume" });
  }

  async cancel(reason?: string): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "cancel", ...(reason !== undefined && { reason }) });
  }

  async poke(): Promise<void> {
    const loaded = await this.#runner.ready();
    if (loaded === null || loaded.state.waiting.size === 0) return;
    await this.#ports.directory.refresh(loaded.state.created.tenant, Date.now());
    await this.#runner.apply({ type: "look" });
  }

  // --- Attempts ---

  async claim(at: AttemptOf, delivery: number): Promise<ClaimAnswer | null> {
    return this.#attempts.claim(at, delivery);
  }

  async grant(attempts: readonly AttemptOf[]): Promise<readonly boolean[]> {
    return this.#attempts.grant(attempts);
  }

  async verify(attempts: readonly AttemptOf[]): Promise<readonly Holding[]> {
    return this.#attempts.verify(attempts);
  }

  async hand(at: AttemptOf): Promise<CarriedCall | null> {
    return this.#attempts.handOver(at, { ...at, type: "grant", isPull: true });
  }

  async decline(attempts: readonly AttemptOf[], reason: string, retryAt: number): Promise<void> {
    return this.#attempts.decline(attempts, reason, retryAt);
  }

  async report(at: AttemptOf, outcome: Outcome, digest?: string): Promise<Answer | null> {
    return this.#attempts.report(at, outcome, digest);
  }

  async heartbeat(at: AttemptOf, beat: Heartbeat): Promise<Result<{ readonly leaseUntil: number | null }, Rejection> | null> {
    return this.#attempts.heartbeat(at, beat);
  }

  // --- Reading ---

  async head(): Promise<TaskHead | null> {
    return this.#placed((reading, places) => withPlace(reading.head(), places));
  }

  async task(): Promise<TaskView | null> {
    return this.#placed((reading, places) => {
      const view = reading.task();
      return { ...withPlace(view, places), steps: view.steps.map((step) => withPlace(step, places)) };
    });
  }

  async steps(from: number, limit: number): Promise<readonly StepView[] | null> {
    return this.#placed((reading, places) => reading.steps(from, limit).map((step) => withPlace(step, places)));
  }

  async step(step: string): Promise<StepDetail | "unknown" | null> {
    return this.#placed((reading, places) => {
      const detail = reading.step(step);
      return detail === null ? "unknown" : withPlace(detail, places);
    });
  }

  async result(): Promise<ResultReading | Unfinished | null> {
    return this.#read((reading) => reading.result() ?? { unfinished: true, status: reading.head().status });
  }

  async events(after: number, limit: number): Promise<readonly EventView[] | null> {
    return this.#read((reading) => reading.events(after, limit));
  }

  /** A live reader opens a WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return new Response("There is no such task", { status: 404 });
    return this.#feed.accept(request, this.#reading(loaded));
  }

  override webSocketMessage(): void {
    // Readers have nothing to say; whatever they send is not kept.
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  // --- The alarm ---

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const loaded = this.#runner.readyAtAlarm();
    if (loaded === null) return;
    this.#runner.rearm(loaded.state, Date.now());
    const failures = Math.max(info?.retryCount ?? 0, this.ctx.storage.kv.get<number>("alarm_failures") ?? 0);
    try {
      if (failures >= LIMITS.alarmFailures) this.#runner.seal(`The task failed to make progress ${failures} times in a row`);
      await this.#wake(loaded);
      if (failures > 0) this.ctx.storage.kv.delete("alarm_failures");
    } catch (error) {
      // The next alarm is set already: this is a repetition counted, not a task lost.
      this.ctx.storage.kv.put("alarm_failures", failures + 1);
      log("error", "alarm failed", { task: loaded.state.created.task, failures: failures + 1, error: messageOf(error) });
    }
  }

  async #wake(loaded: Loaded): Promise<void> {
    if (loaded.state.end !== null) return this.#wakeEnded(loaded);
    const { tenant } = loaded.state.created;
    if (loaded.state.waiting.size > 0) {
      await this.#ports.directory.refresh(tenant, Date.now()).catch((error: unknown) => {
        log("warn", "agents not refreshed", { tenant, error: messageOf(error) });
      });
    }
    await this.#runner.apply({ type: "wake" });
    const current = await this.#loaded();
    this.#outbox.sendAgain(current, Date.now());
    this.#chronicle.remind(current, Date.now());
  }

  async #wakeEnded(loaded: Loaded): Promise<void> {
    const { end, archivedAt } = loaded.state;
    assert(end !== null, "only an ended task is archived");
    if (archivedAt === null) {
      await this.#archive();
    } else if (Date.now() >= end.at + this.#ports.settings.taskRetentionMs) {
      this.#feed.close();
      await this.ctx.storage.deleteAll();
      this.#runner.forget();
    }
  }

  // --- Inside ---

  async #archive(): Promise<void> {
    const loaded = await this.#loaded();
    if (loaded.state.archivedAt !== null) return;
    const archive = await this.#chronicle.archive(loaded);
    await this.#runner.apply({ type: "archive", ...archive });
  }

  #committed(loaded: Loaded, commit: Commit): void {
    this.#outbox.run(loaded, commit.commands);
    const { events, firstSeq, at } = commit;
    this.#feed.publish(() => viewsOf({ seq: firstSeq + events.length - 1, at, events }), this.#reading(loaded));
    this.#chronicle.committed(loaded, firstSeq === 1);
    if (loaded.state.end !== null) this.#lingering.ended();
  }

  /** A reply that cannot be recorded, even tried again, must not be asked for again for ever: it fails its attempt. */
  async #replied(at: AttemptOf, outcome: Outcome): Promise<void> {
    const report = (): Promise<unknown> => this.report(at, outcome);
    const error = { code: "internal", message: "The reply could not be recorded", retryable: false };
    await this.#applied(
      report()
        .catch(report)
        .catch(() => this.#runner.apply({ ...at, type: "fail", error })),
    );
  }

  /** Nobody waits for this answer: a failure is found again by the alarm, from the journal. */
  async #applied(answer: Promise<unknown>): Promise<void> {
    try {
      await answer;
    } catch (error) {
      log("warn", "input not applied, the alarm repairs it", { error: messageOf(error) });
    }
  }

  async #steer(input: Parameters<TaskRunner["apply"]>[0]): Promise<Result<TaskHead, Rejection> | null> {
    if ((await this.#runner.ready()) === null) return null;
    const answer = await this.#runner.apply(input);
    return answer.ok ? ok(this.#reading(await this.#loaded()).head()) : answer;
  }

  async #read<T>(question: (reading: TaskReading) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    return loaded && question(this.#reading(loaded));
  }

  /** As `#read`, with the places that the task has in the lines of agents, which only those know. */
  async #placed<T>(question: (reading: TaskReading, places: Places) => T): Promise<T | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const places = loaded.state.queued === 0 ? NO_PLACES : await placesOf(loaded, this.#ports.agents);
    return this.#read((reading) => question(reading, places));
  }

  #reading(loaded: Loaded): TaskReading {
    return new TaskReading(loaded, this.#runner.journal);
  }

  async #loaded(): Promise<Loaded> {
    const loaded = await this.#runner.ready();
    assert(loaded !== null, "the task is gone");
    return loaded;
  }

  /** What this instance has cost so far, in rows as they are billed. For measurements. */
  protected get cost(): { readonly rowsWritten: number; readonly alarmsSet: number } {
    return { rowsWritten: this.#runner.journal.rowsWritten, alarmsSet: this.#runner.alarmsSet };
  }
}
