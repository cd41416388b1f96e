/** The way to the objects of endpoints. What they throw is trouble, met with one more try on a new stub: that one is broken. */
import { Unavailable } from "../shared/errors.ts";
import type { WebhookContract, WebhookName } from "./webhook-contract.ts";

export class WebhookGateway {
  readonly #stub: (name: string) => WebhookContract;

  constructor(stub: (name: string) => WebhookContract) {
    this.#stub = stub;
  }

  async ask<T>(name: WebhookName, question: (webhook: WebhookContract) => Promise<T>): Promise<T> {
    const object = `${name.tenant}/${name.webhook}`;
    try {
      return await question(this.#stub(object));
    } catch (error) {
      // More of the same does not help an object that has too much to do.
      if ((error as { overloaded?: unknown }).overloaded === true) throw new Unavailable("The webhook's object is overloaded", error);
    }
    try {
      return await question(this.#stub(object));
    } catch (error) {
      throw new Unavailable("The webhook's object did not answer", error);
    }
  }
}
