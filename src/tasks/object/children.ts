/**
 * Tasks that are branches of this one's steps, and the task that this one is a branch of.
 *
 * K1. Everything said to a child is safe to repeat, and is repeated by the alarm and by every new instance until it shows:
 *     that it was started, that it pauses and goes on with this task, that nobody wants it any more.
 * K2. Asking a child to begin is asking what it came to: so an end that nobody told of is found.
 * K3. Whoever may be about to begin, because it was asked to, does not count as told that nobody wants it: it is told again.
 */
import { Unavailable } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { log, messageOf } from "../../shared/log.ts";
import { NO_AMOUNTS } from "../../shared/money.ts";
import type { Command } from "../../engine/facts/command.ts";
import { stepAt } from "../../engine/state/state.ts";
import { askAgainMs } from "./alarm-time.ts";
import { ChildSubmissions, type ChildTask } from "../submission/child-submission.ts";
import type { ChildOutcome } from "../messages.ts";
import { insist } from "./insist.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import { outcomeOf } from "../child-outcome.ts";
import type { TaskRunner } from "./runner.ts";

export class Children {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #submissions: ChildSubmissions;
  /** When this instance asked last, and which of them may be about to begin because of that. */
  readonly #askedAt = new Map<string, number>();
  readonly #starting = new Map<string, number>();
  /** Those that nobody wants and that it is telling so, and those that have heard it. */
  readonly #telling = new Map<string, { readonly at: number; readonly heard: Promise<void> }>();
  readonly #told = new Set<string>();
  #hasReported = false;

  constructor(ports: TaskPorts, runner: TaskRunner) {
    this.#ports = ports;
    this.#runner = runner;
    this.#submissions = new ChildSubmissions(runner.journal);
  }

