/**
 * Archives on their way to D1, gathered over the tasks that end in this isolate. What a task has ready lies here while the
 * task pauses; the one whose pause is over first writes all that are ready by then, in one call, and the others find theirs
 * written. No object is asked for it, and where tasks do not meet in an isolate each writes its own.
 *
 * G1. Each task waits on timers of its own and looks how its archive stands: nobody hangs on an object that dies.
 * G2. What is offered is durable in its object by then. It is that task's to store, whoever writes it.
 * G3. What could not be written together is written alone, so that one of them keeps nobody else from history.
 */
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import type { FinishedTask } from "./port.ts";

export interface Offer {
  readonly finished: FinishedTask;
  readonly at: number;
  /** `apart`: it is written alone. */
  stand: "ready" | "under_way" | "stored" | "apart";
}

export class ArchiveGathering {
  readonly #write: (finished: readonly FinishedTask[]) => Promise<void>;
  readonly #ready = new Set<Offer>();

  /** `write`: all of them or none. Writing them again does no harm. */
  constructor(write: (finished: readonly FinishedTask[]) => Promise<void>) {
    this.#write = write;
  }

  /** Whoever writes next may take it along. */
  offer(finished: FinishedTask, now: number): Offer {
    const isSmall = finished.parts.length === 1 && sizeOf(finished) <= LIMITS.gatheredArchiveUnits;
    const offer: Offer = { finished, at: now, stand: isSmall ? "ready" : "apart" };
    if (isSmall && this.#ready.size < LIMITS.gatheredTasks) this.#ready.add(offer);
    return offer;
  }

  /** It is nobody's to write any more. */
  withdraw(offer: Offer): void {
    this.#ready.delete(offer);
  }

  /** Resolves when it is stored. Throws while D1 does not answer. */
  async store(offer: Offer): Promise<void> {
    const until = Date.now() + LIMITS.gatherWaitMs;
    // Whoever writes it may have died over it.
    while (offer.stand === "under_way" && Date.now() < until) await scheduler.wait(LIMITS.gatherLookMs);
    if (offer.stand === "stored") return;
    const taken = offer.stand === "ready" ? this.#taken(offer) : [offer];
    if (taken.length > 1) await this.#store(taken).catch((error: unknown) => log("warn", TOGETHER_FAILED, { error: messageOf(error) }));
    if ((offer.stand as Offer["stand"]) !== "stored") await this.#store([offer]);
  }

  /** With it what others have ready. The object of an older one is gone: its next instance sees to it. */
  #taken(first: Offer): readonly Offer[] {
    this.#ready.delete(first);
    const taken = [first];
    let units = sizeOf(first.finished);
    for (const offer of this.#ready) {
      const isLeftOver = Date.now() - offer.at > LIMITS.gatherWaitMs;
      units += isLeftOver ? 0 : sizeOf(offer.finished);
      if (!isLeftOver && (taken.length === LIMITS.gatheredTogether || units > LIMITS.gatheredUnits)) break;
      this.#ready.delete(offer);
      if (!isLeftOver) taken.push(offer);
    }
    return taken;
  }

  async #store(offers: readonly Offer[]): Promise<void> {
    for (const offer of offers) offer.stand = "under_way";
    try {
      await this.#write(offers.map(({ finished }) => finished));
      for (const offer of offers) offer.stand = "stored";
    } catch (error) {
      for (const offer of offers) if (offer.stand !== "stored") offer.stand = "apart";
      throw error;
    }
  }
}

const TOGETHER_FAILED = "archives not written together, each task will by itself";

/** About, in characters. */
function sizeOf({ row, parts, approvals }: FinishedTask): number {
  const { tags, error } = row.head;
  const texts = [...parts.map(({ body }) => body), ...tags, error?.message ?? ""];
  return texts.reduce((sum, text) => sum + text.length, 1_000 + approvals.length * LIMITS.gatheredUnits);
}
