/** An orchestrator that hands out work, over real HTTP: long polls for claims, callbacks by attempt. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Claim {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly max: number;
}

export class PullServer {
  readonly claims: Claim[] = [];
  /** Callbacks as `step verb`, with their bodies. */
  readonly told: { readonly about: string; readonly body: unknown }[] = [];
  leaseMs = 60_000;
  /** Steps that nobody wants any more. */
  readonly superseded = new Set<string>();
  readonly #work: Record<string, unknown>[] = [];
  /** Sent to who waits for work, as the service does to notice who has gone. */
  spaces = 0;
  readonly #waiting = new Set<{ readonly max: number; readonly response: ServerResponse }>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<PullServer> {
    const server = new PullServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get api(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1`;
  }

  /** Claims that wait for work. */
  get waiting(): number {
    return this.#waiting.size;
  }

  offer(step: string, input: unknown = null, more: Record<string, unknown> = {}): void {
    this.#work.push({
      task_id: "task_1",
      step_id: step,
      attempt: 1,
      capability: "work",
      input,
      context: { workflow: { name: null, version: null }, deadline: null, callback_url: `${this.api}/callbacks/${step}` },
      idempotency_key: `task_1/${step}/1`,
      traceparent: "00-1-2-01",
      lease_until: new Date(Date.now() + this.leaseMs).toISOString(),
      ...more,
    });
    this.#handOut();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handOut(): void {
    for (const waiting of this.#waiting) {
      if (this.#work.length === 0) return;
      this.#waiting.delete(waiting);
      answer(waiting.response, 200, { attempts: this.#work.splice(0, waiting.max) });
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const url = request.url ?? "";
    if (!url.includes("/callbacks/")) {
      const max = body["max"] as number;
      this.claims.push({ url, authorization: request.headers.authorization, max });
      const waiting = { max, response };
      this.#waiting.add(waiting);
      const beat = setInterval(() => {
        if (!this.#waiting.has(waiting)) return;
        if (!response.headersSent) response.writeHead(200, { "content-type": "application/json" });
        response.write(" ");
        this.spaces++;
      }, 10);
      response.on("close", () => {
        clearInterval(beat);
        this.#waiting.delete(waiting);
      });
      return this.#handOut();
    }
    const [step = "", verb] = url.split("/").slice(-2);
    this.told.push({ about: `${step} ${verb}`, body });
    if (this.superseded.has(step)) return answer(response, 409, { code: "attempt_superseded" });
    answer(response, 200, { lease_until: verb === "heartbeat" ? new Date(Date.now() + this.leaseMs).toISOString() : null });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  if (!response.headersSent) response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