  run(loaded: Loaded, commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.type) {
        case "start_child":
          // Ended in the same flush, it is not there any more.
          if (loaded.state.children.has(command.task)) this.#start(loaded, command);
          break;
        case "cancel_children":
          void this.#cancelOrphans(loaded);
          break;
        case "steer_children":
          for (const task of loaded.state.children.keys()) void this.#steer(loaded, task);
          break;
        default:
      }
    }
  }

  /** A task that a step of this one has started has ended. */
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
    this.#askedAt.delete(task);
  }

  /** A new instance does not know what the last one got to do. */
  recover(loaded: Loaded): void {
    if (loaded.state.archivedAt !== null) return;
    for (const [task, { step, branch }] of loaded.state.children) {
      if (!this.#askedAt.has(task)) this.#start(loaded, { task, step: stepAt(loaded.state, step).path, branch });
    }
    if (loaded.state.orphans.size > 0) void this.#cancelOrphans(loaded);
  }

  /** Called by the alarm: those that nothing has been heard of for long. */
  askAgain(loaded: Loaded, now: number): void {
    const { children, orphans, steeredAt } = loaded.state;
    for (const [task, { step, branch, startedAt }] of children) {
      const since = Math.max(startedAt, steeredAt);
      if (now - (this.#askedAt.get(task) ?? 0) < askAgainMs(since, now) / 2) continue;
      this.#start(loaded, { task, step: stepAt(loaded.state, step).path, branch });
    }
    if (orphans.size > 0) void this.#cancelOrphans(loaded);
  }

  /** Those that nobody wants have been told. Throws where one does not answer, or may be about to begin. */
  async dismiss(loaded: Loaded): Promise<void> {
    const orphans = [...loaded.state.orphans].filter(([task]) => !this.#told.has(task));
    await Promise.all(orphans.map(([task, reason]) => this.#cancel(loaded, task, reason)));
    if (orphans.some(([task]) => !this.#told.has(task))) throw new Unavailable("A task that nobody wants may be about to begin", null);
  }

  /** Tells the parent, if there is one, what this task came to. Throws where it does not answer. */
  async report(loaded: Loaded): Promise<void> {
    const { tenant, task, parent } = loaded.state.created;
    if (parent === undefined || this.#hasReported) return;
    await this.#ports.tasks.ended(tenant, parent.task, task, outcomeOf(loaded, this.#runner.journal));
    this.#hasReported = true;
  }

  /** The task was deleted; another one under its id starts others under the ids of these. */
  startOver(): void {
    for (const known of [this.#askedAt, this.#starting, this.#telling, this.#told]) known.clear();
    this.#hasReported = false;
    this.#submissions.startOver();
  }

  #start(loaded: Loaded, child: ChildTask): void {
    const { task } = child;
    this.#askedAt.set(task, Date.now());
    this.#starting.set(task, (this.#starting.get(task) ?? 0) + 1);
    void this.#insistOnStart(loaded, child);
  }

  async #insistOnStart(loaded: Loaded, child: ChildTask): Promise<void> {
    await insist("child not started", () => this.#ask(loaded, child));
    const others = (this.#starting.get(child.task) ?? 1) - 1;
    if (others > 0) this.#starting.set(child.task, others);
    else this.#starting.delete(child.task);
  }

  async #ask(loaded: Loaded, child: ChildTask): Promise<void> {
    const { task } = child;
    const current = (await this.#runner.ready()) ?? loaded;
    if (!current.state.children.has(task)) return; // not wanted any more
    const isPaused = current.state.paused;
    const submission = this.#submissions.submissionFor(current, child, Date.now());
    const outcome = submission.ok
      ? await this.#ports.tasks.start(submission.value, isPaused)
      : ({ status: "failed", output: null, error: submission.error, failedItems: 0, spent: NO_AMOUNTS } satisfies ChildOutcome);
    if (outcome !== null) return this.childEnded(task, outcome);
    // What was said meanwhile may have been said before it was there.
    const { state } = (await this.#runner.ready()) ?? current;
    if (state.children.has(task) && state.paused !== isPaused) await this.#follow(loaded, task, state.paused);
  }

  async #steer(loaded: Loaded, task: string): Promise<void> {
    await insist("child not told to pause or go on", async () => {
      const { state } = (await this.#runner.ready()) ?? loaded;
      if (state.children.has(task)) await this.#follow(loaded, task, state.paused);
    });
  }

  #follow({ state }: Loaded, task: string, isPaused: boolean): Promise<void> {
    return this.#ports.tasks.follow(state.created.tenant, task, isPaused);
  }

  async #cancelOrphans(loaded: Loaded): Promise<void> {
    const orphans = [...loaded.state.orphans].filter(([task]) => !this.#told.has(task));
    await Promise.all(orphans.map(([task, reason]) => insist("child not canceled", () => this.#cancel(loaded, task, reason))));
    const { state } = (await this.#runner.ready()) ?? loaded;
    const known = [...state.orphans.keys()].filter((task) => this.#told.has(task));
    if (known.length === 0 || state.end !== null) return; // nothing is recorded of a task that has ended
    await this.#runner
      .apply({ type: "dismissed", tasks: known })
      .catch((error: unknown) => log("info", "not recorded, the alarm will", { error: messageOf(error) }));
  }

  /** Tells it that nobody wants it: once at a time, but nobody waits for ever for an answer that does not come. */
  #cancel({ state }: Loaded, task: string, reason: string): Promise<void> {
    const now = Date.now();
    const before = this.#telling.get(task);
    if (before !== undefined && now - before.at < LIMITS.unclaimedMs) return before.heard;
    const heard = this.#tell(state.created.tenant, task, reason);
    this.#telling.set(task, { at: now, heard });
    return heard;
  }

  async #tell(tenant: string, task: string, reason: string): Promise<void> {
    try {
      await this.#ports.tasks.cancel(tenant, task, reason);
    } catch (error) {
      this.#telling.delete(task);
      throw error;
    }
    if (this.#starting.has(task)) this.#telling.delete(task);
    else this.#told.add(task);
  }
}
