/**
 * An agent as a process of its own. The path says how it behaves, and everything it is asked goes to a log that outlives
 * the server: `node agent.ts <port> <log>`.
 *
 *   /work?ms=50      answers after a while
 *   /flaky?times=2   fails that often per step, then answers
 *   /callback?ms=50  answers 202 and calls back, again and again until it is heard
 *   /fail            refuses for good
 */
import { appendFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";

interface Call {
  readonly task_id: string;
  readonly step_id: string;
  readonly attempt: number;
  readonly input: unknown;
  readonly context: { readonly callback_url: string };
}

const [, , port, logFile = ""] = process.argv;
const failures = new Map<string, number>();

function record(event: "called" | "answered" | "heard", call: Call, key: string): void {
  appendFileSync(
    logFile,
    `${JSON.stringify({ at: Date.now(), event, task: call.task_id, step: call.step_id, attempt: call.attempt, key, input: call.input })}\n`,
  );
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function callBack(call: Call, key: string, output: unknown): Promise<void> {
  for (;;) {
    const reply = await fetch(`${call.context.callback_url}/complete`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ output }),
    }).catch(() => null);
    if (reply !== null && reply.status < 500) return record("heard", call, key);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://agent");
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const call = JSON.parse(Buffer.concat(chunks).toString()) as Call;
    const key = String(request.headers["idempotency-key"]);
    record("called", call, key);
    const output = { step: call.step_id, input: call.input };
    const finish = (): void => {
      switch (url.pathname) {
        case "/callback":
          void callBack(call, key, output);
          return;
        case "/fail":
          return answer(response, 400, { code: "refused", message: "no" });
        case "/flaky": {
          const failed = failures.get(key) ?? 0;
          failures.set(key, failed + 1);
          if (failed < Number(url.searchParams.get("times") ?? 1)) return answer(response, 503, { message: "not yet" });
        }
      }
      record("answered", call, key);
      answer(response, 200, { output });
    };
    if (url.pathname === "/callback") answer(response, 202, {});
    setTimeout(finish, Number(url.searchParams.get("ms") ?? 0));
  });
});
// It does not outlive whoever started it, however that one ends.
process.once("disconnect", () => process.exit());
server.listen(Number(port), "127.0.0.1", () => process.send?.("listening"));
