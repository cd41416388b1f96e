/** What the task asks of agents with limits, and of those that pull: slots. Requests that get lost are made again. */
import type { SlotAnswer, SlotRequest } from "../../../agents/object/agent-contract.ts";
import type { AgentsPort } from "../../../agents/port.ts";
import type { Attempt } from "../../../engine/state/step-state.ts";
import { againAt, Reminders, tryToTell } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";
import type { AttemptOf } from "../../messages.ts";
import { attemptAt, inLine, keyOf } from "../attempt-lookup.ts";
import type { Attempts } from "../attempts.ts";
import type { SlotReleases } from "./slot-releases.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfSlot = CommandOf<"ask_slot" | "ask_slots" | "abandon" | "settled">;

interface Waiting {
  readonly at: AttemptOf;
  readonly attempt: Attempt;
}

export class SlotRequests implements TaskErrand<OfSlot> {
  readonly #agents: AgentsPort;
  readonly #attempts: Attempts;
  readonly #releases: SlotReleases;
  readonly #reminders = new Reminders();

  constructor(agents: AgentsPort, attempts: Attempts, releases: SlotReleases) {
    this.#agents = agents;
    this.#attempts = attempts;
    this.#releases = releases;
  }

  run(loaded: Loaded, commands: readonly OfSlot[]): void {
    const wanted: Waiting[] = [];
    for (const command of commands) {
      switch (command.type) {
        case "ask_slot": {
          const attempt = attemptAt(loaded, command);
          if (attempt?.way === null) wanted.push({ at: command, attempt });
          break;
        }
        case "ask_slots":
          wanted.push(...inLine(loaded));
          break;
        case "abandon":
        case "settled":
          this.#reminders.heard(keyOf(command));
          break;
      }
    }
    this.#ask(loaded, wanted);
  }

  again(loaded: Loaded, now: number): void {
    if (loaded.state.paused) return; // what it would get now it could not use
    this.#ask(
      loaded,
      [...inLine(loaded)].filter(({ at, attempt }) => this.#reminders.isDue(keyOf(at), attempt.startedAt, now)),
    );
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.queued > 0 ? againAt(state.queuedAt, now) : null;
  }

  startOver(): void {
    this.#reminders.clear();
  }

  /** One request to each agent. */
  #ask(loaded: Loaded, wanted: readonly Waiting[]): void {
    const { task, priority } = loaded.state.created;
    for (const [agent, waiting] of Map.groupBy(wanted, ({ attempt }) => attempt.agent)) {
      const requests = waiting.map(({ at: { step, attempt }, attempt: { capability } }) => ({ task, step, attempt, priority, capability }));
      void this.#request(loaded, agent, requests);
    }
  }

  async #request(loaded: Loaded, agent: string, requests: readonly SlotRequest[]): Promise<void> {
    const { tenant } = loaded.state.created;
    for (const request of requests) this.#reminders.carriedOut(keyOf(request));
    await tryToTell("slots not asked for", async () => {
      const answers = await this.#agents.object(tenant, agent).ask({ tenant, agent }, requests);
      await Promise.all(requests.map((request, index) => this.#answered(loaded, agent, request, answers[index])));
    });
  }

  async #answered(loaded: Loaded, agent: string, { step, attempt }: SlotRequest, answer: SlotAnswer | undefined): Promise<void> {
    if (answer === undefined || answer.type === "waiting") return;
    const at = { step, attempt };
    if (answer.type === "declined") return this.#attempts.decline([at], answer.reason, answer.retryAt);
    const [isWanted] = await this.#attempts.grant([at]);
    // Canceled or paused meanwhile. By its number, because the task may have asked again since.
    if (isWanted !== true) await this.#releases.giveUnused(loaded, at, agent, answer.grant);
  }
}
