/** Agents that want to know are told that nobody waits for an attempt's reply any more. A courtesy: it is said once. */
import type { Command } from "../../../engine/facts/command.ts";
import type { Errand } from "../../../objects/errands.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import type { TaskPorts } from "../../ports.ts";
import type { Agents } from "../agents.ts";
import { callOf } from "../call.ts";
import type { Journal } from "../journal.ts";
import type { SlotReleases } from "./slot-releases.ts";

type Abandon = Extract<Command, { readonly type: "abandon" }>;

export class CancelRequests implements Errand<Loaded, Abandon> {
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  readonly #agents: Agents;
  readonly #releases: SlotReleases;

  constructor(ports: TaskPorts, journal: Journal, agents: Agents, releases: SlotReleases) {
    this.#ports = ports;
    this.#journal = journal;
    this.#agents = agents;
    this.#releases = releases;
  }

  run(loaded: Loaded, commands: readonly Abandon[]): void {
    for (const command of commands) if (!command.inLine) void this.#tell(loaded, command);
  }

  async #tell(loaded: Loaded, at: Abandon): Promise<void> {
    try {
      const id = at.agent === "" ? (loaded.state.stepByPath.get(at.step)?.agent ?? null) : at.agent;
      const agent = id === null ? null : await this.#agents.record(loaded, id);
      if (agent === null || agent.cancelUrl === null) return;
      const call = callOf(loaded, at, agent, this.#journal, this.#ports, Date.now());
      if (call.ok && (await this.#ports.agents.tellCanceled(call.value, at.reason))) this.#releases.giveBack(loaded, at);
    } catch (error) {
      log("info", "agent not told of the cancellation", { step: at.step, error: messageOf(error) });
    }
  }
}
