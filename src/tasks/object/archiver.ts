/** What follows from the end of a task: everybody who has to hear of it does, and a moment later the task is put away. */
import type { Chained } from "../../engine/facts/created.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { Loaded } from "../journal/load.ts";
import type { EndNotices } from "./end-notices.ts";
import type { CancelRequests } from "./errands/cancel-requests.ts";
import type { HistoryProjection } from "./history-projection.ts";
import type { TaskRunner } from "./runner.ts";

export class Archiver {
  readonly #storage: DurableObjectStorage;
  readonly #runner: TaskRunner;
  readonly #notices: EndNotices;
  readonly #projection: HistoryProjection;
  readonly #cancellations: CancelRequests;
  #underWay: Promise<void> | null = null;
  #goOn: () => void = () => {};
  /** What was started in a chain, once this instance knows that everybody has heard. */
  #chained: readonly Chained[] | null = null;

  constructor(
    storage: DurableObjectStorage,
    runner: TaskRunner,
    notices: EndNotices,
    projection: HistoryProjection,
    cancellations: CancelRequests,
  ) {
    this.#storage = storage;
    this.#runner = runner;
    this.#notices = notices;
    this.#projection = projection;
    this.#cancellations = cancellations;
  }

  /**
   * Tells of the end, and puts the task away `afterMs` later: others wait for the first, nobody for the second. Once at a
   * time; whoever cannot wait ends the pause. Throws where somebody does not answer, to be called again.
   */
  archive(afterMs = 0): Promise<void> {
    if (afterMs === 0) this.#goOn();
    return (this.#underWay ??= this.#archive(afterMs).finally(() => {
      this.#underWay = null;
    }));
  }

  /** The task was deleted; there may be another one under its id. */
  startOver(): void {
    this.#chained = null;
    this.#notices.startOver();
  }

  async #archive(afterMs: number): Promise<void> {
    const loaded = await this.#runner.loaded();
    if (loaded.state.end === null || loaded.state.archivedAt !== null) return;
    if (afterMs > 0) {
      const told = this.#tellAndOffer(loaded).catch((error: unknown) =>
        log("warn", "not everybody heard of the end", { error: messageOf(error) }),
      );
      await this.#pause(afterMs);
      await told;
    }
    const chained = await this.#tell(loaded);
    await this.#cancellations.said();
    const archive = await this.#projection.archive(loaded);
    await this.#runner.apply({ type: "archive", ...archive, ...(chained.length > 0 && { chained }) });
  }

  /** Another object may write the archive, which this one's output gate does not hold back: the journal is durable first. */
  async #tellAndOffer(loaded: Loaded): Promise<void> {
    await this.#tell(loaded);
    await this.#storage.sync();
    this.#projection.offer(loaded);
  }

  async #tell(loaded: Loaded): Promise<readonly Chained[]> {
    return (this.#chained ??= await this.#notices.send(loaded, this.#runner.recovery.givesUp));
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#goOn = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
