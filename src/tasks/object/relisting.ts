/** Tells history again what it should have of the task, whatever it is known to have. */
import type { HistoryProjection } from "./history-projection.ts";
import type { TaskRunner } from "./runner.ts";

export class Relisting {
  readonly #runner: TaskRunner;
  readonly #projection: HistoryProjection;

  constructor(runner: TaskRunner, projection: HistoryProjection) {
    this.#runner = runner;
    this.#projection = projection;
  }

  /** `null`: the tenant has no such task. Throws while history does not answer; may be repeated. */
  async relist(tenant?: string): Promise<true | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null || (tenant ?? loaded.state.created.tenant) !== loaded.state.created.tenant) return null;
    await this.#projection.tellAgain(loaded);
    return true;
  }
}
