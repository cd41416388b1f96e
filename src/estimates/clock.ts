/** The clock of a simulated run: what happens next happens at once, however far away it is. Equal moments keep their order. */
export class Clock {
  now: number;
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #acts: (() => void)[] = [];
  #planned = 0;

  constructor(now: number) {
    this.now = now;
  }

  /** What lies in the past happens now. */
  at(time: number, act: () => void): void {
    let place = this.#times.length;
    const at = Math.max(time, this.now);
    const order = this.#planned++;
    this.#times.push(at);
    this.#orders.push(order);
    this.#acts.push(act);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((this.#times[above] as number) <= at) break; // what was planned earlier goes first
      this.#move(above, place);
      place = above;
    }
    this.#put(place, at, order, act);
  }

  /** Goes on to the next moment and does what is to be done there. `false` when nothing is left. */
  step(): boolean {
    const act = this.#acts[0];
    if (act === undefined) return false;
    this.now = this.#times[0] as number;
    this.#removeFirst();
    act();
    return true;
  }

  #removeFirst(): void {
    const at = this.#times.pop() as number;
    const order = this.#orders.pop() as number;
    const act = this.#acts.pop() as () => void;
    const size = this.#times.length;
    if (size === 0) return;
    let place = 0;
    for (let below = 1; below < size; below = 2 * place + 1) {
      if (below + 1 < size && this.#isBefore(below + 1, below)) below++;
      const time = this.#times[below] as number;
      if (time > at || (time === at && (this.#orders[below] as number) > order)) break;
      this.#move(below, place);
      place = below;
    }
    this.#put(place, at, order, act);
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#times[one] as number;
    const b = this.#times[other] as number;
    return a < b || (a === b && (this.#orders[one] as number) < (this.#orders[other] as number));
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#orders[from] as number, this.#acts[from] as () => void);
  }

  #put(place: number, at: number, order: number, act: () => void): void {
    this.#times[place] = at;
    this.#orders[place] = order;
    this.#acts[place] = act;
  }
}
