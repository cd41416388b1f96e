/** Steps wait for agents that the directory lacks: it is read afresh, and they look again. */
import { waitersFor } from "../../../engine/state/state.ts";
import { aside } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";
import type { Agents } from "../agents.ts";
import type { TaskRunner } from "../runner.ts";
import type { TaskErrand } from "./task-errand.ts";

export class AgentRefresh implements TaskErrand {
  readonly #agents: Agents;
  readonly #runner: TaskRunner;

  constructor(agents: Agents, runner: TaskRunner) {
    this.#agents = agents;
    this.#runner = runner;
  }

  run(loaded: Loaded): void {
    void aside("agents not refreshed, the alarm looks again", this.#look(loaded));
  }

  /** An agent appeared that a step of this task may be waiting for. */
  async poke(): Promise<void> {
    const loaded = await this.#runner.ready();
    if (loaded !== null && waitersFor(loaded.state, "agent").size > 0) await this.#look(loaded);
  }

  async #look(loaded: Loaded): Promise<void> {
    await this.#agents.refresh(loaded);
    await this.#runner.apply({ type: "look" });
  }
}
