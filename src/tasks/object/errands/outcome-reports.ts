/** The agent's statistics hear of an attempt's end: with its slot, or else on their own slow way. */
import type { AgentsPort } from "../../../agents/port.ts";
import type { Command } from "../../../engine/facts/command.ts";
import type { Errand } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";

type Over = Extract<Command, { readonly type: "abandon" | "settled" }>;

export class OutcomeReports implements Errand<Loaded, Over> {
  readonly #agents: AgentsPort;

  constructor(agents: AgentsPort) {
    this.#agents = agents;
  }

  run({ state }: Loaded, commands: readonly Over[]): void {
    for (const { agent, capability, slot, outcome } of commands) {
      if (slot || agent === "" || this.#agents.isBuiltin(agent)) continue;
      this.#agents.outcomes.add(state.created.tenant, agent, capability ?? "", outcome);
    }
  }
}
