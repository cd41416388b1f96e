/**
 * The object that owns one task: its journal, its effects, its alarm. It has no rule of its own about workflows; those
 * are the engine's. Methods return data and never throw for what a caller did: a throw means trouble, and is retried.
 */
import { DurableObject } from "cloudflare:workers";
import type { Rejection } from "../../shared/errors.ts";
import { assert, ok, type Result } from "../../shared/result.ts";
import type { Asker, CacheAnswer, Reply } from "../../cache/cache-contract.ts";
import type { ClaimAnswer } from "../../agents/transports/dispatch-queue.ts";
import type { Holding } from "../../agents/port.ts";
import type { CarriedCall, Outcome } from "../../agents/transports/protocol.ts";
import type { ApprovalDetail } from "../views/approval-view.ts";
import type { Answer } from "../../engine/transition.ts";
import type { TaskHead } from "../views/view.ts";
import type { Json } from "../../shared/json.ts";
import type { ApprovalDecision, AttemptOf, ChildOutcome, Heartbeat, Submitted, TaskContract } from "../contract.ts";
import { joinBurst } from "./burst.ts";
import type { Cost } from "./journal.ts";
import type { TaskPorts } from "../ports.ts";
import { TaskParts } from "./task-parts.ts";
import { TaskReading } from "../journal/task-reading.ts";
import type { Loaded } from "../journal/load.ts";
import type { RecorderQuestion } from "../recorder/recorder.ts";
import { answerRepetition } from "../submission/repetition.ts";
import type { TaskRunner } from "./runner.ts";
import { submissionFrom, type Submission } from "../submission/submission.ts";

export abstract class TaskObject<Env> extends DurableObject<Env> implements Omit<TaskContract, "fetch"> {
  readonly #parts: TaskParts;

  constructor(ctx: DurableObjectState, env: Env, ports: TaskPorts) {
    super(ctx, env);
    this.#parts = new TaskParts(ctx, ports);
  }

  // --- Submitting and steering ---

  async submit(submission: Submission | Uint8Array, waitMs: number): Promise<Result<Submitted, Rejection | "archived">> {
    const submitted = await this.#parts.arrival.create(submissionFrom(submission));
    if (!submitted.ok || submitted.value.isReplay || submitted.value.result !== null || waitMs === 0) return submitted;
    await this.#parts.lingering.linger(waitMs, () => this.#parts.outbox.isAwaiting);
    const reading = this.#reading(await this.#loaded());
    return ok({ head: reading.head(), isReplay: false, result: reading.result() });
  }

  async join(submission: Submission): Promise<Result<Submitted, Rejection> | "over"> {
    return this.#parts.wakeups.wasDeleted ? "over" : joinBurst(submission, this.#parts.arrival, this.#parts.runner);
  }

  async recall(fingerprint: string): Promise<Result<Submitted, Rejection> | null> {
    const loaded = await this.#parts.runner.ready();
    return loaded && answerRepetition(loaded, fingerprint);
  }

