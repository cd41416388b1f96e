/** How much may be under way at once; the others line up, first come first served. */
export class CallRoom {
  readonly #most: number;
  #taken = 0;
  #line: { readonly weight: number; readonly enter: () => void }[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#taken === 0 && this.#line.length === 0;
  }

  /** What gives it back, once. Throws where nobody wants it any more before there is room. What is heavier than all goes alone. */
  async enter(weight: number, signal: AbortSignal): Promise<() => void> {
    if (this.#line.length === 0 && this.#fits(weight)) this.#taken += weight;
    else await this.#turn(weight, signal);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#taken -= weight;
      this.#admit();
    };
  }

  #turn(weight: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { weight, enter: resolve };
      this.#line.push(waiting);
      signal.addEventListener("abort", () => {
        this.#line = this.#line.filter((other) => other !== waiting);
        reject(new Error("nobody wants it any more"));
        this.#admit();
      });
    });
  }

  #fits(weight: number): boolean {
    return this.#taken === 0 || this.#taken + weight <= this.#most;
  }

  #admit(): void {
    for (let next = this.#line[0]; next !== undefined && this.#fits(next.weight); next = this.#line[0]) {
      this.#line.shift();
      this.#taken += next.weight;
      next.enter();
    }
  }
}
