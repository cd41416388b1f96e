/** The service under the launcher, with meters (`ours.ts`), and what the bench asks of it. */
import { join } from "node:path";
import type { ConcurrencyDefinition } from "../../src/language/concurrency.ts";
import type { AgentBody } from "../../src/agents/routes/agent-schemas.ts";
import type { AgentRegistration } from "../../src/agents/registry/registration.ts";
import type { WorkflowDefinition } from "../../src/language/definition.ts";
import type { WrittenOf } from "../../src/language/kinds/table.ts";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { StepView } from "../../src/tasks/views/step-view.ts";
import type { TaskResult } from "../../src/tasks/views/view.ts";
import type { JsonObject } from "../../src/shared/json.ts";
import { ServerProcess } from "../../scripts/server-process.ts";
import { ensureSettings } from "../../scripts/settings.ts";
import { freePort } from "../../scripts/free-port.ts";
import { Heap } from "./heap.ts";
import { answerTo } from "./patience.ts";
import { launch, type Server } from "./server.ts";
import type { AgentMeter, ServiceMeter, TaskMeter } from "./ours.ts";

const root = join(import.meta.dirname, "..", "..");

/** How long a task may take before the bench gives up … */
export const PATIENCE_MS = 180_000;
/** … and an answer, which may wait for the task for a minute. */
const ANSWER_MS = 90_000;

interface Submission {
  readonly key?: string;
  readonly input?: JsonObject;
  readonly concurrency?: ConcurrencyDefinition;
}

export class Service {
  readonly server: Server;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(server: Server, key: string) {
    this.server = server;
    this.#headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  }

  /** Keeps its own limit of awaited requests: six. */
  static async start(state: string): Promise<Service> {
    const key = ensureSettings(join(root, ".dev.vars"))["ROOT_API_KEY"] ?? "";
    const server = await launch({
      name: "ours",
      port: await freePort(),
      state,
      args: [join("test", "bench", "ours.ts"), "--var", `ROOT_API_KEY:${key}`, "--var", "ALLOW_LOOPBACK_AGENTS:true"],
      migrate: true,
      ready: "/ready",
    });
    return new Service(server, key);
  }

  /** Another version, as its own `npm start` runs it; it has no meters. */
  static async startCheckout(checkout: string, state: string): Promise<Service> {
    const process = await ServerProcess.start(state, { checkout });
    const { pid, cpuSeconds, peakBytes, resetPeak } = process.runtime;
    const server = { url: process.origin, pid, inspectorPort: 0, cpuSeconds, peakBytes, resetPeak, stop: () => process.stop() };
    return new Service(server, process.rootKey);
  }

  async register(id: string, registration: AgentRegistration): Promise<void> {
    await this.#ask("PUT", `/api/v1/agents/${id}`, registration);
  }

  async agent(id: string): Promise<AgentBody> {
    return (await this.#ask("GET", `/api/v1/agents/${id}`)) as AgentBody;
  }

  /** Runs a workflow to its end, however that comes. Under the same key in a new service the task has the same id. */
  async run(
    workflow: WorkflowDefinition,
    { key, input = {}, concurrency }: Submission = {},
  ): Promise<TaskResult & { readonly id: string }> {
    const headers = key === undefined ? {} : { "idempotency-key": key };
    const submitted = (await this.#ask(
      "POST",
      "/api/v1/tasks?wait=60s",
      { workflow, input, ...(concurrency && { concurrency }) },
      headers,
    )) as TaskResult & { id: string };
    const path = `/api/v1/tasks/${submitted.id}/result?wait=60s`;
    for (let [ended, until] = [submitted, Date.now() + PATIENCE_MS]; ;) {
      if ("output" in ended) return { ...ended, id: submitted.id };
      if (Date.now() > until) throw new Error(`Task ${submitted.id} has not ended`);
      ended = JSON.parse((await answerTo(this.server.url + path, ANSWER_MS, { headers: this.#headers })).text) as typeof submitted;
    }
  }

  async fork(task: string, body: object): Promise<void> {
    await this.#ask("POST", `/api/v1/tasks/${task}/fork`, body);
  }

  /** Its journal as a file. */
  async exported(task: string): Promise<string> {
    return (await answerTo(`${this.server.url}/api/v1/tasks/${task}/export`, ANSWER_MS, { headers: this.#headers })).text;
  }

  async steps(task: string): Promise<readonly StepView[]> {
    return ((await this.#ask("GET", `/api/v1/tasks/${task}/steps?limit=1000`)) as { readonly data: readonly StepView[] }).data;
  }

  /** The tasks that branches of its steps are, or were. */
  async childrenOf(task: string): Promise<readonly string[]> {
    const { data } = (await this.#ask("GET", `/api/v1/tasks/${task}/events?limit=1000`)) as { readonly data: readonly EventView[] };
    return data.filter(({ type }) => type === "child.started").map((event) => event.data["task"] as string);
  }

  /** Of the isolate that holds every object. */
  async heap(): Promise<Heap> {
    return Heap.of(this.server.inspectorPort, `${this.server.url}/health`);
  }

  async meter(): Promise<ServiceMeter> {
    return (await this.#ask("GET", "/meter")) as ServiceMeter;
  }

  async taskMeter(task: string): Promise<TaskMeter> {
    return (await this.#ask("GET", `/meter/tasks/${task}`)) as TaskMeter;
  }

  async agentMeter(agent: string): Promise<AgentMeter> {
    return (await this.#ask("GET", `/meter/agents/${agent}`)) as AgentMeter;
  }

  /** The object of the agent dies and comes back with what it has stored. */
  async abortAgent(agent: string): Promise<void> {
    await this.#ask("POST", `/abort/${agent}`);
  }

  /** So does that of a key under which tasks run. */
  async abortGate(key: string): Promise<void> {
    await this.#ask("POST", `/abort-gate/${key}`);
  }

  async #ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const { status, text } = await answerTo(this.server.url + path, ANSWER_MS, {
      method,
      headers: { ...this.#headers, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return JSON.parse(text);
  }
}

/** Steps one after another, otherwise alike. */
export function chain(length: number, step: Omit<WrittenOf<"agent">, "id" | "needs">): WorkflowDefinition {
  return {
    steps: Array.from({ length }, (_, index) => ({ ...step, id: `s${index}`, ...(index > 0 && { needs: [`s${index - 1}`] }) })),
  };
}
