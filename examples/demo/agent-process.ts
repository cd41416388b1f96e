/** An agent as a process of its own. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../scripts/free-port.ts";
import type { Access } from "./pull.ts";
import type { Asked, Message } from "./serve.ts";

const folder = join(import.meta.dirname, "agents");

type Ready = Extract<Message, { readonly type: "ready" }>;

/** Where it listens, and what its requests are to be signed with. */
interface Endpoint {
  readonly url: string;
  readonly signingSecret: string;
}

export class AgentProcess {
  readonly id: string;
  /** What it says of itself. */
  readonly registration: Ready["registration"];
  /** `null` for one that fetches its work. */
  readonly endpoint: Endpoint | null;
  /** Everything it was asked so far. */
  readonly asked: Asked[] = [];
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, { id, registration }: Pick<Ready, "id" | "registration">, endpoint: Endpoint | null) {
    this.id = id;
    this.registration = registration;
    this.endpoint = endpoint;
    this.#process = child;
    child.on("message", (message: Message) => {
      if (message.type === "asked") this.asked.push(message);
    });
    process.once("exit", () => this.stop());
  }

  /** `name` is a file in `agents/`. */
  static async start(name: string, ...args: readonly string[]): Promise<AgentProcess> {
    const { port, ...endpoint } = await newEndpoint();
    const { child, ready } = await forked(name, [String(port), ...args], { SIGNING_SECRET: endpoint.signingSecret });
    return new AgentProcess(child, ready, endpoint);
  }

  /** One that fetches its work once it was given access. */
  static async startPulling(name: string): Promise<AgentProcess> {
    const { child, ready } = await forked(name, [], {});
    return new AgentProcess(child, ready, null);
  }

  /** One in Python, which knows nothing of the kit. What it prints is shown. `null` where there is no Python. */
  static async startPython(id: string, registration: Ready["registration"]): Promise<AgentProcess | null> {
    const { port, ...endpoint } = await newEndpoint();
    const child = spawn("python3", [join(folder, `${id}.py`), String(port)], {
      env: { ...process.env, SIGNING_SECRET: endpoint.signingSecret },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const [first] = (await Promise.race([once(lines, "line"), once(child, "error"), once(child, "exit")])) as readonly unknown[];
    if (first !== "listening") return null;
    lines.on("line", (line) => console.log(`              ${id}.py ${line}`));
    return new AgentProcess(child, { id, registration }, endpoint);
  }

  giveAccess(access: Access): void {
    this.#process.send(access);
  }

  stop(): void {
    this.#process.kill();
  }
}

async function forked(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly ready: Ready }> {
  const child = fork(join(folder, `${name}.ts`), args, { env: { ...process.env, ...env } });
  const [ready] = (await Promise.race([once(child, "message"), once(child, "exit")])) as readonly (Ready | number | null)[];
  if (ready === null || typeof ready !== "object") throw new Error(`The agent ${name} ended before it was ready`);
  return { child, ready };
}

async function newEndpoint(): Promise<Endpoint & { readonly port: number }> {
  const port = await freePort();
  return { port, url: `http://127.0.0.1:${port}/`, signingSecret: `whsec_${randomBytes(32).toString("base64")}` };
}
