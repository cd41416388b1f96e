/** How a task comes into being: once, however often and by how many at a time it is submitted. */
import { compileWorkflow } from "../../language/compile.ts";
import type { TaskInput } from "../../engine/facts/input.ts";
import { inputsOfPast } from "../../engine/rules/past.ts";
import type { Rejection } from "../../shared/errors.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import { outcomeOf } from "../child-outcome.ts";
import type { ChildOutcome, Submitted } from "../messages.ts";
import type { TaskPorts } from "../ports.ts";
import { graphFor } from "../journal/load.ts";
import { TaskReading } from "../journal/task-reading.ts";
import { answerEarlierMember, answerRepetition } from "../submission/repetition.ts";
import type { Deletion } from "./deletion.ts";
import type { EndWaiters } from "./end-waiters.ts";
import { replaceInput } from "./replace-input.ts";
import type { TaskRunner } from "./runner.ts";
import { createdEvent, submissionFrom, type Submission } from "../submission/submission.ts";

type Created = Result<Submitted, Rejection | "archived">;

export class Creation {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #waiters: EndWaiters;
  readonly #deletion: Deletion;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: TaskPorts, runner: TaskRunner, waiters: EndWaiters, deletion: Deletion) {
    this.#ports = ports;
    this.#runner = runner;
    this.#waiters = waiters;
    this.#deletion = deletion;
  }

  /**
   * Creates the task. With `waitMs` it answers when the task has ended, or earlier once the object could sleep: who waits
   * for a short task needs no second request. `archived`: history has the task, its object does not. A submission with
   * another task's past in it comes as JSON in UTF-8. `apart`: a large output is left out, to be read by itself.
   */
  async submit(submission: Submission | Uint8Array, waitMs: number, apart = false): Promise<Created> {
    const submitted = await this.#once(submissionFrom(submission), [], apart);
    if (!submitted.ok || submitted.value.isReplay || submitted.value.result !== null || waitMs === 0) return submitted;
    await this.#waiters.wait(waitMs);
    const reading = await this.#runner.reading();
    return ok({ head: reading.head(), isReplay: false, result: reading.result(apart) });
  }

  /**
   * As `submit`, for a task that another one starts: what it came to, if it has ended; `archived` as there. `isPaused`: the
   * one that starts it is paused, and so is this one from its beginning.
   */
  async begin(submission: Submission, isPaused: boolean): Promise<ChildOutcome | "running" | "archived"> {
    const submitted = await this.#once(submission, isPaused ? [{ type: "pause", by: "parent" }] : []);
    if (!submitted.ok) {
      assert(submitted.error === "archived", "a task that another one starts has an id of its own");
      return "archived";
    }
    if (submitted.value.isReplay) await this.#runner.apply({ type: isPaused ? "pause" : "resume", by: "parent" });
    const loaded = await this.#runner.loaded();
    return loaded.state.end === null ? "running" : outcomeOf(loaded, this.#runner.journal);
  }

  /**
   * Creates the task, which stands for a burst of submissions, or gives it this input instead of its own while it waits.
   * Whoever comes first creates it, be it the one that gave it its id or not: that one may have died on the way here.
   * `over`: it does not wait any more.
   */
  async join(submission: Submission): Promise<Result<Submitted, Rejection> | "over"> {
    if (this.#deletion.wasDeleted) return "over";
    if ((await this.#runner.ready()) === null) {
      const created = await this.#once(submission);
      assert(created.ok, "a task that stands for a burst has no key");
      // Otherwise another one was faster.
      if (!created.value.isReplay) return created;
    }
    return replaceInput(submission, this.#runner);
  }

  /** The answer to a submission that came before, as `submit` would give it. */
  async recall(fingerprint: string): Promise<Result<Submitted, Rejection> | null> {
    const loaded = await this.#runner.ready();
    return loaded && answerRepetition(loaded, fingerprint);
  }

  /** As `recall`, for a member of a batch that may have been submitted by the first release. */
  async recallEarlierMember(fingerprint: string): Promise<Result<Submitted, Rejection> | "other" | null> {
    const loaded = await this.#runner.ready();
    return loaded && answerEarlierMember(loaded, fingerprint);
  }

  /** Whoever has begun to submit it is through. */
  async settled(): Promise<void> {
    await this.#last.catch(() => undefined);
  }

  /** `inputs`: what holds before it does anything. */
  #once(submission: Submission, inputs: readonly TaskInput[] = [], apart = false): Promise<Created> {
    const created = this.#create(submission, inputs, apart);
    this.#last = created;
    return created;
  }

  async #create(submission: Submission, inputs: readonly TaskInput[], apart: boolean): Promise<Created> {
    const { tenant, task, fingerprint } = submission;
    const before = await this.#runner.ready();
    if (before !== null) return answerRepetition(before, fingerprint);
    if (fingerprint !== null && (await this.#ports.history.has(tenant, task))) return err("archived");
    await this.#runner.freshAgents(tenant);
    const shared = await this.#withPast(submission);

    // Another submission under the same key may have been faster.
    const meanwhile = await this.#runner.ready();
    if (meanwhile !== null) return answerRepetition(meanwhile, fingerprint);
    const compiled = compileWorkflow(submission.definition, submission.rules ?? 0);
    assert(compiled.ok, "a submission was not checked");
    const graph = graphFor(compiled.value.graph, submission.spread?.path ?? null);
    const loaded = this.#runner.create(tenant, task, graph, (journal) => createdEvent(shared, journal), [
      ...inputs,
      ...(shared.past === undefined ? [] : inputsOfPast(shared.past)),
    ]);
    const reading = new TaskReading(loaded, this.#runner.journal);
    return ok({ head: reading.head(), isReplay: false, result: reading.result(apart) });
  }

  /** Whoever goes on where another one of the same place failed asks that one. What is kept no longer is done again. */
  async #withPast(submission: Submission): Promise<Submission> {
    const { tenant, after } = submission;
    const found = after === undefined ? null : await this.#ports.tasks.past(tenant, after);
    if (after === undefined || found === null) return submission;
    return { ...submission, forked: { from: after, seq: found.seq, retry: true }, past: found.past };
  }
}
