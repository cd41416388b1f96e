/**
 * How a call gets to its agent: by the task's object itself, which awaits few at once; by a relay, an object that awaits
 * some for it and is billed as long as they take; or by a queue, which costs a little and a hop, however long they take.
 */
import { LIMITS } from "../limits.ts";
import type { Way } from "../facts/call.ts";
import type { TaskState } from "../state/state.ts";
import type { Step } from "../state/step-state.ts";
import type { AgentChoice, World } from "../world.ts";

interface ChosenWay {
  readonly chosen: Way;
  readonly why: string;
}

export interface CallToSend {
  /** What holds a slot of its agent does not line up for a place: nobody else can use the slot meanwhile. */
  readonly hasSlot: boolean;
  /** Whether its input is larger than what goes by relay. Asked only where it matters. */
  readonly isLarge: () => boolean;
}

type Known = Pick<TaskState, "inline" | "relayed" | "evidenceByAgent" | "graph">;

/** What the task itself has seen of the agent counts more than what the agent declares. */
export function chooseWay(
  choice: AgentChoice,
  state: Known,
  world: Pick<World, "inlinePlaces" | "relayMostMs">,
  call: CallToSend,
): ChosenWay {
  if (choice.way === "relay") return byRelay(state, call, "its agent is to be called so");
  if (choice.way !== null) return { chosen: choice.way, why: "its agent is to be called so" };
  const latencyMs = state.evidenceByAgent.get(choice.agent)?.latencyMs ?? choice.expectedLatencyMs;
  if (state.graph.rules < 1) return { chosen: wayBefore(latencyMs, state, world, call), why: "as before there were relays" };
  if (latencyMs !== null && latencyMs > world.relayMostMs)
    return { chosen: "queue", why: `it is expected to take over ${world.relayMostMs / 1_000} s` };
  if (state.inline < world.inlinePlaces) return { chosen: "inline", why: "the task has a free place" };
  const turnMs = call.hasSlot || latencyMs === null ? Number.POSITIVE_INFINITY : turnOf(state.inline, world.inlinePlaces) * latencyMs;
  if (turnMs <= LIMITS.lineUpMs) return { chosen: "inline", why: "its turn at the task's places comes soon" };
  return byRelay(state, call, "the task's own places are taken");
}

/** After so many of the calls before it, if all of them take as long. */
const turnOf = (inline: number, places: number): number => Math.ceil((inline + 1 - places) / places);

function byRelay({ relayed }: Known, { isLarge }: CallToSend, why: string): ChosenWay {
  if (relayed >= LIMITS.relayedCalls) return { chosen: "queue", why: `${LIMITS.relayedCalls} calls of the task go by relay already` };
  if (isLarge()) return { chosen: "queue", why: `its input is over ${LIMITS.relayedInputBytes} bytes` };
  return { chosen: "relay", why };
}

/** A relay of the task with a place for the call of an attempt, but not `except`; else one more. */
export function relayFor(
  { relays }: Pick<TaskState, "relays">,
  { path }: Pick<Step, "path">,
  attempt: number,
  world: Pick<World, "relayFor">,
  except: string | null = null,
): string {
  for (const [relay, calls] of relays) if (calls < LIMITS.relayCalls && relay !== except) return relay;
  return world.relayFor(path, attempt);
}

/** Slow agents go by queue, and so does what would find no free place; a known latency lets fast work line up for one. */
function wayBefore(
  latencyMs: number | null,
  { inline }: Known,
  { inlinePlaces }: Pick<World, "inlinePlaces">,
  { hasSlot }: CallToSend,
): Way {
  const isFree = inline < inlinePlaces;
  if (hasSlot && !isFree) return "queue";
  if (latencyMs === null) return isFree ? "inline" : "queue";
  if (latencyMs >= LIMITS.slowAgentMs) return "queue";
  const turnMs = (Math.max(0, inline + 1 - inlinePlaces) / inlinePlaces) * latencyMs;
  return turnMs < LIMITS.slowAgentMs ? "inline" : "queue";
}
