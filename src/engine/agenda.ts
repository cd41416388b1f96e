/**
 * Steps to look at, first come first served. An entry may be out of date or there twice: who takes one checks it, which
 * is cheaper than removing entries from the middle.
 */
export class Agenda {
  #steps: number[] = [];
  #taken = 0;

  push(step: number): void {
    this.#steps.push(step);
  }

  peek(): number | undefined {
    return this.#steps[this.#taken];
  }

  take(): void {
    this.#taken++;
    if (this.#taken < this.#steps.length) return;
    this.#steps = [];
    this.#taken = 0;
  }
}
