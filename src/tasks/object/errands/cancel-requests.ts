/** Agents that want to know are told that nobody waits for an attempt's reply any more. A courtesy: it is said once. */
import { log, messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import type { TaskPorts } from "../../ports.ts";
import type { Agents } from "../agents.ts";
import { callOf } from "../call.ts";
import type { Journal } from "../journal.ts";
import type { SlotReleases } from "./slot-releases.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

export function cancelRequests(
  ports: TaskPorts,
  journal: Journal,
  agents: Agents,
  releases: SlotReleases,
): TaskErrand<CommandOf<"abandon">> {
  const tell = async (loaded: Loaded, at: CommandOf<"abandon">): Promise<void> => {
    try {
      const id = at.agent === "" ? (loaded.state.stepByPath.get(at.step)?.agent ?? null) : at.agent;
      const agent = id === null ? null : await agents.record(loaded, id);
      if (agent === null || agent.cancelUrl === null) return;
      const call = callOf(loaded, at, agent, journal, ports, Date.now());
      if (call.ok && (await ports.agents.tellCanceled(call.value, at.reason))) releases.giveBack(loaded, at);
    } catch (error) {
      log("info", "agent not told of the cancellation", { step: at.step, error: messageOf(error) });
    }
  };
  return {
    run: (loaded, commands) => {
      for (const command of commands) if (!command.inLine) void tell(loaded, command);
    },
  };
}