  async pause(): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "pause" });
  }

  async resume(): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "resume" });
  }

  async cancel(reason?: string): Promise<Result<TaskHead, Rejection> | null> {
    // Who starts it may want it no more before it is there.
    await this.#parts.arrival.settled();
    return this.#steer({ type: "cancel", ...(reason !== undefined && { reason }) });
  }

  async delete(): Promise<Result<"deleted", Rejection> | null> {
    return (await this.#parts.runner.ready()) && this.#parts.wakeups.delete();
  }

  async admit(key: string): Promise<boolean> {
    return this.#parts.gate.admit(key);
  }

  async poke(): Promise<void> {
    return this.#parts.wakeups.poke();
  }

  // --- Attempts ---

  async claim(at: AttemptOf, delivery: number): Promise<ClaimAnswer | null> {
    return this.#parts.attempts.claim(at, delivery);
  }

  async grant(attempts: readonly AttemptOf[]): Promise<readonly boolean[]> {
    return this.#parts.attempts.grant(attempts);
  }

  async verify(attempts: readonly AttemptOf[]): Promise<readonly Holding[]> {
    return this.#parts.attempts.verify(attempts);
  }

  async hand(at: AttemptOf): Promise<CarriedCall | null> {
    return this.#parts.attempts.handOver(at, { ...at, type: "grant", isPull: true });
  }

  async decline(attempts: readonly AttemptOf[], reason: string, retryAt: number): Promise<void> {
    return this.#parts.attempts.decline(attempts, reason, retryAt);
  }

  async report(at: AttemptOf, outcome: Outcome, digest?: string): Promise<Answer | null> {
    return this.#parts.attempts.report(at, outcome, digest);
  }

  async heartbeat(at: AttemptOf, beat: Heartbeat): Promise<Result<{ readonly leaseUntil: number | null }, Rejection> | null> {
    return this.#parts.attempts.heartbeat(at, beat);
  }

  // --- What comes from outside, and from other tasks ---

  async signal(name: string, payload: Json, key: string): Promise<Result<TaskHead, Rejection> | null> {
    return this.#steer({ type: "signal", name, payload, key });
  }

  async decide(approval: number, decision: ApprovalDecision): Promise<Result<ApprovalDetail, Rejection> | null> {
    const answer = await this.#steer({ ...decision, type: "decide", approval });
    if (answer === null || !answer.ok) return answer;
    const detail = await this.#parts.reader.approval(approval);
    assert(detail !== null && detail !== "unknown", "an approval that was decided is there");
    return ok(detail);
  }

  async begin(submission: Submission, isPaused: boolean): Promise<ChildOutcome | "running" | "archived"> {
    const submitted = await this.#parts.arrival.create(submission, isPaused ? [{ type: "pause", by: "parent" }] : []);
    if (!submitted.ok) {
      assert(submitted.error === "archived", "a task that another one starts has an id of its own");
      return "archived";
    }
    if (submitted.value.isReplay) await this.follow(isPaused);
    const loaded = await this.#loaded();
    return loaded.state.end === null ? "running" : this.#parts.children.outcome(loaded);
  }

  async follow(isPaused: boolean): Promise<void> {
    if ((await this.#parts.runner.ready()) === null) return;
    await this.#parts.runner.apply({ type: isPaused ? "pause" : "resume", by: "parent" });
  }

  async cacheSays(asker: Asker, answer: CacheAnswer): Promise<Reply> {
    return this.#parts.caching.answered(asker, answer);
  }

  async childEnded(task: string, outcome: ChildOutcome): Promise<void> {
    return this.#parts.childEnded(task, outcome);
  }

  // --- Reading ---

  async head() {
    return this.#parts.reader.head();
  }

  async task() {
    return this.#parts.reader.task();
  }

  async steps(from: number, limit: number) {
    return this.#parts.reader.steps(from, limit);
  }

  async step(step: string) {
    return this.#parts.reader.step(step);
  }

  async approval(number: number) {
    return this.#parts.reader.approval(number);
  }

  async result() {
    return this.#parts.reader.result();
  }

  async events(after: number, limit: number) {
    return this.#parts.reader.events(after, limit);
  }

  async recorded(question: RecorderQuestion) {
    return this.#parts.reader.recorded(question);
  }

  /** A live reader opens a WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    const loaded = await this.#parts.runner.ready();
    if (loaded === null) return new Response("There is no such task", { status: 404 });
    return this.#parts.feed.accept(request, this.#reading(loaded));
  }

  override webSocketMessage(): void {
    // Readers have nothing to say; whatever they send is not kept.
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  // --- The alarm ---

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    return this.#parts.wakeups.alarm(info?.retryCount ?? 0);
  }

  // --- Inside ---

  async #steer(input: Parameters<TaskRunner["apply"]>[0]): Promise<Result<TaskHead, Rejection> | null> {
    if ((await this.#parts.runner.ready()) === null) return null;
    const answer = await this.#parts.runner.apply(input);
    return answer.ok ? ok(this.#reading(await this.#loaded()).head()) : answer;
  }

  #reading(loaded: Loaded): TaskReading {
    return new TaskReading(loaded, this.#parts.runner.journal);
  }

  async #loaded(): Promise<Loaded> {
    const loaded = await this.#parts.runner.ready();
    assert(loaded !== null, "the task is gone");
    return loaded;
  }

  /** Counts on. For measurements. */
  protected get cost(): Readonly<Cost> {
    return this.#parts.runner.journal.cost;
  }
}
