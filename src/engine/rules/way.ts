/** Inline or by queue: an awaiting object is billed and awaits few at once, a queue message costs a little and a hop. */
import { LIMITS } from "../limits.ts";
import type { Way } from "../facts/call.ts";
import type { TaskState } from "../state/state.ts";
import type { AgentChoice, World } from "../world.ts";

/**
 * Slow agents go by queue, and so does what would find no free place. What the task itself has seen of the agent counts
 * more than what the agent declares; a known latency lets fast work line up for a place as long as its turn comes soon.
 * What holds a slot does not line up again (`mayLineUp`): nobody else can use the slot meanwhile.
 */
export function chooseWay(
  choice: AgentChoice,
  state: Pick<TaskState, "inline" | "evidenceByAgent">,
  world: Pick<World, "inlinePlaces">,
  mayLineUp = true,
): Way {
  if (choice.way !== null) return choice.way;
  if (!mayLineUp && state.inline >= world.inlinePlaces) return "queue";
  const latencyMs = state.evidenceByAgent.get(choice.agent)?.latencyMs ?? choice.expectedLatencyMs;
  if (latencyMs === null) return state.inline < world.inlinePlaces ? "inline" : "queue";
  if (latencyMs >= LIMITS.slowAgentMs) return "queue";
  const turnMs = (Math.max(0, state.inline + 1 - world.inlinePlaces) / world.inlinePlaces) * latencyMs;
  return turnMs < LIMITS.slowAgentMs ? "inline" : "queue";
}
