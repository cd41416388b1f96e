/** Facts as a replay reads them: those of one moment, some of which it has explained. */
import type { TaskEvent } from "./event.ts";

/** What is recorded of one moment. */
export class Moment {
  readonly at: number;
  readonly facts: readonly TaskEvent[];
  /** How many of them have been explained. */
  done: number;

  constructor(at: number, facts: readonly TaskEvent[], done: number) {
    this.at = at;
    this.facts = facts;
    this.done = done;
  }

  get next(): TaskEvent | undefined {
    return this.facts[this.done];
  }

  /** The first of those still to be explained that is so. */
  find(is: (fact: TaskEvent) => boolean): TaskEvent | undefined {
    for (let index = this.done; index < this.facts.length; index++) {
      const fact = this.facts[index] as TaskEvent;
      if (is(fact)) return fact;
    }
    return undefined;
  }
}
