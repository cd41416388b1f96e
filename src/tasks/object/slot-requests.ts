/**
 * What the task asks of agents with limits, and of those that pull: slots, and back they go. What is lost on the way is
 * found again: requests by the alarm, releases by the agent's object, which asks whether a slot is still held.
 */
import type { Release, SlotAnswer, SlotRequest } from "../../agents/object/agent-contract.ts";
import type { AgentsPort } from "../../agents/port.ts";
import type { Command } from "../../engine/facts/command.ts";
import { liveAttempt, type Attempt } from "../../engine/state/step-state.ts";
import { askAgainMs } from "./alarm-time.ts";
import type { AttemptOf } from "../messages.ts";
import { insist } from "./insist.ts";
import type { Loaded } from "../journal/load.ts";

/** What the task is told. */
export interface SlotTask {
  /** An agent's object gave a slot. Whether it is wanted still. */
  readonly granted: (at: AttemptOf) => Promise<boolean>;
  readonly declined: (at: AttemptOf, reason: string, retryAt: number) => Promise<void>;
}

export class SlotRequests {
  readonly #agents: AgentsPort;
  readonly #task: SlotTask;
  /** When this instance asked last. */
  readonly #askedAt = new Map<string, number>();
  #hasRecovered = false;

  constructor(agents: AgentsPort, task: SlotTask) {
    this.#agents = agents;
    this.#task = task;
  }

  /** Everything that a commit asks for, one request to each agent. */
  run(loaded: Loaded, commands: readonly Command[]): void {
    const asked = new Map<string, SlotRequest[]>();
    const released = new Map<string, Release[]>();
    for (const command of commands) {
      if (command.type === "ask_slot") {
        const attempt = attemptInLine(loaded, command);
        if (attempt !== null) append(asked, command.agent, requestOf(loaded, command, attempt));
      } else if (command.type === "ask_slots") {
        for (const { at, attempt } of inLine(loaded)) append(asked, attempt.agent, requestOf(loaded, at, attempt));
      } else if ((command.type === "settled" || command.type === "abandon") && command.slot) {
        const { step, attempt, agent, capability } = command;
        const isInLine = command.type === "abandon" && command.inLine;
        // What goes on although it was canceled gives its slot back when nobody works on it any more.
        if (command.type === "abandon" && loaded.state.lingering.has(keyOf(command))) continue;
        const outcome = isInLine ? null : command.outcome;
        append(released, agent, { task: loaded.state.created.task, step, attempt, capability, outcome });
      }
    }
    for (const [agent, requests] of asked) void this.#ask(loaded, agent, requests);
    for (const [agent, releases] of released) void this.#release(loaded, agent, releases);
  }

  giveBack(loaded: Loaded, { step, attempt }: AttemptOf, agent: string): void {
    void this.#release(loaded, agent, [{ task: loaded.state.created.task, step, attempt, capability: null, outcome: null }]);
  }

  /** A new instance does not know whether the last one got to ask. */
  recover(loaded: Loaded): void {
    if (this.#hasRecovered) return;
    this.#hasRecovered = true;
    this.#askFor(loaded, () => true);
  }

  /** Called by the alarm: asks again for what nothing has been heard of for long. */
  askAgain(loaded: Loaded, now: number): void {
    this.#askFor(loaded, (at, since) => now - (this.#askedAt.get(keyOf(at)) ?? since) >= askAgainMs(since, now) / 2);
  }

  #askFor(loaded: Loaded, isDue: (at: AttemptOf, since: number) => boolean): void {
    const asked = new Map<string, SlotRequest[]>();
    if (loaded.state.paused) return; // what it would get now it could not use
    for (const { at, attempt } of inLine(loaded)) {
      if (isDue(at, attempt.startedAt)) append(asked, attempt.agent, requestOf(loaded, at, attempt));
    }
    for (const [agent, requests] of asked) void this.#ask(loaded, agent, requests);
  }

  async #ask(loaded: Loaded, agent: string, requests: readonly SlotRequest[]): Promise<void> {
    const { tenant } = loaded.state.created;
    const now = Date.now();
    for (const request of requests) this.#askedAt.set(keyOf(request), now);
    await insist("slots not asked for", async () => {
      const answers = await this.#agents.object(tenant, agent).ask({ tenant, agent }, requests);
      await Promise.all(requests.map((request, index) => this.#answered(loaded, agent, request, answers[index])));
    });
  }

  async #answered(loaded: Loaded, agent: string, { task, step, attempt }: SlotRequest, answer: SlotAnswer | undefined): Promise<void> {
    if (answer === undefined || answer.type === "waiting") return;
    const at = { step, attempt };
    if (answer.type === "declined") return this.#task.declined(at, answer.reason, answer.retryAt);
    // Canceled or paused meanwhile. By its number, because the task may have asked again since.
    if (await this.#task.granted(at)) return;
    await this.#release(loaded, agent, [{ task, ...at, grant: answer.grant, capability: null, outcome: null }]);
  }

  async #release(loaded: Loaded, agent: string, releases: readonly Release[]): Promise<void> {
    const { tenant } = loaded.state.created;
    for (const release of releases) this.#askedAt.delete(keyOf(release));
    await insist("slots not given back", () => this.#agents.object(tenant, agent).release({ tenant, agent }, releases));
  }
}

function requestOf(loaded: Loaded, at: AttemptOf, { capability }: Attempt): SlotRequest {
  const { task, priority } = loaded.state.created;
  return { task, step: at.step, attempt: at.attempt, priority, capability };
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

const keyOf = ({ step, attempt }: AttemptOf): string => `${step}/${attempt}`;

function attemptInLine({ state }: Loaded, at: AttemptOf): Attempt | null {
  const attempt = liveAttempt(state.stepByPath.get(at.step), at.attempt);
  return attempt?.way === null ? attempt : null;
}

/** Attempts that wait for a slot. */
export function* inLine({ state }: Loaded): Iterable<{ readonly at: AttemptOf; readonly attempt: Attempt }> {
  if (state.queued === 0) return;
  for (const { phase, path } of state.steps) {
    if (phase.status !== "running") continue;
    for (const attempt of phase.live) if (attempt.way === null) yield { at: { step: path, attempt: attempt.number }, attempt };
  }
}
