/** The service and its agents as the processes that they are: started, killed, started again. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventView } from "../../src/engine/event-view.ts";
import type { TaskView } from "../../src/task/reading.ts";

const root = join(import.meta.dirname, "..", "..");

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "orchestrator-"));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
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

/** `npm start` with a port and a folder of its own. */
export class Server {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | null = null;
  #rootKey = "";
  output = "";

  constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(folder = temporaryFolder()): Promise<Server> {
    const server = new Server(await freePort(), folder);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    // A group of its own, so that a kill reaches the launcher and the runtime alike.
    const child = spawn(
      process.execPath,
      [join(root, "scripts/start.ts"), "--port", String(this.port), "--persist-to", this.#folder, "--inspector-port", "0"],
      { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#process = child;
    this.output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    await until("the server to be ready", async () => {
      if (child.exitCode !== null) throw new Error(this.output);
      const response = await fetch(`http://127.0.0.1:${this.port}/ready`).catch(() => null);
      return response?.ok;
    });
    this.#rootKey = /^ROOT_API_KEY=(\S+)$/m.exec(this.output)?.[1] ?? "";
  }

  /** SIGKILL, without a chance to put anything in order. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return;
    this.#process = null;
    const gone = new Promise((resolve) => child.on("exit", resolve));
    process.kill(-child.pid, "SIGKILL");
    await gone;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/api/v1`;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      authorization: `Bearer ${this.#rootKey}`,
      ...(init.body !== undefined && { "content-type": "application/json" }),
      ...(init.headers as Record<string, string>),
    };
    return fetch(this.url + path, { ...init, headers });
  }

  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.fetch(path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
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
