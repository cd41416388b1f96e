/**
 * The queue of attempts in a simulated run: messages are delivered a few at a time, and a consumer is free for the next
 * ones when all of its batch have been reported.
 */
import type { Attempt } from "./attempt-run.ts";
import type { Run } from "./run.ts";
import type { TaskRun } from "./task-run.ts";

export class DispatchRun {
  readonly #run: Run;
  /** What a task sends at one moment, which travels together. */
  readonly #leaving = new Map<TaskRun, Attempt[]>();
  readonly #waiting: Attempt[] = [];
  #batches = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  send(attempt: Attempt): void {
    const { ledger, clock } = this.#run;
    ledger.counts.messages++;
    const { task } = attempt.instance.frame;
    const others = this.#leaving.get(task);
    if (others !== undefined) return void others.push(attempt);
    const together = [attempt];
    this.#leaving.set(task, together);
    clock.at(clock.now, () => {
      this.#leaving.delete(task);
      clock.at(task.does("call") + this.#run.way("queue"), () => {
        for (const message of together) this.#waiting.push(message);
        this.#deliver();
      });
    });
  }

  #deliver(): void {
    const { setting, ledger } = this.#run;
    while (this.#waiting.length > 0 && this.#batches < setting.surroundings.queueBatches) {
      const batch = this.#waiting.splice(0, setting.surroundings.batchSize);
      this.#batches++;
      ledger.counts.workerRequests++;
      let left = batch.length;
      const isThrough = (): void => {
        if (--left > 0) return;
        this.#batches--;
        this.#deliver();
      };
      // What a task is asked at one moment it writes down in one row.
      const claims = new Map<TaskRun, number>();
      for (const attempt of batch) {
        const { task } = attempt.instance.frame;
        let claimedAt = claims.get(task);
        if (claimedAt === undefined) claims.set(task, (claimedAt = this.#claim(task)));
        attempt.deliver(claimedAt, isThrough);
      }
    }
  }

  #claim(task: TaskRun): number {
    this.#run.ledger.counts.rows++;
    return task.does("claim");
  }
}
