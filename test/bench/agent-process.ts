/** The process of the agents, seen from the bench. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { Seen } from "./agent.ts";
import { answerTo, within } from "./patience.ts";

const START_MS = 30_000;
const ANSWER_MS = 30_000;

export interface Behaviour {
  /** How long it takes. */
  readonly ms?: number;
  /** How long it takes for this share of its answers. */
  readonly slow?: { readonly ms: number; readonly share: number };
  /** What it answers with instead of 200. */
  readonly status?: number;
  /** How much text it answers. */
  readonly bytes?: number;
}

export class AgentProcess {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#process = child;
  }

  static async start(): Promise<AgentProcess> {
    const port = await freePort();
    const child = fork(join(import.meta.dirname, "agent.ts"), [String(port)]);
    await within("the agents' process to listen", START_MS, new Promise((resolve) => child.once("message", resolve)));
    return new AgentProcess(`http://127.0.0.1:${port}`, child);
  }

  /** Where the agent of this name is, and behaves like this. */
  urlOf(name: string, { ms = 0, slow, status = 200, bytes }: Behaviour = {}): string {
    const asked = new URLSearchParams({ as: name, ms: String(ms), status: String(status) });
    if (bytes !== undefined) asked.set("bytes", String(bytes));
    if (slow !== undefined) asked.set("slow_ms", String(slow.ms));
    if (slow !== undefined) asked.set("slow_share", String(slow.share));
    return `${this.url}/?${asked.toString()}`;
  }

  /** What the agent of this name has been asked; without a name, the one that everybody is compared with. */
  async seen(name = ""): Promise<Seen> {
    return JSON.parse((await answerTo(`${this.url}/seen?as=${name}`, ANSWER_MS)).text) as Seen;
  }

  stop(): void {
    this.#process.kill();
  }
}
