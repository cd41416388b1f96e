/**
 * An agent for trying things out: `node examples/first/practice.mjs 4000`. It does what its input says.
 *
 *   answer    what it answers; its whole input unless said
 *   takes_ms  how long that takes
 *   fails     how often it answers 503 first, counted by Idempotency-Key
 *   refuses   true: it answers 400, which is not tried again
 *   usage     what it says the work used, such as {"cost_usd": 0.01}
 *
 * GET /calls answers how many attempts it was sent.
 */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const failures = new Map();
let calls = 0;

createServer(async (request, response) => {
  const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (request.method === "GET") return answer(200, request.url === "/calls" ? { calls } : { status: "ok" });
  let body = "";
  for await (const chunk of request) body += chunk;
  const { input } = JSON.parse(body);
  const { answer: output = input, takes_ms = 0, fails = 0, refuses = false, usage } = input ?? {};
  calls++;
  await sleep(takes_ms);
  if (refuses) return answer(400, { code: "not_my_kind", detail: "I do not do that" });
  const key = request.headers["idempotency-key"];
  const failed = failures.get(key) ?? 0;
  failures.set(key, failed + 1);
  if (failed < fails) return answer(503, { detail: "busy, try later" });
  answer(200, { output, usage });
}).listen(process.argv[2], "127.0.0.1");
