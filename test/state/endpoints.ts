/**
 * Everybody that a state folder's server calls, at one fixed port: agents, and receivers of webhooks. How they behave
 * follows from the path, and from whether the folder is being recorded (`held` ones do not answer, so that the server dies in
 * the middle of their calls) or goes on (everybody answers).
 *
 *   /answers      answers at once
 *   /held         answers only when the folder goes on, unless its input says `hold: false`
 *   /later        202, and nothing more: whoever has its callback's URL answers for it
 *   /flaky        503 while the folder is recorded
 *   /refuses      refuses for good
 *   /hook         a webhook, told in vain while the folder is recorded
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";

/** Of all agents and webhooks: what their requests are signed with. */
export const SIGNING_SECRET = `whsec_${Buffer.from("the state folder signs with this").toString("base64")}`;

export interface Call {
  readonly path: string;
  readonly agent: string;
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
  readonly key: string;
  readonly callback: string;
  readonly authorization: string | undefined;
}

export interface Told {
  readonly type: string;
  readonly task: string;
  readonly hook: string;
}

export class Endpoints {
  readonly port: number;
  readonly calls: Call[] = [];
  readonly told: Told[] = [];
  /** Requests whose signature was not right. */
  unsigned = 0;
  readonly #isRecording: boolean;
  readonly #server: Server;

  private constructor(port: number, isRecording: boolean) {
    this.port = port;
    this.#isRecording = isRecording;
    this.#server = createServer((request, response) => void this.#hear(request, response));
  }

  /** `null` while somebody else has the port. */
  static async at(port: number, phase: "recording" | "going on"): Promise<Endpoints | null> {
    const endpoints = new Endpoints(port, phase === "recording");
    return new Promise((resolve, reject) => {
      endpoints.#server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(null) : reject(error)));
      endpoints.#server.listen(port, "127.0.0.1", () => resolve(endpoints));
    });
  }

  callsOf(task: string, step?: string): readonly Call[] {
    return this.calls.filter((call) => call.task === task && (step === undefined || call.step === step));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://endpoint");
    const name = searchParams.get("as") ?? "";
    const answer = (status: number, body: unknown = {}): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    try {
      new Webhook(SIGNING_SECRET).verify(text, request.headers as Record<string, string>);
    } catch {
      this.unsigned++;
      return answer(401, { code: "not_signed", message: "The signature is not right" });
    }
    if (pathname === "/hook") {
      if (this.#isRecording) return answer(503);
      const { type, data } = JSON.parse(text) as { readonly type: string; readonly data: { readonly id: string } };
      this.told.push({ type, task: data.id, hook: name });
      return answer(204);
    }
    const call = JSON.parse(text) as Asked;
    this.calls.push({
      path: pathname,
      agent: name,
      task: call.task_id,
      step: call.step_id,
      attempt: call.attempt,
      key: String(request.headers["idempotency-key"]),
      callback: new URL(call.context.callback_url).pathname,
      authorization: request.headers.authorization,
    });
    switch (pathname) {
      case "/answers":
        return answer(200, outputOf(call));
      case "/held":
        return this.#isRecording && call.input?.hold !== false ? undefined : answer(200, outputOf(call));
      case "/flaky":
        return this.#isRecording ? answer(503) : answer(200, outputOf(call));
      case "/later":
        return answer(202);
      default:
        return answer(400, { code: "refused", message: "no" });
    }
  }
}

interface Asked {
  readonly task_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly input?: { readonly hold?: boolean };
  readonly context: { readonly callback_url: string };
}

const outputOf = ({ step_id, input }: Asked): object => ({ output: { step: step_id, input }, usage: { cost_usd: 0.4 } });
