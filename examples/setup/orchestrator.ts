/** The few calls of the HTTP API that the examples need, and its live events across restarts of the server. */
import type { ServerProcess } from "../../scripts/server-process.ts";

export interface TaskEvent {
  readonly seq: number;
  readonly at: string;
  readonly type: string;
  readonly step_id?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface TaskResult {
  readonly status: string;
  readonly output: unknown;
  readonly error: { readonly code: string; readonly message: string; readonly step_id?: string } | null;
}

const ENDS = ["task.completed", "task.failed", "task.canceled", "task.timed_out", "task.rejected"];

export class Orchestrator {
  readonly #server: ServerProcess;
  readonly #key: string | undefined;

  /** Without a key of their own callers have the root key. */
  constructor(server: ServerProcess, key?: string) {
    this.#server = server;
    this.#key = key;
  }

  get api(): string {
    return `${this.#server.origin}/api/v1`;
  }

  /** An agent that is called. Its requests are signed under the secret. */
  async registerCalled(
    id: string,
    registration: object,
    { url, signingSecret, ...more }: { readonly url: string; readonly signingSecret: string; readonly dispatch?: string },
  ): Promise<void> {
    await this.call("PUT", `/agents/${id}`, { ...registration, ...more, url, signing_secret: signingSecret });
  }

  /** An agent that fetches its work. */
  async registerPulling(id: string, registration: object): Promise<void> {
    await this.call("PUT", `/agents/${id}`, { ...registration, kind: "pull" });
  }

  /** A key with which an agent fetches its own work, and nothing else. */
  async createAgentKey(agent: string): Promise<string> {
    return (await this.call<{ key: string }>("POST", "/keys", { name: `agent ${agent}`, roles: ["agent"], agent })).key;
  }

  /** Somebody else, who may do what the role allows. */
  async person(name: string, role: "developer" | "operator"): Promise<Orchestrator> {
    const { key } = await this.call<{ key: string }>("POST", "/keys", { name, roles: [role] });
    return new Orchestrator(this.#server, key);
  }

  async registerWorkflow(name: string, yaml: string): Promise<void> {
    await this.putYaml(`/workflows/${name}`, yaml);
  }

  async putYaml<T = unknown>(path: string, yaml: string): Promise<T> {
    return (await (await this.#fetch("PUT", path, { "content-type": "application/yaml" }, yaml)).json()) as T;
  }

  async delete(path: string): Promise<void> {
    await (await this.#fetch("DELETE", path)).text();
  }

  async diagram(workflow: string): Promise<string> {
    return (await this.#fetch("GET", `/workflows/${workflow}?format=mermaid`)).text();
  }

  async submit(task: unknown): Promise<string> {
    return (await this.call<{ id: string }>("POST", "/tasks", task)).id;
  }

  result(id: string): Promise<TaskResult> {
    return this.call<TaskResult>("GET", `/tasks/${id}/result`);
  }

  /** Its journal, as a file that can be taken elsewhere. */
  async exported(id: string): Promise<string> {
    return (await this.#fetch("GET", `/tasks/${id}/export`)).text();
  }

  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    return (await (await this.#fetch(method, path, {}, body === undefined ? undefined : JSON.stringify(body))).json()) as T;
  }

  /** Every event of a task, once and in order, until its last. Goes on where it was when the server comes back. */
  async *events(id: string): AsyncGenerator<TaskEvent> {
    for (let after = 0; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
      try {
        for await (const event of this.#stream(id, after)) {
          after = event.seq;
          yield event;
          if (ENDS.includes(event.type)) return;
        }
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
    }
  }

  /** One connection of server-sent events. */
  async *#stream(id: string, after: number): AsyncGenerator<TaskEvent> {
    const response = await this.#fetch("GET", `/tasks/${id}/events`, { accept: "text/event-stream", "last-event-id": String(after) });
    let text = "";
    for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) yield JSON.parse(data) as TaskEvent;
      }
    }
  }

  async #fetch(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Response> {
    const response = await fetch(this.api + path, {
      method,
      headers: { authorization: `Bearer ${this.#key ?? this.#server.rootKey}`, "content-type": "application/json", ...headers },
      ...(body !== undefined && { body }),
    });
    if (!response.ok) throw new Refused(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }
}

/** The service answered, and said no. */
class Refused extends Error {}
