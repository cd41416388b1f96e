/**
 * Tasks that are branches of this one's steps, and the task that this one is a branch of. Starting one is safe to repeat,
 * and asking again is how an end that nobody told of is found: by the alarm, and by every new instance.
 */
import { log, messageOf } from "../shared/log.ts";
import type { Command } from "../engine/command.ts";
import { stepAt } from "../engine/state.ts";
import { askAgainMs } from "./alarm-time.ts";
import { ChildSubmissions, type ChildTask } from "./child-submission.ts";
import type { ChildOutcome } from "./contract.ts";
import { insist } from "./insist.ts";
import type { Journal } from "./journal.ts";
import type { TaskPorts } from "./ports.ts";
import type { Loaded } from "./reading.ts";

export class Children {
  readonly #ports: TaskPorts;
  readonly #submissions: ChildSubmissions;
  readonly #ended: (task: string, outcome: ChildOutcome) => Promise<void>;
  /** When this instance asked last. */
  readonly #askedAt = new Map<string, number>();
  /** Those that nobody wants and that have been told so. */
  readonly #canceled = new Set<string>();
  #hasReported = false;

  constructor(ports: TaskPorts, journal: Journal, ended: (task: string, outcome: ChildOutcome) => Promise<void>) {
    this.#ports = ports;
    this.#submissions = new ChildSubmissions(journal);
    this.#ended = ended;
  }

  run(loaded: Loaded, commands: readonly Command[]): void {
    for (const command of commands) {
      switch (command.type) {
        case "start_child":
          // Ended in the same flush, it is not there any more.
          if (loaded.state.children.has(command.task)) this.#start(loaded, command);
          break;
        case "cancel_child":
          void insist("child not canceled", () => this.#cancel(loaded, command.task, command.reason));
          break;
        case "pause_children":
          this.#each(loaded, (tenant, task) => this.#ports.tasks.pause(tenant, task));
          break;
        case "resume_children":
          this.#each(loaded, (tenant, task) => this.#ports.tasks.resume(tenant, task));
          break;
        default:
      }
    }
  }

  /** A new instance does not know what the last one got to do. */
  recover(loaded: Loaded): void {
    for (const [task, { step, branch }] of loaded.state.children) {
      if (!this.#askedAt.has(task)) this.#start(loaded, { task, step: stepAt(loaded.state, step).path, branch });
    }
    for (const task of loaded.state.orphans) {
      if (!this.#canceled.has(task)) void insist("child not canceled", () => this.#cancel(loaded, task, "not wanted any more"));
    }
  }

  /** Called by the alarm: those that nothing has been heard of for long. */
  askAgain(loaded: Loaded, now: number): void {
    for (const [task, { step, branch, startedAt }] of loaded.state.children) {
      if (now - (this.#askedAt.get(task) ?? 0) < askAgainMs(startedAt, now) / 2) continue;
      this.#start(loaded, { task, step: stepAt(loaded.state, step).path, branch });
    }
  }

  /** What must have happened before the task is put away. Throws where somebody does not answer. */
  async settle(loaded: Loaded): Promise<void> {
    for (const task of loaded.state.orphans) if (!this.#canceled.has(task)) await this.#cancel(loaded, task, "not wanted any more");
    await this.report(loaded);
  }

  /** Tells the parent, if there is one, what this task came to. */
  async report(loaded: Loaded): Promise<void> {
    const { tenant, task, parent } = loaded.state.created;
    if (parent === undefined || this.#hasReported) return;
    await this.#ports.tasks.ended(tenant, parent.task, task, this.outcome(loaded));
    this.#hasReported = true;
  }

  outcome(loaded: Loaded): ChildOutcome {
    return this.#submissions.outcomeOf(loaded);
  }

  #start(loaded: Loaded, child: ChildTask): void {
    this.#askedAt.set(child.task, Date.now());
    void insist("child not started", async () => {
      const submission = this.#submissions.submissionFor(loaded, child, Date.now());
      const outcome = submission.ok
        ? await this.#ports.tasks.start(submission.value)
        : ({ status: "failed", output: null, error: submission.error, failedItems: 0 } satisfies ChildOutcome);
      if (outcome !== null) await this.#ended(child.task, outcome);
      else if (loaded.state.paused) await this.#ports.tasks.pause(loaded.state.created.tenant, child.task);
    });
  }

  async #cancel(loaded: Loaded, task: string, reason: string): Promise<void> {
    await this.#ports.tasks.cancel(loaded.state.created.tenant, task, reason);
    this.#canceled.add(task);
  }

  #each(loaded: Loaded, act: (tenant: string, task: string) => Promise<void>): void {
    for (const task of loaded.state.children.keys()) {
      act(loaded.state.created.tenant, task).catch((error: unknown) => log("info", "child not told", { task, error: messageOf(error) }));
    }
  }
}
