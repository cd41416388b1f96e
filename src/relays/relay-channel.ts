/**
 * A task's line to one of its relays.
 *
 * L1. What is to be called at one moment is given in one message. While anything is awaited the relay is being asked.
 * L2. A relay that did not answer is asked what it has of what it was given; what it has not is lost. It is not called again
 *     by the same relay, and is for whoever awaits it to send again.
 * L3. One that has not answered for `relayDeadMs` has hung up by itself before that (`held-calls.ts`): all that it was given
 *     is lost.
 * L4. An answer is said to be recorded only when it is, so that an instance of the task that comes after this one gets it.
 */
import { backoffMs } from "../shared/backoff.ts";
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "./limits.ts";
import type { CarriedOutcome, RelayedCall, RelayQuestion, RelayReport } from "./relay-contract.ts";

interface Awaited {
  readonly call: RelayedCall;
  readonly resolve: (outcome: CarriedOutcome) => void;
  isGiven: boolean;
}

export class RelayChannel {
  /** Throws where the relay does not answer. */
  readonly #exchange: (question: RelayQuestion) => Promise<RelayReport>;
  readonly #awaited = new Map<string, Awaited>();
  #recorded: string[];
  #unwanted: string[] = [];
  #isDue = false;
  #questions = 0;
  #underWay = 0;
  #failures = 0;
  /** Since when it is asked in vain. */
  #silentSince: number | null = null;

  /** `recorded`: what the relay may forget of the task that it worked for before. */
  constructor(exchange: (question: RelayQuestion) => Promise<RelayReport>, recorded: readonly string[] = []) {
    this.#exchange = exchange;
    this.#recorded = [...recorded];
  }

  /** Nothing is awaited of the relay, and nothing is to be said to it but what it may forget. */
  get isIdle(): boolean {
    return this.#awaited.size + this.#unwanted.length + this.#underWay === 0;
  }

  /** What the relay has not heard yet that it may forget. */
  get untold(): readonly string[] {
    return this.#recorded;
  }

  /** What came of the call; `lost` also where nobody wants to know any more. Never throws. */
  async call(call: RelayedCall, signal: AbortSignal): Promise<CarriedOutcome> {
    if (signal.aborted) return UNWANTED;
    return new Promise((resolve) => {
      this.#awaited.set(call.key, { call, resolve, isGiven: false });
      signal.addEventListener("abort", () => this.#hangUp(call.key), { once: true });
      this.#askSoon();
    });
  }

  /** The answer is recorded: the relay need not keep it. It hears so with whatever is said next. */
  recorded(key: string): void {
    this.#recorded.push(key);
  }

  #hangUp(key: string): void {
    const awaited = this.#awaited.get(key);
    if (awaited === undefined) return;
    this.#awaited.delete(key);
    if (awaited.isGiven) {
      this.#unwanted.push(key);
      this.#askSoon();
    }
    awaited.resolve(UNWANTED);
  }

  /** What is said at one moment is one message. */
  #askSoon(pauseMs = 0): void {
    if (pauseMs > 0) {
      setTimeout(() => this.#askSoon(), pauseMs);
      return;
    }
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => void this.#ask(), 0);
  }

  async #ask(): Promise<void> {
    this.#isDue = false;
    const question = this.#question();
    const { calls, awaited, unwanted } = question;
    if (calls.length + awaited.length + unwanted.length === 0) return;
    const number = ++this.#questions;
    const askedAt = Date.now();
    this.#underWay++;
    let report: RelayReport;
    try {
      report = await inTime(this.#exchange(question));
    } catch (error) {
      this.#failed(question, number, askedAt, messageOf(error));
      return;
    } finally {
      this.#underWay--;
    }
    this.#failures = 0;
    this.#silentSince = null;
    for (const { key, outcome } of report.answers) this.#answered(key, outcome);
    for (const key of report.gone) this.#answered(key, { type: "lost", message: "The relay does not have the call" });
    // An earlier question ends when the next one is asked. Where it was not this one that did so, it is somebody else's turn.
    if (number === this.#questions) this.#askSoon(report.isOvertaken ? LIMITS.relayAgainMaxMs : 0);
  }

  #question(): RelayQuestion {
    const all = [...this.#awaited.values()];
    const question = {
      calls: all.filter(({ isGiven }) => !isGiven).map(({ call }) => call),
      awaited: all.filter(({ isGiven }) => isGiven).map(({ call }) => call.key),
      recorded: this.#recorded,
      unwanted: this.#unwanted,
    };
    for (const awaited of all) awaited.isGiven = true;
    this.#recorded = [];
    this.#unwanted = [];
    return question;
  }

  #failed({ recorded, unwanted }: RelayQuestion, number: number, askedAt: number, error: string): void {
    this.#recorded.push(...recorded);
    this.#unwanted.push(...unwanted);
    this.#failures++;
    this.#silentSince ??= askedAt;
    log("info", "a relay did not answer", { failures: this.#failures, error });
    if (Date.now() - this.#silentSince >= LIMITS.relayDeadMs) this.#giveUp();
    if (number === this.#questions)
      this.#askSoon(backoffMs({ firstMs: LIMITS.relayAgainMs, mostMs: LIMITS.relayAgainMaxMs }, this.#failures));
  }

  /** What it hears of this, should it be there after all, it makes no more. */
  #giveUp(): void {
    this.#unwanted = [...this.#awaited].filter(([, { isGiven }]) => isGiven).map(([key]) => key);
    for (const key of this.#unwanted) this.#answered(key, { type: "lost", message: "The relay does not answer" });
  }

  #answered(key: string, outcome: CarriedOutcome): void {
    const awaited = this.#awaited.get(key);
    this.#awaited.delete(key);
    awaited?.resolve(outcome);
  }
}

const UNWANTED: CarriedOutcome = { type: "lost", message: "Nobody waits for the reply any more" };

/** Or it throws. */
async function inTime(report: Promise<RelayReport>): Promise<RelayReport> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), LIMITS.relayAskMs + LIMITS.relayGraceMs);
  });
  return Promise.race([report, late]).finally(() => clearTimeout(timer));
}
