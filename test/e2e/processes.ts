/** The service and its agents as the processes that they are: started, killed, started again. */
import { fork, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { RuntimeProcess } from "../../scripts/runtime-process.ts";
import { ServerProcess, type ServerOptions } from "../../scripts/server-process.ts";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "orchestrator-"));
}

export async function until<T>(
  what: string,
  check: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  timeoutMs = 60_000,
): Promise<T> {
  for (const end = Date.now() + timeoutMs; Date.now() < end;) {
    const found = await check();
    if (found !== null && found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`In vain waited for: ${what}`);
}

/** The service and its API. */
export class Server {
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess) {
    this.#process = process;
  }

  /** With its state in a new folder, unless another is given. */
  static async start({ folder = temporaryFolder(), ...options }: ServerOptions & { readonly folder?: string } = {}): Promise<Server> {
    return new Server(await ServerProcess.start(folder, options));
  }

  start(): Promise<void> {
    return this.#process.start();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  killRuntime(): void {
    this.#process.killRuntime();
  }

  get origin(): string {
    return this.#process.origin;
  }

  get rootKey(): string {
    return this.#process.rootKey;
  }

  get runtime(): RuntimeProcess {
    return this.#process.runtime;
  }

  get output(): string {
    return this.#process.output;
  }

  get url(): string {
    return `${this.origin}/api/v1`;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      authorization: `Bearer ${this.rootKey}`,
      ...(init.body !== undefined && { "content-type": "application/json" }),
      ...(init.headers as Record<string, string>),
    };
    return fetch(this.url + path, { ...init, headers });
  }

  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await this.fetch(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async submit(body: unknown): Promise<string> {
    return (await this.call<{ id: string }>("POST", "/tasks", body)).id;
  }

  task(id: string): Promise<TaskView> {
    return this.call<TaskView>("GET", `/tasks/${id}`);
  }

  async events(id: string): Promise<readonly EventView[]> {
    return (await this.call<{ data: EventView[] }>("GET", `/tasks/${id}/events?limit=1000`)).data;
  }

  ended(id: string, timeoutMs = 60_000): Promise<TaskView> {
    return until(
      "the task to end",
      async () => {
        const task = await this.task(id);
        return ["completed", "failed", "canceled", "timed_out", "rejected"].includes(task.status) && task;
      },
      timeoutMs,
    );
  }
}

export interface Logged {
  readonly at: number;
  readonly event: "called" | "answered" | "heard";
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
  readonly key: string;
  readonly input: unknown;
}

/** An agent process and what it has written down. */
export class Agent {
  readonly port: number;
  readonly #log: string;
  readonly #process: ChildProcess;

  constructor(port: number, log: string, child: ChildProcess) {
    this.port = port;
    this.#log = log;
    this.#process = child;
  }

  static async start(): Promise<Agent> {
    const port = await freePort();
    const log = join(temporaryFolder(), "calls.ndjson");
    const child = fork(join(import.meta.dirname, "agent.ts"), [String(port), log]);
    await new Promise((resolve) => child.once("message", resolve));
    return new Agent(port, log, child);
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  log(): readonly Logged[] {
    try {
      return readFileSync(this.#log, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Logged);
    } catch {
      return []; // nothing was asked of it yet
    }
  }

  calls(step?: string): readonly Logged[] {
    return this.log().filter(({ event, step: of }) => event === "called" && (step === undefined || of === step));
  }

  stop(): void {
    this.#process.kill();
  }
}
