/** The way to the objects of schedules. What they throw is trouble, met with one more try on a new stub: that one is broken. */
import { Unavailable } from "../shared/errors.ts";
import type { ScheduleContract, ScheduleName } from "./schedule-contract.ts";

export class ScheduleGateway {
  readonly #stub: (name: string) => ScheduleContract;

  constructor(stub: (name: string) => ScheduleContract) {
    this.#stub = stub;
  }

  async ask<T>({ tenant, schedule }: ScheduleName, question: (schedule: ScheduleContract) => Promise<T>): Promise<T> {
    const object = `${tenant}/${schedule}`;
    try {
      return await question(this.#stub(object));
    } catch (error) {
      // More of the same does not help an object that has too much to do.
      if ((error as { overloaded?: unknown }).overloaded === true) throw new Unavailable("The schedule's object is overloaded", error);
    }
    try {
      return await question(this.#stub(object));
    } catch (error) {
      throw new Unavailable("The schedule's object did not answer", error);
    }
  }
}
