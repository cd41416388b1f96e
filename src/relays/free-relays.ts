/**
 * Relays that work for nobody, as this isolate knows them. To make an object takes many times as long as to ask one, so tasks
 * lease relays that others have given back, those used last first. Each is given to one task at a time; what is lost with an
 * isolate, or not given back, is not used again.
 */
import { LIMITS } from "./limits.ts";

export interface FreeRelay {
  readonly relay: string;
  /** Answers that it may forget: it hears so from whoever asks it next. */
  readonly recorded: readonly string[];
}

export class FreeRelays {
  readonly #byTenant = new Map<string, FreeRelay[]>();
  #isolate: string | null = null;
  #made = 0;

  lease(tenant: string): FreeRelay {
    const free = this.#byTenant.get(tenant)?.pop();
    return free ?? { relay: `${(this.#isolate ??= crypto.randomUUID())}-${++this.#made}`, recorded: [] };
  }

  giveBack(tenant: string, relay: FreeRelay): void {
    const free = this.#byTenant.get(tenant) ?? [];
    // Whose tenant was here last is forgotten last.
    this.#byTenant.delete(tenant);
    this.#byTenant.set(tenant, free);
    if (free.length < LIMITS.freeRelays && free.every((other) => other.relay !== relay.relay)) free.push(relay);
    for (const oldest of this.#byTenant.keys()) {
      if (this.#byTenant.size <= LIMITS.freeRelayTenants) return;
      this.#byTenant.delete(oldest);
    }
  }
}
