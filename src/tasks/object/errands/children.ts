/**
 * Tasks that are branches of this one's steps.
 *
 * K1. Everything said to a child is safe to repeat, and is repeated by the alarm and by every new instance until it shows:
 *     that it was started, that it pauses and goes on with this task.
 * K2. Asking a child to begin is asking what it came to: so an end that nobody told of is found.
 * K3. They are asked in the turns of the family, one turn at a time, so that no task waits behind all children of another.
 */
import { stepAt } from "../../../engine/state/state.ts";
import { againAt, Reminders, tryToTell } from "../../../objects/errands.ts";
import { bytesToJson } from "../../../shared/json-bytes.ts";
import { NO_AMOUNTS } from "../../../shared/money.ts";
import type { Loaded } from "../../journal/load.ts";
import type { ChildOutcome } from "../../messages.ts";
import type { TasksPort } from "../../ports.ts";
import { ChildSubmissions, type ChildTask } from "../../submission/child-submission.ts";
import type { TaskRunner } from "../runner.ts";
import { startTurn } from "../start-turns.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfChild = CommandOf<"start_child" | "steer_children">;

/** How something is undone cannot be kept: whoever is to undo it says so. */
const UNKNOWN = { value: null };

export class Children implements TaskErrand<OfChild> {
  readonly #tasks: TasksPort;
  readonly #runner: TaskRunner;
  readonly #submissions: ChildSubmissions;
  readonly #reminders = new Reminders();
  /** Those that may be about to begin, because this instance asks them to. */
  readonly #starting = new Map<string, number>();
  /** Those whose turn has not come. */
  readonly #line = new Map<string, { readonly loaded: Loaded; readonly child: ChildTask }>();
  #isTakingTurns = false;

  constructor(tasks: TasksPort, runner: TaskRunner) {
    this.#tasks = tasks;
    this.#runner = runner;
    this.#submissions = new ChildSubmissions(runner.journal);
  }

  run(loaded: Loaded, commands: readonly OfChild[]): void {
    const { children } = loaded.state;
    for (const command of commands) {
      if (command.type === "steer_children") for (const task of children.keys()) void this.#steer(loaded, task);
      // Ended in the same flush, it is not there any more.
      else if (children.has(command.task)) this.#enter(loaded, command);
    }
  }

  again(loaded: Loaded, now: number): void {
    const { children, steeredAt } = loaded.state;
    for (const [task, { step, branch, startedAt }] of children) {
      if (!this.#reminders.isDue(task, Math.max(startedAt, steeredAt), now)) continue;
      this.#enter(loaded, { task, step: stepAt(loaded.state, step).path, branch });
    }
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.children.size > 0 ? againAt(Math.max(state.childrenAt, state.steeredAt), now) : null;
  }

  /** Another task under this one's id starts others under the ids of these. */
  startOver(): void {
    this.#reminders.clear();
    this.#starting.clear();
    this.#line.clear();
    this.#submissions.startOver();
  }

  isStarting(task: string): boolean {
    return this.#starting.has(task);
  }

  /** A task that a step of this one has started has ended. */
  async childEnded(task: string, { output, undo, ...outcome }: ChildOutcome): Promise<void> {
    const before = await this.#runner.ready();
    if (before === null || !before.state.children.has(task)) return;
    const value = output === null ? null : bytesToJson(output);
    const undoing = undo === undefined ? null : bytesToJson(undo);
    await this.#runner.apply(({ state }) => ({
      ...outcome,
      type: "child",
      task,
      output: value === null || !state.children.has(task) ? null : this.#runner.journal.write(value),
      ...(undoing !== null && state.children.has(task) && { undo: this.#runner.journal.write(undoing) ?? UNKNOWN }),
    }));
    this.#reminders.heard(task);
  }

  #enter(loaded: Loaded, child: ChildTask): void {
    this.#line.set(child.task, { loaded, child });
    if (!this.#isTakingTurns) void this.#takeTurns();
  }

  async #takeTurns(): Promise<void> {
    this.#isTakingTurns = true;
    for (const [task, { loaded, child }] of this.#line) {
      const isWanted = loaded.state.children.has(task);
      // Where the turn is far away the alarm finds all of them again.
      if (isWanted && !(await startTurn(loaded.state))) this.#line.clear();
      else if (this.#line.delete(task) && isWanted) void this.#start(loaded, child);
    }
    this.#isTakingTurns = false;
  }

  async #start(loaded: Loaded, child: ChildTask): Promise<void> {
    const { task } = child;
    this.#reminders.carriedOut(task);
    this.#starting.set(task, (this.#starting.get(task) ?? 0) + 1);
    await tryToTell("child not started", () => this.#ask(loaded, child));
    const others = (this.#starting.get(task) ?? 1) - 1;
    if (others > 0) this.#starting.set(task, others);
    else this.#starting.delete(task);
  }

  async #ask(loaded: Loaded, child: ChildTask): Promise<void> {
    const { task } = child;
    const current = (await this.#runner.ready()) ?? loaded;
    if (!current.state.children.has(task)) return; // not wanted any more
    const isPaused = current.state.paused;
    const submission = this.#submissions.submissionFor(current, child, Date.now());
    const outcome = submission.ok
      ? await this.#tasks.start(submission.value, isPaused)
      : ({ status: "failed", output: null, error: submission.error, failedItems: 0, spent: NO_AMOUNTS, used: 0 } satisfies ChildOutcome);
    if (outcome !== null) return this.childEnded(task, outcome);
    // What was said meanwhile may have been said before it was there.
    const { state } = (await this.#runner.ready()) ?? current;
    if (state.children.has(task) && state.paused !== isPaused) await this.#follow(loaded, task, state.paused);
  }

  async #steer(loaded: Loaded, task: string): Promise<void> {
    await tryToTell("child not told to pause or go on", async () => {
      const { state } = (await this.#runner.ready()) ?? loaded;
      if (state.children.has(task)) await this.#follow(loaded, task, state.paused);
    });
  }

  #follow({ state }: Loaded, task: string, isPaused: boolean): Promise<void> {
    return this.#tasks.follow(state.created.tenant, task, isPaused);
  }
}
