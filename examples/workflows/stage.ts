/** All that the examples need: the service, its agents as processes of their own, and somebody who is told of the end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../../scripts/server-process.ts";
import { AgentProcess } from "../setup/agent-process.ts";
import { Orchestrator } from "../setup/orchestrator.ts";
import { definitionOf, WORKFLOWS } from "./definitions.ts";
import { Listener } from "./listener.ts";

/** Files in `agents/`, with what they are told at their start. */
const CAST: readonly (readonly [file: string, ...args: string[]])[] = [
  ["searcher"],
  ["analyst"],
  ["reader"],
  ["writer"],
  ["booker", "flight"],
  ["booker", "hotel"],
  ["booker", "car"],
  ["bank"],
  ["renderer"],
  ["helpdesk", "bookkeeper"],
  ["helpdesk", "engineer"],
  ["helpdesk", "diplomat"],
  ["crm"],
  ["photographer"],
  ["shop"],
  ["warehouse"],
];

export class Stage {
  readonly orchestrator: Orchestrator;
  readonly agents: readonly AgentProcess[];
  readonly listener: Listener;
  readonly #server: ServerProcess;
  readonly #state: string;

  private constructor(server: ServerProcess, state: string, agents: readonly AgentProcess[], listener: Listener) {
    this.#server = server;
    this.#state = state;
    this.orchestrator = new Orchestrator(server);
    this.agents = agents;
    this.listener = listener;
  }

  /** Everything is started, and registered. */
  static async open(): Promise<Stage> {
    const state = mkdtempSync(join(tmpdir(), "orchestrator-examples-"));
    const [server, listener, ...agents] = await Promise.all([
      ServerProcess.start(state),
      Listener.open(),
      ...CAST.map(([file, ...args]) => AgentProcess.start(`workflows/agents/${file}`, ...args)),
    ]);
    const stage = new Stage(server, state, agents, listener);
    await stage.#register();
    return stage;
  }

  async close(): Promise<void> {
    for (const agent of this.agents) agent.stop();
    this.listener.close();
    await this.#server.stop();
    rmSync(this.#state, { recursive: true, force: true });
  }

  async #register(): Promise<void> {
    const { orchestrator, listener } = this;
    for (const { id, registration, endpoint } of this.agents)
      if (endpoint !== null) await orchestrator.registerCalled(id, registration, endpoint);
    for (const workflow of WORKFLOWS) await orchestrator.registerWorkflow(workflow, definitionOf(workflow));
    await orchestrator.call("POST", "/webhooks", { url: listener.url, secret: listener.secret, events: ["task.completed"] });
  }
}
