/** The service as a child process, the way `npm start` runs it: started, killed without warning, started again. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { runtimeUnder, type RuntimeProcess } from "./runtime-process.ts";

const READY_MS = 60_000;
const STOP_MS = 5_000;

export interface ServerOptions {
  /** The folder of another version of the service, with its `node_modules`; this one unless said. */
  readonly checkout?: string;
  /** Count before those in `.dev.vars`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class ServerProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #options: ServerOptions;
  #process: ChildProcess | null = null;
  /** What the process has printed since it was last started. */
  output = "";

  private constructor(port: number, folder: string, options: ServerOptions) {
    this.port = port;
    this.#folder = folder;
    this.#options = options;
    // It does not outlive this process, not even while it is not ready.
    process.once("exit", () => void this.kill());
  }

  /** Starts it on a free port, with its state in `folder`. */
  static async start(folder: string, options: ServerOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), folder, options);
    await server.start();
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get rootKey(): string {
    return this.#options.settings?.["ROOT_API_KEY"] ?? /^ROOT_API_KEY=(\S+)$/m.exec(this.output)?.[1] ?? "";
  }

  /** The runtime that it has now. */
  get runtime(): RuntimeProcess {
    return runtimeUnder(this.#process?.pid ?? 0, this.#folder);
  }

  async start(): Promise<void> {
    const { checkout = join(import.meta.dirname, ".."), settings = {} } = this.#options;
    const vars = Object.entries(settings).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const args = ["--port", String(this.port), "--persist-to", this.#folder, "--inspector-port", "0", ...vars];
    // A group of its own, so that a signal reaches the launcher and the runtime alike.
    const child = spawn(process.execPath, [join(checkout, "scripts", "start.ts"), ...args], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"], // so that it hears when this process is gone
    });
    this.#process = child;
    this.output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    for (const end = Date.now() + READY_MS; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (child.exitCode !== null) throw new Error(`The server ended:\n${this.output}`);
      const response = await fetch(`${this.origin}/ready`).catch(() => null);
      if (response?.ok) return;
    }
    await this.kill();
    throw new Error(`The server is not ready:\n${this.output}`);
  }

  /** SIGKILL, without a chance to put anything in order. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** SIGKILL to what runs the service, as when it has no more memory: its launcher lives on and starts another. */
  killRuntime(): void {
    const group = this.#process?.pid;
    const processes = execFileSync("ps", ["-A", "-ww", "-o", "pgid=,pid=,args="], { encoding: "utf8" }).split("\n");
    for (const line of processes) {
      const [of, pid, program = ""] = line.trim().split(/\s+/);
      // The one that listens on the port only passes requests on.
      const isRuntime = program.endsWith("/workerd") && !line.includes(`entry=127.0.0.1:${this.port} `);
      if (Number(of) === group && isRuntime) process.kill(Number(pid), "SIGKILL");
    }
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const group = -child.pid;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    process.kill(group, signal);
    const timer = setTimeout(() => process.kill(group, "SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  }
}
