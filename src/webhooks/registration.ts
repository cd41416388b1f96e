/** An endpoint's registration as its object knows it: as D1 has it, or had it a moment ago. */
import { LIMITS } from "./limits.ts";
import type { WebhookRecord } from "./webhook.ts";

export class Registration {
  #known: { readonly record: WebhookRecord; readonly at: number } | null = null;
  #reading: Promise<WebhookRecord | null> | null = null;
  /** Counts what was forgotten: what was read before is not remembered after. */
  #turn = 0;

  /** `null` as `read` says it. Those who ask together read once. */
  async load(read: () => Promise<WebhookRecord | null>, now: number): Promise<WebhookRecord | null> {
    if (this.#known !== null && now - this.#known.at <= LIMITS.webhookAgeMs) return this.#known.record;
    const turn = this.#turn;
    this.#reading ??= read();
    try {
      const record = await this.#reading;
      if (turn === this.#turn) this.#known = record && { record, at: now };
      return record;
    } finally {
      if (turn === this.#turn) this.#reading = null;
    }
  }

  /** It was changed: the next one who asks reads it. */
  forget(): void {
    this.#turn++;
    this.#known = null;
    this.#reading = null;
  }
}
