/** A member of the fleet as its owner sees it: processes to start and to kill, a registration, a record of what it was asked. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../scripts/free-port.ts";
import type { Access } from "../setup/pull.ts";
import type { Message } from "../setup/serve.ts";
import type { Call, CallMessage } from "./call-log.ts";
import { nameOf, type Member } from "./roster.ts";
import type { Tenant } from "./tenant.ts";

export class FleetAgent {
  readonly member: Member;
  /** In the order in which they were told of; those of all its processes, past ones too. */
  readonly calls: Call[] = [];
  readonly #tenant: Tenant;
  readonly #port: number;
  readonly #secret = `whsec_${randomBytes(32).toString("base64")}`;
  #access: Access | null = null;
  #processes: readonly ChildProcess[] = [];

  private constructor(member: Member, tenant: Tenant, port: number) {
    this.member = member;
    this.#tenant = tenant;
    this.#port = port;
  }

  static async create(member: Member, tenant: Tenant): Promise<FleetAgent> {
    return new FleetAgent(member, tenant, await freePort());
  }

  get name(): string {
    return nameOf(this.member);
  }

  get pids(): readonly number[] {
    return this.#processes.flatMap(({ pid }) => pid ?? []);
  }

  /** As agents do at boot: listen, then register. */
  async start(): Promise<void> {
    await this.startUnannounced();
    await this.register();
  }

  /** Where it was before. Nobody is told. */
  async startUnannounced(): Promise<void> {
    const { body, workers } = this.member;
    if (body === "absent") return;
    const isPython = body === "python" && (await hasPython());
    if (body === "python" && !isPython) console.log(`No python3 here: ${this.name} is played by TypeScript`);
    this.#processes = await Promise.all(Array.from({ length: workers }, () => (isPython ? this.#spawnPython() : this.#fork())));
    this.#giveAccess();
  }

  async register(): Promise<void> {
    const { id, capabilities, declares, body, character } = this.member;
    const common = { description: character, capabilities, ...declares };
    if (body !== "pulls") {
      const url = `http://127.0.0.1:${this.#port}/`;
      return this.#tenant.register(id, { ...common, url, signing_secret: this.#secret });
    }
    await this.#tenant.register(id, { ...common, kind: "pull" });
    if (this.#access !== null) return;
    const key = await this.#tenant.createKey({ name: `workers of ${id}`, roles: ["agent"], agent: id });
    this.#access = { api: this.#tenant.api, key };
    this.#giveAccess();
  }

  /** SIGKILL to each of its processes, by its pid. */
  async kill(): Promise<void> {
    const running = this.#processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    this.#processes = [];
    await Promise.all(
      running.map(async (child) => {
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
  }

  #giveAccess(): void {
    if (this.#access !== null) for (const child of this.#processes) child.send(this.#access);
  }

  async #fork(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, "agent.ts"), [String(this.#port), this.name], { env: this.#env });
    child.on("message", (message: Message | CallMessage) => {
      if (message.type !== "called") return;
      const { type: _, ...call } = message;
      this.calls.push(call);
    });
    const [ready] = (await Promise.race([once(child, "message"), once(child, "exit")])) as readonly unknown[];
    if (ready === null || typeof ready !== "object") throw new Error(`${this.name} ended before it was ready`);
    return child;
  }

  async #spawnPython(): Promise<ChildProcess> {
    const child = spawn("python3", [join(import.meta.dirname, "agent.py"), String(this.#port), this.name], {
      env: this.#env,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([once(lines, "line"), once(child, "exit")])) as readonly unknown[];
    if (first !== "listening") throw new Error(`${this.name} ended before it was ready`);
    lines.on("line", (line) => this.calls.push(JSON.parse(line) as Call));
    return child;
  }

  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, SIGNING_SECRET: this.#secret };
  }
}

function hasPython(): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn("python3", ["--version"], { stdio: "ignore" });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}
