/** Looks at every agent again and again, for a breaker that is open is a matter of seconds. */
import type { FleetAgent } from "./fleet-agent.ts";
import { pause } from "./moments.ts";
import type { Tenant } from "./tenant.ts";

const LOOK_MS = 500;

export class BreakerWatch {
  /** Agents whose breaker was seen not closed, each with the first reason that was given. */
  readonly opened = new Map<string, string>();
  readonly #watching: Promise<void>;
  #isOver = false;

  constructor(fleet: readonly FleetAgent[], tenants: ReadonlyMap<string, Tenant>) {
    this.#watching = this.#watch(fleet, tenants);
  }

  end(): Promise<void> {
    this.#isOver = true;
    return this.#watching;
  }

  async #watch(fleet: readonly FleetAgent[], tenants: ReadonlyMap<string, Tenant>): Promise<void> {
    while (!this.#isOver) {
      for (const { name, member } of fleet) {
        if (this.#isOver) return;
        const { breaker_state } = await (tenants.get(member.tenant) as Tenant).agent(member.id);
        const known = this.opened.get(name);
        if (breaker_state.status === "open" && (known === undefined || known === UNSAID))
          this.opened.set(name, breaker_state.reason ?? UNSAID);
        else if (breaker_state.status === "half_open" && known === undefined) this.opened.set(name, UNSAID);
      }
      await pause(LOOK_MS);
    }
  }
}

const UNSAID = "on trial again when it was looked at";
