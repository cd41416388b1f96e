/** A webhook's endpoint: hears of tasks that have ended, and believes only what is signed. */
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

export interface TaskEnded {
  readonly type: string;
  readonly data: {
    readonly id: string;
    readonly workflow: { readonly name: string | null };
    readonly status: string;
    readonly output?: unknown;
  };
}

export class Listener {
  readonly secret = `whsec_${randomBytes(32).toString("base64")}`;
  readonly told: TaskEnded[] = [];
  /** Requests that nobody with the secret has signed. */
  refused = 0;
  readonly #server: Server;
  readonly #hears = new EventEmitter();

  private constructor() {
    this.#server = createServer((request, response) => void this.#hear(request, response));
  }

  static async open(): Promise<Listener> {
    const listener = new Listener();
    listener.#server.listen(0, "127.0.0.1");
    await once(listener.#server, "listening");
    return listener;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The end of a task of this workflow, told already or yet to be. */
  async ended(workflow: string): Promise<TaskEnded> {
    for (;;) {
      const found = this.told.find(({ data }) => data.workflow.name === workflow);
      if (found !== undefined) return found;
      await once(this.#hears, "told");
    }
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request);
      const message = new Webhook(this.secret).verify(body, request.headers as Record<string, string>) as TaskEnded;
      this.told.push(message);
      this.#hears.emit("told");
      response.writeHead(204).end();
    } catch {
      this.refused++;
      response.writeHead(401).end();
    }
  }
}
