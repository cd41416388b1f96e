/**
 * Serves an agent of the kit with `node:http`. Everything it is asked is told to the process that started it, if there is
 * one, so that a demo can check who was asked what and when.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Agent } from "orchestrator/kit";

/** What the starting process is told. */
export type Message =
  | { readonly type: "ready"; readonly id: string; readonly registration: Agent["registration"] }
  | ({ readonly type: "asked" } & Asked);

export interface Asked {
  readonly task: string;
  readonly step: string;
  readonly key: string;
  readonly at: number;
}

/** The secret that the agent's requests are signed with: whoever registers it gives it to both. */
export function signingSecret(): string {
  return process.env["SIGNING_SECRET"] ?? "";
}

/** Listens on the port in the arguments. */
export function serve(agent: Agent): void {
  const server = createServer((incoming, outgoing) => void answer(agent, incoming, outgoing));
  server.listen(Number(process.argv[2]), "127.0.0.1", () => ready(agent));
}

/** Tells the starting process, and ends with it. */
export function ready({ id, registration }: Agent): void {
  tell({ type: "ready", id, registration });
  process.on("disconnect", () => process.exit());
}

async function answer(agent: Agent, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const request = requestOf(incoming);
  if (request.method === "POST") void tellAsked(request.clone(), Date.now());
  const response = await agent.fetch(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = "GET", url = "/", headers } = incoming;
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(`http://${headers.host ?? "127.0.0.1"}${url}`, {
    method,
    headers: Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(hasBody && { body: Readable.toWeb(incoming) as unknown as ReadableStream, duplex: "half" }),
  });
}

async function tellAsked(request: Request, at: number): Promise<void> {
  try {
    const { task_id: task, step_id: step } = (await request.json()) as { readonly task_id: string; readonly step_id: string };
    tell({ type: "asked", task, step, key: request.headers.get("idempotency-key") ?? "", at });
  } catch {
    // The body broke off, as when the server was killed: nothing was asked.
  }
}

function tell(message: Message): void {
  process.send?.(message);
}
