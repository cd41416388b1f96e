/**
 * Agents that want to know are told that nobody waits for an attempt's reply any more, until they have heard or it is too
 * late to matter. What an instance had not said when it died the next one says.
 */
import type { CancelHearing } from "../../../agents/port.ts";
import { backoffMs } from "../../../shared/backoff.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { AttemptOf } from "../../messages.ts";
import type { TaskPorts } from "../../ports.ts";
import type { Agents } from "../agents.ts";
import { keyOf } from "../attempt-lookup.ts";
import { addressOf } from "../call.ts";
import type { CallPool } from "./call-pool.ts";
import type { SlotReleases } from "./slot-releases.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

interface Notice {
  readonly at: AttemptOf;
  readonly reason: string;
}

/** What one agent is to be told. */
interface Line {
  readonly since: number;
  readonly notices: Map<string, Notice>;
  underWay: number;
  /** In a row: while it does not answer it is told one thing at a time. */
  failures: number;
  isPausing: boolean;
}

export class CancelRequests implements TaskErrand<CommandOf<"abandon">> {
  readonly #ports: TaskPorts;
  readonly #agents: Agents;
  readonly #releases: SlotReleases;
  readonly #pool: CallPool;
  readonly #lines = new Map<string, Line>();
  /** What this instance has said or given up, by attempt. */
  readonly #said = new Set<string>();
  #idle: (() => void)[] = [];

  constructor(ports: TaskPorts, agents: Agents, releases: SlotReleases, pool: CallPool) {
    this.#ports = ports;
    this.#agents = agents;
    this.#releases = releases;
    this.#pool = pool;
  }

  run(loaded: Loaded, commands: readonly CommandOf<"abandon">[]): void {
    for (const { step, attempt, agent, reason, inLine } of commands) {
      if (inLine) continue;
      const id = agent === "" ? (loaded.state.stepByPath.get(step)?.agent ?? "") : agent;
      this.#owe(loaded, id, { at: { step, attempt }, reason });
    }
    this.#fillAll(loaded);
  }

  again(loaded: Loaded, now: number): void {
    for (const { agent, at, reason, until } of loaded.state.unheard.values()) if (until > now) this.#owe(loaded, agent, { at, reason });
    this.#fillAll(loaded);
  }

  startOver(): void {
    this.#lines.clear();
    this.#said.clear();
  }

  /** Resolves when all have been told, or given up, at most in a while. */
  async said(): Promise<void> {
    if (this.#lines.size === 0) return;
    await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), scheduler.wait(LIMITS.cancelWaitMs)]);
  }

  #owe(loaded: Loaded, agent: string, notice: Notice): void {
    const key = keyOf(notice.at);
    if (agent === "" || this.#said.has(key) || this.#ports.agents.isBuiltin(agent)) return;
    const { tenant } = loaded.state.created;
    // Most agents do not want to know.
    if (this.#ports.directory.known(tenant, Date.now())?.byId.get(agent)?.cancelUrl === null) return;
    let line = this.#lines.get(agent);
    if (line === undefined) {
      line = { since: Date.now(), notices: new Map(), underWay: 0, failures: 0, isPausing: false };
      this.#lines.set(agent, line);
    }
    line.notices.set(key, notice);
    this.#said.add(key);
  }

  #fillAll(loaded: Loaded): void {
    for (const [agent, line] of this.#lines) this.#fill(loaded, agent, line);
  }

  #fill(loaded: Loaded, agent: string, line: Line): void {
    const most = line.failures === 0 ? LIMITS.cancelsAtOnce : 1;
    for (const [key, notice] of line.notices) {
      if (line.underWay >= most || line.isPausing) return;
      line.notices.delete(key);
      line.underWay++;
      this.#pool.start<{ readonly type: CancelHearing }>({
        key: `cancel ${key}`,
        isFirst: true,
        call: async (controller) => ({ type: await this.#tell(loaded, agent, notice, controller) }),
        done: ({ type }) => this.#told(loaded, agent, line, notice, type),
      });
    }
    if (line.underWay > 0 || line.isPausing || this.#lines.get(agent) !== line) return;
    this.#lines.delete(agent);
    if (this.#lines.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Never throws. */
  async #tell(loaded: Loaded, id: string, { at, reason }: Notice, controller: AbortController): Promise<CancelHearing> {
    try {
      const agent = await this.#agents.record(loaded, id);
      if (agent === null || agent.cancelUrl === null) return "refused";
      return await this.#ports.agents.tellCanceled(addressOf(loaded, at, agent), reason, controller.signal);
    } catch (error) {
      log("info", "agent not told of the cancellation", { step: at.step, error: messageOf(error) });
      return "unheard";
    }
  }

  #told(loaded: Loaded, agent: string, line: Line, notice: Notice, hearing: CancelHearing): void {
    line.underWay--;
    if (hearing === "heard") this.#releases.giveBack(loaded, notice.at);
    if (hearing !== "unheard") line.failures = 0;
    else if (Date.now() - line.since < LIMITS.cancelTellMs) {
      line.notices.set(keyOf(notice.at), notice);
      if (!line.isPausing) this.#pause(loaded, agent, line);
    } else line.notices.clear();
    this.#fill(loaded, agent, line);
  }

  #pause(loaded: Loaded, agent: string, line: Line): void {
    line.failures++;
    line.isPausing = true;
    const goOn = (): void => {
      line.isPausing = false;
      this.#fill(loaded, agent, line);
    };
    setTimeout(goOn, backoffMs({ firstMs: LIMITS.cancelAgainMs, mostMs: LIMITS.unclaimedMs }, line.failures));
  }
}
