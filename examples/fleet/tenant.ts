/** A tenant's view of the service: its HTTP API under its own key, insisted on while the server is away. */
import { randomUUID } from "node:crypto";
import type { TaskEvent } from "../setup/orchestrator.ts";

export interface TaskView {
  readonly status: string;
  readonly steps: readonly StepView[];
}

export interface StepView {
  readonly id: string;
  readonly status: string;
  readonly agent: string | null;
  readonly why?: string;
}

export interface AgentView {
  readonly status: string;
  readonly status_reason: string | null;
  readonly breaker_state: { readonly status: "closed" | "open" | "half_open"; readonly until?: string; readonly reason?: string };
  readonly statistics: Readonly<Record<string, { readonly total_calls: number; readonly total_cost_usd: number }>>;
}

const ENDS = ["task.completed", "task.failed", "task.canceled", "task.timed_out", "task.rejected"];
const PAUSE_MS = 200;
/** A killed server is back within seconds, on a busy machine within a minute. */
const PATIENCE_MS = 120_000;
const ANSWER_MS = 10_000;

export class Tenant {
  readonly name: string;
  readonly api: string;
  readonly #key: string;

  constructor(name: string, origin: string, key: string) {
    this.name = name;
    this.api = `${origin}/api/v1`;
    this.#key = key;
  }

  async register(id: string, registration: object): Promise<void> {
    await this.call("PUT", `/agents/${id}`, registration);
  }

  async createKey(body: object): Promise<string> {
    return (await this.call<{ readonly key: string }>("POST", "/keys", body)).key;
  }

  agent(id: string): Promise<AgentView> {
    return this.call<AgentView>("GET", `/agents/${id}`);
  }

  /** Safe to repeat, for the answer may be lost with the server. */
  async submit(task: object): Promise<string> {
    return (await this.call<{ readonly id: string }>("POST", "/tasks", task, { "idempotency-key": randomUUID() })).id;
  }

  task(id: string): Promise<TaskView> {
    return this.call<TaskView>("GET", `/tasks/${id}`);
  }

  async call<T>(method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    for (const end = Date.now() + PATIENCE_MS; ; await pause()) {
      try {
        const response = await this.#fetch(method, path, { body, headers, signal: AbortSignal.timeout(ANSWER_MS) });
        return (await response.json()) as T;
      } catch (error) {
        if (error instanceof Refused || Date.now() > end) throw error;
      }
    }
  }

  /** Every event of a task, once and in order, until its last. Goes on where it was when the server comes back. */
  async *events(task: string): AsyncGenerator<TaskEvent> {
    for (let after = 0; ; await pause()) {
      try {
        for await (const event of this.#stream(task, after)) {
          after = event.seq;
          yield event;
          if (ENDS.includes(event.type)) return;
        }
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
    }
  }

  async *#stream(task: string, after: number): AsyncGenerator<TaskEvent> {
    const headers = { accept: "text/event-stream", "last-event-id": String(after) };
    const { body } = await this.#fetch("GET", `/tasks/${task}/events`, { headers });
    let text = "";
    for await (const chunk of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) yield JSON.parse(data) as TaskEvent;
      }
    }
  }

  /** Throws `Refused` where asking again would not help. */
  async #fetch(
    method: string,
    path: string,
    { body, headers, signal }: { readonly body?: object | undefined; readonly headers: object; readonly signal?: AbortSignal },
  ): Promise<Response> {
    const response = await fetch(this.api + path, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
    if (response.ok) return response;
    const problem = `${method} ${path} as ${this.name}: ${response.status} ${await response.text()}`;
    throw response.status < 500 ? new Refused(problem) : new Error(problem);
  }
}

/** The service answered, and said no. */
class Refused extends Error {}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
