/**
 * A relay: it makes some calls for a task whose object awaits as many as it may, and then for another one. It has no data of its own and no opinion.
 * What it holds is in memory; where that is lost, the journal of the task tells what to do.
 */
import { DurableObject } from "cloudflare:workers";
import { Unavailable } from "../shared/errors.ts";
import { HeldCalls, type MakeCall } from "./held-calls.ts";
import type { RelayContract, RelayQuestion, RelayReport } from "./relay-contract.ts";

export interface RelayPorts {
  readonly call: MakeCall;
  /** In which event the calls are made: the platform counts the connections of each. */
  readonly callsIn: "request" | "alarm";
}

export abstract class RelayObject<Env> extends DurableObject<Env> implements RelayContract {
  readonly #calls: HeldCalls | null;
  #isAwake = false;

  /** `ports`: `null` while the configuration is not valid. */
  constructor(ctx: DurableObjectState, env: Env, ports: RelayPorts | null) {
    super(ctx, env);
    this.#calls = ports && new HeldCalls(ports.call, ports.callsIn === "alarm" ? () => this.#wake() : undefined);
  }

  exchange(question: RelayQuestion): Promise<RelayReport> {
    if (this.#calls === null) throw new Unavailable("The service is not configured", "its settings are not valid");
    return this.#calls.exchange(question);
  }

  /** Makes the calls, and is over when all of them are. One that finds nothing to make was set by an instance that is gone. */
  override async alarm(): Promise<void> {
    if (this.#calls === null) return;
    this.#isAwake = true;
    this.#calls.fill();
    await this.#calls.idle();
    this.#isAwake = false;
  }

  #wake(): void {
    if (this.#isAwake) this.#calls?.fill();
    else void this.ctx.storage.setAlarm(Date.now());
  }
}
