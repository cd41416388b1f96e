/** Where a task stands in the lines of agents. Only the agents' objects know, and only readers want to. */
import type { AgentsPort } from "../../agents/port.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { WaitingOn } from "../views/waiting-view.ts";
import type { Loaded } from "../journal/load.ts";
import { inLine } from "./attempt-lookup.ts";

/** Positions by step and agent, 1 for who is next. */
export type Positions = ReadonlyMap<string, number>;
export const NO_POSITIONS: Positions = new Map();

/** Asks each agent once; what one does not answer is left out. */
export async function positionsInLines(loaded: Loaded, agents: AgentsPort): Promise<Positions> {
  const { tenant, task } = loaded.state.created;
  const waiting = [...inLine(loaded)];
  const lines = new Map<string, typeof waiting>();
  for (const one of waiting) {
    const line = lines.get(one.attempt.agent);
    if (line === undefined) lines.set(one.attempt.agent, [one]);
    else line.push(one);
  }
  const found = new Map<string, number>();
  const asked = [...lines].slice(0, LIMITS.positionAgents).map(async ([agent, line]) => {
    const shown = line.slice(0, LIMITS.viewSteps);
    const positions = await agents.object(tenant, agent).positions(shown.map(({ at }) => ({ task, ...at })));
    shown.forEach(({ at }, index) => {
      const position = positions[index];
      if (typeof position === "number") found.set(keyOf(at.step, agent), position);
    });
  });
  for (const answer of await Promise.allSettled(asked)) {
    if (answer.status === "rejected") log("info", "place in line not known", { task, error: messageOf(answer.reason) });
  }
  return found;
}

/** Of the task itself: not of a step, hence no step's key. */
const AT_GATE = "";

export function positionAtGate(position: number | null): Positions {
  return position === null ? NO_POSITIONS : new Map([[AT_GATE, position]]);
}

const keyOf = (step: string, agent: string): string => `${step}/${agent}`;

/** What of a wait only others know: the position in a line, and which task brings the result that the cache lacks. */
export interface WaitDetails {
  readonly positions: Positions;
  readonly firstFor: (step: string) => string | null;
}

export function withDetails<T extends { readonly waiting_on?: WaitingOn | null | undefined }>(
  view: T,
  { positions, firstFor }: WaitDetails,
): T {
  const { waiting_on } = view;
  const first = waiting_on?.type === "cache" ? firstFor(waiting_on.step_id ?? "") : null;
  if (first !== null) return { ...view, waiting_on: { ...waiting_on, task_id: first } };
  const position =
    waiting_on?.type === "capacity"
      ? positions.get(keyOf(waiting_on.step_id ?? "", waiting_on.agent ?? ""))
      : waiting_on?.type === "concurrency"
        ? positions.get(AT_GATE)
        : undefined;
  return position === undefined ? view : { ...view, waiting_on: { ...waiting_on, position } };
}
