/** The agent's statistics hear of an attempt's end: with its slot, or else on their own slow way. */
import type { AgentsPort } from "../../../agents/port.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

export function outcomeReports(agents: AgentsPort): TaskErrand<CommandOf<"abandon" | "settled">> {
  return {
    run: ({ state }, commands) => {
      for (const { agent, capability, slot, outcome } of commands) {
        if (slot || agent === "" || agents.isBuiltin(agent)) continue;
        agents.outcomes.add(state.created.tenant, agent, capability ?? "", outcome);
      }
    },
  };
}
