/** How a task comes into being: once, however often and by how many at a time it is submitted. */
import { compileWorkflow } from "../../language/compile.ts";
import type { TaskInput } from "../../engine/facts/input.ts";
import { inputsOfPast } from "../../engine/rules/past.ts";
import type { Rejection } from "../../shared/errors.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import type { Submitted } from "../contract.ts";
import type { TaskPorts } from "../ports.ts";
import { graphFor } from "../journal/load.ts";
import { TaskReading } from "../journal/task-reading.ts";
import { answerRepetition } from "../submission/repetition.ts";
import type { TaskRunner } from "./runner.ts";
import { createdEvent, type Submission } from "../submission/submission.ts";

type Created = Result<Submitted, Rejection | "archived">;

export class Arrival {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: TaskPorts, runner: TaskRunner) {
    this.#ports = ports;
    this.#runner = runner;
  }

  /** `inputs`: what holds before it does anything. */
  create(submission: Submission, inputs: readonly TaskInput[] = []): Promise<Created> {
    const created = this.#create(submission, inputs);
    this.#last = created;
    return created;
  }

  /** Whoever has begun to submit it is through. */
  async settled(): Promise<void> {
    await this.#last.catch(() => undefined);
  }

  async #create(submission: Submission, inputs: readonly TaskInput[]): Promise<Created> {
    const { tenant, task, fingerprint } = submission;
    const before = await this.#runner.ready();
    if (before !== null) return answerRepetition(before, fingerprint);
    if (fingerprint !== null && (await this.#ports.history.has(tenant, task))) return err("archived");
    await this.#runner.freshAgents(tenant);
    const shared = await this.#withPast(submission);

    // Another submission under the same key may have been faster.
    const meanwhile = await this.#runner.ready();
    if (meanwhile !== null) return answerRepetition(meanwhile, fingerprint);
    const compiled = compileWorkflow(submission.definition);
    assert(compiled.ok, "a submission was not checked");
    const graph = graphFor(compiled.value.graph, submission.spread?.path ?? null);
    const loaded = this.#runner.create(tenant, task, graph, (journal) => createdEvent(shared, journal), [
      ...inputs,
      ...(shared.past === undefined ? [] : inputsOfPast(shared.past)),
    ]);
    const reading = new TaskReading(loaded, this.#runner.journal);
    return ok({ head: reading.head(), isReplay: false, result: reading.result() });
  }

  /** Whoever goes on where another one of the same place failed asks that one. What is kept no longer is done again. */
  async #withPast(submission: Submission): Promise<Submission> {
    const { tenant, after } = submission;
    const found = after === undefined ? null : await this.#ports.tasks.past(tenant, after);
    if (after === undefined || found === null) return submission;
    return { ...submission, forked: { from: after, seq: found.seq, retry: true }, past: found.past };
  }
}
