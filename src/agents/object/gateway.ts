/** The way to the objects of agents: what may be asked twice is asked again where there was no answer. */
import { ObjectStubs, type ObjectNamespace } from "../../objects/stub.ts";
import { randomText } from "../../shared/ids.ts";
import { CLAIM_ID_LENGTH, type AgentContract, type AgentName } from "./agent-contract.ts";

export class AgentGateway {
  readonly #objects: ObjectStubs<AgentName, AgentContract>;

  constructor(namespace: ObjectNamespace) {
    this.#objects = new ObjectStubs(namespace, "The agent's object", ({ tenant, agent }) => `${tenant}/${agent}`);
  }

  /** The object of an agent, as if it were here. */
  readonly object = (tenant: string, agent: string): AgentContract => {
    const ask = <T>(question: (object: AgentContract) => Promise<T>): Promise<T> => this.#objects.ask({ tenant, agent }, question);
    return {
      ask: (name, requests) => ask((object) => object.ask(name, requests)),
      // A start that is counted twice makes the next call wait, and never one too many.
      start: (name, attempt, isLeaving) => ask((object) => object.start(name, attempt, isLeaving)),
      release: (name, releases) => ask((object) => object.release(name, releases)),
      linger: (name, slots) => ask((object) => object.linger(name, slots)),
      // Once: its statistics would count what came twice.
      learn: (name, outcomes) => this.#objects.askOnce({ tenant, agent }, (object) => object.learn(name, outcomes)),
      // Under one id, so that the worker gets what it was given.
      claim: (name, most, claim = randomText(CLAIM_ID_LENGTH)) => ask((object) => object.claim(name, most, claim)),
      undelivered: (name, attempts) => ask((object) => object.undelivered(name, attempts)),
      positions: (names) => ask((object) => object.positions(names)),
      heartbeat: (name) => ask((object) => object.heartbeat(name)),
      state: (name) => ask((object) => object.state(name)),
      registered: (name, how) => ask((object) => object.registered(name, how)),
      removed: (name) => ask((object) => object.removed(name)),
      fetch: (url, init) => ask((object) => object.fetch(url, init)),
    };
  };
}
