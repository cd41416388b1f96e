/** The service and the agents of the trials, each a process; known to each other well enough to be estimated. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/server-process.ts";
import type { WorkflowDefinition } from "../../src/language/definition.ts";
import type { Json } from "../../src/shared/json.ts";
import { AgentProcess } from "../setup/agent-process.ts";
import { Orchestrator, type TaskEvent } from "../setup/orchestrator.ts";
import type { Member } from "./roster.ts";

/** Calls of each agent before anything is estimated. */
const WARM_UPS = 40;

export class Stage {
  readonly orchestrator: Orchestrator;
  readonly members: readonly Member[];
  readonly #server: ServerProcess;
  readonly #agents: readonly AgentProcess[];
  readonly #state: string;

  private constructor(server: ServerProcess, state: string, members: readonly Member[], agents: readonly AgentProcess[]) {
    this.#server = server;
    this.#state = state;
    this.#agents = agents;
    this.members = members;
    this.orchestrator = new Orchestrator(server);
  }

  static async open(members: readonly Member[], workflows: Readonly<Record<string, WorkflowDefinition>>): Promise<Stage> {
    const state = mkdtempSync(join(tmpdir(), "orchestrator-estimates-"));
    const [server, ...agents] = await Promise.all([
      ServerProcess.start(state),
      ...members.map(({ id }) => AgentProcess.start("estimates/agent", id)),
    ]);
    const stage = new Stage(server, state, members, agents);
    for (const [index, { id, registration, endpoint }] of agents.entries()) {
      const { limits } = members[index] as Member;
      const more = { ...(limits && { limits }) };
      if (endpoint !== null) await stage.orchestrator.registerCalled(id, { ...registration, ...more }, endpoint);
    }
    for (const [name, workflow] of Object.entries(workflows)) await stage.orchestrator.call("PUT", `/workflows/${name}`, workflow);
    return stage;
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.stop();
    await this.#server.stop();
    rmSync(this.#state, { recursive: true, force: true });
  }

  /** Every agent is called until its figures are published, those who share a capability in turns. */
  async warmUp(): Promise<void> {
    const counts = new Map<string, number>();
    for (const { capability } of this.members) counts.set(capability, (counts.get(capability) ?? 0) + WARM_UPS);
    const steps = [...counts].map(([capability, count]) => ({
      id: capability,
      type: "map",
      over: Array.from({ length: count }, (_, index) => index),
      concurrency: 1,
      tolerate: "100%",
      steps: [{ id: "call", capability, select: { policy: "round_robin" }, retry: { max_attempts: 1 } }],
    }));
    // One capability after the other: together they would wait for each other.
    for (const step of steps) await this.run({ workflow: { steps: [step] }, input: {} });
    for (;;) {
      const { data } = await this.orchestrator.call<{ readonly data: readonly { readonly id: string; readonly statistics: Statistics }[] }>(
        "GET",
        "/agents",
      );
      const seen = (id: string): number =>
        Object.values(data.find((agent) => agent.id === id)?.statistics ?? {}).reduce((sum, { total_calls }) => sum + total_calls, 0);
      if (this.members.every(({ id }) => seen(id) >= WARM_UPS)) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** From its submission to its end, what its agents asked for it, and how many calls they answered. */
  async run(submission: { readonly workflow: object; readonly input: Json }): Promise<Measured> {
    const id = await this.orchestrator.submit(submission);
    const events = await this.#eventsOf(id);
    const [first, last] = [events[0] as TaskEvent, events.at(-1) as TaskEvent];
    const children = events.flatMap(({ type, data }) => (type === "child.started" ? [String(data["task"])] : []));
    const all = [...events, ...(await Promise.all(children.map((child) => this.#eventsOf(child)))).flat()];
    return {
      status: last.type,
      durationMs: Date.parse(last.at) - Date.parse(first.at),
      costUsd: all.reduce((sum, event) => sum + this.#chargeOf(event), 0),
    };
  }

  async #eventsOf(id: string): Promise<readonly TaskEvent[]> {
    const events: TaskEvent[] = [];
    for await (const event of this.orchestrator.events(id)) events.push(event);
    return events;
  }

  /** What its agent says that a reply cost, else what it declares. */
  #chargeOf({ type, data }: TaskEvent): number {
    if (type !== "step.completed" && type !== "attempt.completed") return 0;
    const member = this.members.find(({ id }) => id === data["agent"]);
    if (member === undefined) return 0;
    const { cost_usd, input_tokens = 0, output_tokens = 0 } = (data["usage"] ?? {}) as Usage;
    const { per_call_usd = 0, per_1k_input_tokens_usd = 0, per_1k_output_tokens_usd = 0 } = member.price ?? {};
    return cost_usd ?? per_call_usd + (input_tokens * per_1k_input_tokens_usd + output_tokens * per_1k_output_tokens_usd) / 1_000;
  }
}

export interface Measured {
  readonly status: string;
  readonly durationMs: number;
  readonly costUsd: number;
}

interface Usage {
  readonly cost_usd?: number;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
}

type Statistics = Readonly<Record<string, { readonly total_calls: number }>>;
