/** The way to the objects of keys. What they throw is trouble, met with one more try on a new stub: that one is broken. */
import { Unavailable } from "../shared/errors.ts";
import type { GateContract, GateName } from "./gate-contract.ts";

export class GateGateway {
  readonly #stub: (name: string) => GateContract;

  constructor(stub: (name: string) => GateContract) {
    this.#stub = stub;
  }

  async ask<T>({ tenant, key }: GateName, question: (gate: GateContract) => Promise<T>): Promise<T> {
    const object = `${tenant}/${key}`;
    try {
      return await question(this.#stub(object));
    } catch (error) {
      // More of the same does not help an object that has too much to do.
      if ((error as { overloaded?: unknown }).overloaded === true) throw new Unavailable("The key's object is overloaded", error);
    }
    try {
      return await question(this.#stub(object));
    } catch (error) {
      throw new Unavailable("The key's object did not answer", error);
    }
  }
}
