/**
 * The object that owns one task: its journal, its effects, its alarm. It has no rule of its own about workflows; those
 * are the engine's. Methods return data and never throw for what a caller did: a throw means trouble, and is retried.
 */
import { DurableObject } from "cloudflare:workers";
import type { Rejection } from "../shared/errors.ts";
import { log, messageOf } from "../shared/log.ts";
import { assert, ok, type Result } from "../shared/result.ts";
import type { Asker, CacheAnswer, Reply } from "../cache/cache-contract.ts";
import type { ClaimAnswer } from "../agents/dispatch-queue.ts";
import type { Holding } from "../agents/port.ts";
import type { CarriedCall, Outcome } from "../agents/protocol.ts";
import type { ApprovalDetail } from "../engine/approval-view.ts";
import type { Answer } from "../engine/transition.ts";
import type { TaskHead } from "../engine/view.ts";
import type { Json } from "../shared/json.ts";
import { bytesToJson } from "../shared/json-bytes.ts";
import { Arrival } from "./arrival.ts";
import { Attempts } from "./attempts.ts";
import { CacheRequests } from "./cache-requests.ts";
import { Children } from "./children.ts";
import { Chronicle } from "./chronicle.ts";
import type { ApprovalDecision, AttemptOf, ChildOutcome, Heartbeat, Submitted, TaskContract } from "./contract.ts";
import { joinBurst } from "./burst.ts";
import { Farewell } from "./farewell.ts";
import { GatePass } from "./gate-pass.ts";
import { Lingering } from "./lingering.ts";
import type { Cost } from "./journal.ts";
import { LiveFeed } from "./live-feed.ts";
import { Outbox } from "./outbox.ts";
import type { TaskPorts } from "./ports.ts";
import { TaskReading, viewsOf, type Loaded } from "./reading.ts";
import type { RecorderQuestion } from "./recorder.ts";
import { replay } from "./replay.ts";
import { TaskRunner, type Commit } from "./runner.ts";
import { TaskReader } from "./task-reader.ts";
import { Wakeups } from "./wakeups.ts";
import { submissionFrom, type Submission } from "./submission.ts";

export abstract class TaskObject<Env> extends DurableObject<Env> implements Omit<TaskContract, "fetch"> {
  readonly #runner: TaskRunner;
  readonly #outbox: Outbox;
  readonly #attempts: Attempts;
  readonly #feed: LiveFeed;
  readonly #chronicle: Chronicle;
  readonly #children: Children;
  readonly #caching: CacheRequests;
  readonly #gate: GatePass;
  readonly #farewell: Farewell;
  readonly #reader: TaskReader;
  readonly #wakeups: Wakeups;
  readonly #arrival: Arrival;
  readonly #lingering = new Lingering();

