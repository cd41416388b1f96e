/**
 * The queue of attempts in a simulated run: messages are delivered a few at a time, and a consumer is free for the next
 * ones when all of its batch have been reported.
 */
import type { Attempt } from "./attempt-run.ts";
import type { Run } from "./run.ts";

export class DispatchRun {
  readonly #run: Run;
  #waiting: Attempt[] = [];
  #batches = 0;
  #isDue = false;

  constructor(run: Run) {
    this.#run = run;
  }

  send(attempt: Attempt, at: number): void {
    this.#run.ledger.counts.messages++;
    this.#run.clock.at(at + this.#run.way("queue"), () => {
      this.#waiting.push(attempt);
      this.#deliverSoon();
    });
  }

  /** What arrives at the same moment goes together. */
  #deliverSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#run.clock.at(this.#run.clock.now, () => {
      this.#isDue = false;
      this.#deliver();
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
      for (const attempt of batch) attempt.deliver(isThrough);
    }
  }
}
