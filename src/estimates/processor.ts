/** What does one thing at a time: an object, or a machine that all objects are on. */
export class Processor {
  #freeAt = 0;

  /** When a piece of work is done that comes now. */
  take(now: number, ms: number): number {
    this.#freeAt = Math.max(this.#freeAt, now) + ms;
    return this.#freeAt;
  }
}
