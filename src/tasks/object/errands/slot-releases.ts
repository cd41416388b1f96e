/** Slots go back to their agents. A release that gets lost is found by the agent's object, which asks whether a slot is still held. */
import type { Release } from "../../../agents/object/agent-contract.ts";
import type { AgentsPort } from "../../../agents/port.ts";
import { tryToTell } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";
import type { AttemptOf } from "../../messages.ts";
import { keyOf } from "../attempt-lookup.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type Over = CommandOf<"abandon" | "settled">;

export class SlotReleases implements TaskErrand<Over> {
  readonly #agents: AgentsPort;

  constructor(agents: AgentsPort) {
    this.#agents = agents;
  }

  /** All that a commit gives back, in one request to each agent. */
  run(loaded: Loaded, commands: readonly Over[]): void {
    const { task } = loaded.state.created;
    // What goes on although it was canceled gives its slot back when nobody works on it any more, or at the end of its lease.
    const lingers = (command: Over): boolean => command.type === "abandon" && loaded.state.lingering.has(keyOf(command));
    const slots = commands.filter(({ slot }) => slot);
    for (const [agent, over] of Map.groupBy(slots.filter(lingers), ({ agent }) => agent)) void this.#linger(loaded, agent, over);
    const isFree = (command: Over): boolean => !lingers(command);
    for (const [agent, over] of Map.groupBy(slots.filter(isFree), ({ agent }) => agent)) {
      const releases = over.map((command): Release => {
        const { step, attempt, capability, outcome } = command;
        const isInLine = command.type === "abandon" && command.inLine;
        return { task, step, attempt, capability, outcome: isInLine ? null : outcome };
      });
      void this.#release(loaded, agent, releases);
    }
  }

  /** Nobody works any more on an attempt that was canceled: the slot that it kept so long is free. */
  giveBack(loaded: Loaded, at: AttemptOf): void {
    const lingering = loaded.state.lingering.get(keyOf(at));
    if (lingering !== undefined) void this.giveUnused(loaded, at, lingering.agent);
  }

  /** A slot that nothing was learned with. `grant`: as it was given by. */
  giveUnused(loaded: Loaded, { step, attempt }: AttemptOf, agent: string, grant?: number): Promise<void> {
    const { task } = loaded.state.created;
    return this.#release(loaded, agent, [{ task, step, attempt, capability: null, outcome: null, ...(grant !== undefined && { grant }) }]);
  }

  async #linger({ state }: Loaded, agent: string, over: readonly Over[]): Promise<void> {
    const { tenant, task } = state.created;
    const slots = over.flatMap(({ step, attempt }) => {
      const until = state.lingering.get(keyOf({ step, attempt }))?.until;
      return until === undefined ? [] : [{ task, step, attempt, until }];
    });
    await tryToTell("slots not given back later", () => this.#agents.object(tenant, agent).linger({ tenant, agent }, slots));
  }

  async #release({ state }: Loaded, agent: string, releases: readonly Release[]): Promise<void> {
    const { tenant } = state.created;
    await tryToTell("slots not given back", () => this.#agents.object(tenant, agent).release({ tenant, agent }, releases));
  }
}
