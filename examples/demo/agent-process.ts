/** An agent as a process of its own. */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { Asked } from "./serve.ts";

export class AgentProcess {
  readonly url: string;
  /** Everything it was asked so far. */
  readonly asked: Asked[] = [];
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#process = process;
    process.on("message", (message: Asked) => this.asked.push(message));
  }

  /** `name` is a file in `agents/`. */
  static async start(name: string, ...args: readonly string[]): Promise<AgentProcess> {
    const port = await freePort();
    const child = fork(join(import.meta.dirname, "agents", `${name}.ts`), [String(port), ...args]);
    await new Promise((resolve) => child.once("message", resolve));
    return new AgentProcess(port, child);
  }

  stop(): void {
    this.#process.kill();
  }
}
