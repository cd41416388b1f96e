/** An agent as a process of its own. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../scripts/free-port.ts";
import type { Access } from "./pull.ts";
import type { Asked, Message } from "./serve.ts";

const examples = join(import.meta.dirname, "..");

/** Those that run: none of them outlives this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill();
});

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
    running.add(child);
  }

  /** `file`: in this folder's parent, without its extension, such as `demo/agents/analyst`. */
  static async start(file: string, ...args: readonly string[]): Promise<AgentProcess> {
    const { port, ...endpoint } = await newEndpoint();
    const { child, ready } = await forked(file, [String(port), ...args], { SIGNING_SECRET: endpoint.signingSecret });
    return new AgentProcess(child, ready, endpoint);
  }

  /** One that fetches its work once it was given access. */
  static async startPulling(file: string): Promise<AgentProcess> {
    const { child, ready } = await forked(file, [], {});
    return new AgentProcess(child, ready, null);
  }

  /** One in Python, named like its file, which knows nothing of the kit. What it prints is shown. `null` where there is no Python. */
  static async startPython(file: string, registration: Ready["registration"]): Promise<AgentProcess | null> {
    const id = basename(file);
    const { port, ...endpoint } = await newEndpoint();
    const child = spawn("python3", [join(examples, `${file}.py`), String(port)], {
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
    running.delete(this.#process);
    this.#process.kill();
  }
}

async function forked(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly ready: Ready }> {
  const child = fork(join(examples, `${file}.ts`), args, { env: { ...process.env, ...env } });
  const [ready] = (await Promise.race([once(child, "message"), once(child, "exit")])) as readonly (Ready | number | null)[];
  if (ready === null || typeof ready !== "object") throw new Error(`The agent ${file} ended before it was ready`);
  return { child, ready };
}

async function newEndpoint(): Promise<Endpoint & { readonly port: number }> {
  const port = await freePort();
  return { port, url: `http://127.0.0.1:${port}/`, signingSecret: `whsec_${randomBytes(32).toString("base64")}` };
}
