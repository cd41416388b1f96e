/** Where a task stands in the lines of agents. Only the agents' objects know, and only readers want to. */
import type { AgentsPort } from "../../agents/port.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { WaitingOn } from "../views/waiting-view.ts";
import type { Loaded } from "../journal/load.ts";
import { inLine } from "./slot-requests.ts";

/** Places by step and agent, 1 for who is next. */
export type Places = ReadonlyMap<string, number>;
export const NO_PLACES: Places = new Map();

/** Asks each agent once; what one does not answer is left out. */
export async function placesOf(loaded: Loaded, agents: AgentsPort): Promise<Places> {
  const { tenant, task } = loaded.state.created;
  const waiting = [...inLine(loaded)];
  const lines = new Map<string, typeof waiting>();
  for (const one of waiting) {
    const line = lines.get(one.attempt.agent);
    if (line === undefined) lines.set(one.attempt.agent, [one]);
    else line.push(one);
  }
  const places = new Map<string, number>();
  const asked = [...lines].slice(0, LIMITS.positionAgents).map(async ([agent, line]) => {
    const shown = line.slice(0, LIMITS.viewSteps);
    const positions = await agents.object(tenant, agent).positions(shown.map(({ at }) => ({ task, ...at })));
    shown.forEach(({ at }, index) => {
      const position = positions[index];
      if (typeof position === "number") places.set(keyOf(at.step, agent), position);
    });
  });
  for (const answer of await Promise.allSettled(asked)) {
    if (answer.status === "rejected") log("info", "place in line not known", { task, error: messageOf(answer.reason) });
  }
  return places;
}

/** Of the task itself: not of a step, hence no step's key. */
const AT_GATE = "";

export function placeAtGate(position: number | null): Places {
  return position === null ? NO_PLACES : new Map([[AT_GATE, position]]);
}

const keyOf = (step: string, agent: string): string => `${step}/${agent}`;

/** What of a task only others know: its places in line, and which task brings the result that a step of it waits for. */
export interface Whereabouts {
  readonly places: Places;
  readonly firstFor: (step: string) => string | null;
}

export function withPlace<T extends { readonly waiting_on?: WaitingOn | null }>(view: T, { places, firstFor }: Whereabouts): T {
  const { waiting_on } = view;
  const first = waiting_on?.type === "cache" ? firstFor(waiting_on.step_id ?? "") : null;
  if (first !== null) return { ...view, waiting_on: { ...waiting_on, task_id: first } };
  const position =
    waiting_on?.type === "capacity"
      ? places.get(keyOf(waiting_on.step_id ?? "", waiting_on.agent ?? ""))
      : waiting_on?.type === "concurrency"
        ? places.get(AT_GATE)
        : undefined;
  return position === undefined ? view : { ...view, waiting_on: { ...waiting_on, position } };
}
