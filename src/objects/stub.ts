/**
 * The way to the objects of a room. Objects answer with data: what they throw is trouble, such as a deploy that ended them
 * while they worked, and whoever asked is told that they are not available, now.
 */
import { Unavailable } from "../shared/errors.ts";
import { troubleOf } from "./trouble.ts";

/** Objects by name. */
export interface ObjectNamespace {
  readonly getByName: (name: string) => unknown;
}

export class ObjectStubs<Name, Contract> {
  readonly #namespace: ObjectNamespace;
  readonly #what: string;
  readonly #textOf: (name: Name) => string;

  /** `what`: as it is called where it does not answer. */
  constructor(namespace: ObjectNamespace, what: string, textOf: (name: Name) => string) {
    this.#namespace = namespace;
    this.#what = what;
    this.#textOf = textOf;
  }

  /** Asks, and once more where there was no answer. Only for what may be asked twice. */
  async ask<T>(name: Name, question: (object: Contract) => Promise<T>): Promise<T> {
    try {
      return await question(this.#stub(name));
    } catch (error) {
      // More of the same does not help an object that has too much to do.
      if (troubleOf(error) === "overloaded") throw new Unavailable(`${this.#what} is overloaded`, error);
    }
    return this.askOnce(name, question);
  }

  /** For what may be asked once only. */
  async askOnce<T>(name: Name, question: (object: Contract) => Promise<T>): Promise<T> {
    try {
      return await question(this.#stub(name));
    } catch (error) {
      throw new Unavailable(`${this.#what} did not answer`, error);
    }
  }

  /** A new one each time: one that threw is broken. */
  #stub(name: Name): Contract {
    return this.#namespace.getByName(this.#textOf(name)) as Contract;
  }
}