  constructor(ctx: DurableObjectState, env: Env, ports: TaskPorts) {
    super(ctx, env);
    this.#runner = new TaskRunner(ctx.storage, ports, {
      commit: (loaded, commit) => this.#committed(loaded, commit),
      load: (loaded) => {
        for (const part of [this.#outbox, this.#children, this.#caching, this.#gate]) part.recover(loaded);
      },
      calledAt: (step, attempt) => this.#outbox.calledAt(step, attempt),
    });
    this.#arrival = new Arrival(ports, this.#runner);
    this.#outbox = new Outbox(ports, this.#runner.journal, {
      ready: () => this.#runner.ready(),
      replied: (at, outcome) => void this.#applied(this.#attempts.replied(at, outcome)),
      agentsRefreshed: () => void this.#applied(this.#runner.apply({ type: "look" })),
      granted: async (at) => (await this.grant([at]))[0] === true,
      declined: (at, reason, retryAt) => this.decline([at], reason, retryAt),
    });
    this.#attempts = new Attempts(ports, this.#runner, this.#outbox);
    this.#feed = new LiveFeed(ctx);
    this.#children = new Children(ports, this.#runner.journal, {
      ready: () => this.#runner.ready(),
      ended: (child, outcome) => this.childEnded(child, outcome),
      dismissed: async (tasks) => void (await this.#runner.apply({ type: "dismissed", tasks })),
    });
    this.#caching = new CacheRequests(ports, this.#runner);
    this.#gate = new GatePass(ports, this.#runner);
    this.#farewell = new Farewell(ports, this.#runner.journal, this.#children, this.#caching, this.#gate);
    this.#reader = new TaskReader(ports, this.#runner, this.#caching, this.#gate);
    this.#chronicle = new Chronicle(ports, this.#runner.journal, () => void this.#applied(this.#wakeups.archive()));
    const parts = {
      runner: this.#runner,
      outbox: this.#outbox,
      children: this.#children,
      caching: this.#caching,
      gate: this.#gate,
      farewell: this.#farewell,
      chronicle: this.#chronicle,
      feed: this.#feed,
    };
    this.#wakeups = new Wakeups(ctx.storage, ports, parts);
  }

  // --- Submitting and steering ---

  async submit(submission: Submission | Uint8Array, waitMs: number): Promise<Result<Submitted, Rejection | "archived">> {
    const submitted = await this.#arrival.create(submissionFrom(submission));
    if (!submitted.ok || submitted.value.isReplay || submitted.value.result !== null || waitMs === 0) return submitted;
    await this.#lingering.linger(waitMs, () => this.#outbox.isAwaiting);
    const reading = this.#reading(await this.#loaded());
    return ok({ head: reading.head(), isReplay: false, result: reading.result() });
  }

  async join(submission: Submission): Promise<Result<Submitted, Rejection> | "over"> {
    return this.#wakeups.wasDeleted ? "over" : joinBurst(submission, this.#arrival, this.#runner);
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
    // Who starts it may want it no more before it is there.
    await this.#arrival.settled();
    return this.#steer({ type: "cancel", ...(reason !== undefined && { reason }) });
  }

  async delete(): Promise<Result<"deleted", Rejection> | null> {
    return (await this.#runner.ready()) && this.#wakeups.delete();
  }

  async admit(key: string): Promise<boolean> {
    return this.#gate.admit(key);
  }

  async poke(): Promise<void> {
    return this.#wakeups.poke();
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

  // --- What comes from outside, and from other tasks ---

  async signal(name: string, payload: Json, key: string): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "signal", name, payload, key });
  }

  async decide(approval: number, decision: ApprovalDecision): Promise<Result<ApprovalDetail, Rejection> | null> {
    const answer = await this.#steer({ ...decision, type: "decide", approval });
    if (answer === null || !answer.ok) return answer;
    const detail = await this.#reader.approval(approval);
    assert(detail !== null && detail !== "unknown", "an approval that was decided is there");
    return ok(detail);
  }

  async begin(submission: Submission, isPaused: boolean): Promise<ChildOutcome | "running" | "archived"> {
    const submitted = await this.#arrival.create(submission, isPaused ? [{ type: "pause", by: "parent" }] : []);
    if (!submitted.ok) {
      assert(submitted.error === "archived", "a task that another one starts has an id of its own");
      return "archived";
    }
    if (submitted.value.isReplay) await this.follow(isPaused);
    const loaded = await this.#loaded();
    return loaded.state.end === null ? "running" : this.#children.outcome(loaded);
  }

  async follow(isPaused: boolean): Promise<void> {
    if ((await this.#runner.ready()) === null) return;
    await this.#runner.apply({ type: isPaused ? "pause" : "resume", by: "parent" });
  }

  async cacheSays(asker: Asker, answer: CacheAnswer): Promise<Reply> {
    return this.#caching.answered(asker, answer);
  }

  async childEnded(task: string, { output, ...outcome }: ChildOutcome): Promise<void> {
    const before = await this.#runner.ready();
    if (before === null || !before.state.children.has(task)) return;
    const value = output === null ? null : bytesToJson(output);
    await this.#runner.apply(({ state }) => ({
      ...outcome,
      type: "child",
      task,
      output: value === null || !state.children.has(task) ? null : this.#runner.journal.write(value),
    }));
    this.#children.forget(task);
  }

  // --- Reading ---

  async head() {
    return this.#reader.head();
  }

  async task() {
    return this.#reader.task();
  }

  async steps(from: number, limit: number) {
    return this.#reader.steps(from, limit);
  }

  async step(step: string) {
    return this.#reader.step(step);
  }

  async approval(number: number) {
    return this.#reader.approval(number);
  }

  async result() {
    return this.#reader.result();
  }

  async events(after: number, limit: number) {
    return this.#reader.events(after, limit);
  }

  async recorded(question: RecorderQuestion) {
    return this.#reader.recorded(question);
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
    return this.#wakeups.alarm(info?.retryCount ?? 0);
  }

  // --- Inside ---

  #committed(loaded: Loaded, commit: Commit): void {
    this.#outbox.run(loaded, commit.commands);
    this.#children.run(loaded, commit.commands);
    this.#caching.run(loaded, commit.commands);
    this.#gate.run(loaded, commit.commands);
    const { events, firstSeq, at } = commit;
    this.#feed.publish(() => viewsOf({ seq: firstSeq + events.length - 1, at, events }), this.#reading(loaded));
    this.#chronicle.committed(loaded, firstSeq === 1);
    if (loaded.state.end === null) return;
    this.#lingering.ended();
    void this.#applied(this.#farewell.say(loaded));
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

  #reading(loaded: Loaded): TaskReading {
    return new TaskReading(loaded, this.#runner.journal);
  }

  async #loaded(): Promise<Loaded> {
    const loaded = await this.#runner.ready();
    assert(loaded !== null, "the task is gone");
    return loaded;
  }

  /** Counts on. For measurements. */
  protected get cost(): Readonly<Cost> {
    return this.#runner.journal.cost;
  }
}
