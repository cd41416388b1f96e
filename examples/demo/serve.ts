/**
 * What an agent needs to speak HTTP: a server that takes one kind of request and answers with its output. Everything it is
 * asked is told to the process that started it, if there is one, so that a demo can check who was asked what and when.
 */
import { createServer } from "node:http";

/** The body of a request to an agent. */
export interface Request<Input> {
  readonly task_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly input: Input;
  readonly context: { readonly callback_url: string };
}

/** What the starting process is told. */
export interface Asked {
  readonly step: string;
  readonly key: string;
  readonly at: number;
}

const CALLBACK_PAUSE_MS = 100;

/** Listens on the port in the arguments. With `--call-back` it answers 202 at once, and calls back when the work is done. */
export function serve<Input>(work: (input: Input) => unknown): void {
  const [, , port, mode] = process.argv;
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    const carryOut = async (): Promise<void> => {
      const { step_id, input, context } = JSON.parse(Buffer.concat(chunks).toString()) as Request<Input>;
      process.send?.({ step: step_id, key: String(request.headers["idempotency-key"]), at: Date.now() } satisfies Asked);
      if (mode !== "--call-back") return answer(200, { output: await work(input) });
      answer(202, {});
      await callBack(context.callback_url, await work(input));
    };
    request.on("end", () => {
      carryOut().catch((error: unknown) => {
        if (!response.headersSent) answer(422, { code: "bad_input", message: String(error) });
      });
    });
  });
  server.listen(Number(port), "127.0.0.1", () => process.send?.("listening"));
  process.on("disconnect", () => process.exit());
}

/** Until somebody hears it: the service may just be restarting. */
async function callBack(url: string, output: unknown): Promise<void> {
  for (;;) {
    const heard = await fetch(`${url}/complete`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ output }),
    }).catch(() => null);
    if (heard !== null && heard.status < 500) return;
    await new Promise((resolve) => setTimeout(resolve, CALLBACK_PAUSE_MS));
  }
}
