/**
 * The agents of the storm and the receiver of its webhook, in a process that outlives the server. Each writes down what it is
 * asked; what they answer follows from what they are asked, so that everybody knows what must come out.
 *
 *   /add?by=1     answers `n` and so much more, inline, by relay or by queue; with `alone` nobody else may ask for the same meanwhile
 *   /later?by=1   202, then calls back until it is heard
 *   /flaky?by=1   503 at first, as often per step as its input says
 *   /refuses      refuses for good
 *   /last?by=1    answers once nobody kills the server any more
 *   /hook         the webhook, which does not hear everything at once
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { hashText } from "../../src/shared/random.ts";

export const SECRET = `whsec_${Buffer.from("what the storm's agents sign with").toString("base64")}`;

export interface Asked {
  readonly at: number;
  readonly task: string;
  readonly step: string;
  readonly key: string;
  readonly agent: string;
}

/** What an agent is asked, however it gets it. */
export interface Work {
  readonly task_id: string;
  readonly step_id: string;
  readonly input: { readonly n?: number; readonly fails?: number };
  readonly context: { readonly callback_url: string };
}

export class StormAgents {
  readonly asked: Asked[] = [];
  /** Ends that the webhook has heard of, by task. */
  readonly told = new Map<string, string[]>();
  /** When a callback with the result was accepted, by idempotency key. */
  readonly heard = new Map<string, number>();
  /** Keys that two callers asked for at once, of those that were to be alone. */
  readonly crowded: string[] = [];
  readonly #alone = new Set<string>();
  unsigned = 0;
  #isOver = false;
  readonly #calm = Promise.withResolvers<void>();
  readonly #failures = new Map<string, number>();
  readonly #refusedOnce = new Set<string>();
  readonly #server = createServer((request, response) => void this.#hear(request, response));

  async start(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  stop(): void {
    this.#isOver = true;
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The server is killed no more. */
  calmDown(): void {
    this.#calm.resolve();
  }

  note(agent: string, { task_id: task, step_id: step }: Work, key: string): void {
    this.asked.push({ at: Date.now(), task, step, key, agent });
  }

  /** Tells the result until somebody has heard it, whoever is gone meanwhile. */
  async callBack(work: Work, key: string, by: number): Promise<void> {
    while (!this.#isOver) {
      const status = await fetch(`${work.context.callback_url}/complete`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ output: outputOf(work, by) }),
        signal: AbortSignal.timeout(10_000),
      }).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) this.heard.set(key, Date.now());
      if (status !== 0 && status < 500 && status !== 429) return;
      await pause(200);
    }
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://storm");
    const answer = (status: number, body: object = {}): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    let text = "";
    try {
      for await (const chunk of request.setEncoding("utf8")) text += chunk;
    } catch {
      return; // the server died while it asked
    }
    try {
      new Webhook(SECRET).verify(text, request.headers as Record<string, string>);
    } catch {
      this.unsigned++;
      return answer(401);
    }
    if (pathname === "/hook") return answer(this.#isTold(text, String(request.headers["webhook-id"])) ? 204 : 503);
    const work = JSON.parse(text) as Work;
    const key = String(request.headers["idempotency-key"]);
    const by = Number(searchParams.get("by") ?? 0);
    this.note(pathname, work, key);
    if (searchParams.has("alone")) {
      if (this.#alone.has(key)) this.crowded.push(key);
      this.#alone.add(key);
      response.on("close", () => this.#alone.delete(key));
    }
    await pause(hashText(key, 7) % 60);
    switch (pathname) {
      case "/later":
        answer(202);
        return this.callBack(work, key, by);
      case "/refuses":
        return answer(400, { code: "refused", message: "no" });
      case "/last":
        await this.#calm.promise;
        break;
      case "/flaky": {
        const failed = this.#failures.get(key) ?? 0;
        this.#failures.set(key, failed + 1);
        if (failed < (work.input.fails ?? 0)) return answer(503);
      }
    }
    answer(200, { output: outputOf(work, by) });
  }

  /** One message in ten is refused when it comes first. */
  #isTold(text: string, id: string): boolean {
    if (hashText(id, 3) % 10 === 0 && !this.#refusedOnce.has(id)) {
      this.#refusedOnce.add(id);
      return false;
    }
    const { type, data } = JSON.parse(text) as { readonly type: string; readonly data: { readonly id: string } };
    this.told.set(data.id, [...(this.told.get(data.id) ?? []), type]);
    return true;
  }
}

export const outputOf = ({ input }: Work, by: number): object => ({ n: (input.n ?? 0) + by });

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
