/**
 * Finds out whether a deployment's relays have connections of their own: `npm run smoke -- URL --agent URL`. Twelve calls of a
 * slow agent go by two relays. If they take about as long as one, they went at once; if they take twice as long, the platform
 * counts the relays' connections with those of the task, and `RELAY_CALLS_IN` should be `alarm`. The agent is any HTTP agent
 * that takes a second or more for each call, however many there are; for a service on this machine there is one here. The
 * key is ROOT_API_KEY, or that of `.dev.vars`. Exit code 1 if the calls did not go at once, or did not complete.
 */
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ensureSettings } from "./settings.ts";

const CALLS = 12;
const AGENT_MS = 2_000;
/** Two turns would take twice as long; the rest is what networks and starts take. */
const AT_ONCE = 1.5;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { agent: { type: "string" } } });
const [url = "http://127.0.0.1:8787"] = positionals;
const key = process.env["ROOT_API_KEY"] ?? ensureSettings(join(import.meta.dirname, "..", ".dev.vars"))["ROOT_API_KEY"] ?? "";
const agent = `smoke-${randomUUID().slice(0, 8)}`;
const ENDED = z.object({ id: z.string(), status: z.string() });

const server = createServer((request, response) => {
  request.resume();
  setTimeout(() => response.setHeader("content-type", "application/json").end('{"output":null}'), AGENT_MS);
});
try {
  const agentUrl = values.agent ?? (await localAgent());
  await ask("PUT", `/agents/${agent}`, { url: agentUrl, capabilities: [agent], dispatch: "relay", limits: { max_concurrency: CALLS } });
  // The relays, and the agent, are there by then.
  await secondsOf(CALLS);
  const one = await secondsOf(1);
  const all = await secondsOf(CALLS);
  const wentAtOnce = all < AT_ONCE * one;
  console.log(JSON.stringify({ calls: CALLS, seconds_of_one: round(one), seconds_of_all: round(all), went_at_once: wentAtOnce }));
  console.log(
    wentAtOnce
      ? "Relays have connections of their own: RELAY_CALLS_IN is right as it is."
      : "The calls of two relays went one after the other: set RELAY_CALLS_IN to alarm, and ask again.",
  );
  process.exitCode = wentAtOnce ? 0 : 1;
} finally {
  await ask("DELETE", `/agents/${agent}`).catch(() => undefined);
  server.closeAllConnections();
  server.close();
}

async function localAgent(): Promise<string> {
  if (!/^http:\/\/(127\.0\.0\.1|localhost)\b/.test(url)) throw new Error("Expected --agent: where the deployment reaches a slow agent");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
}

/** Of a task that calls the agent so many times at once. */
async function secondsOf(calls: number): Promise<number> {
  const steps = Array.from({ length: calls }, (_, index) => ({ id: `s${index}`, capability: agent, retry: { max_attempts: 1 } }));
  const startedAt = performance.now();
  const { id, status } = ENDED.parse(await ask("POST", "/tasks?wait=60s", { workflow: { steps } }));
  if (status !== "completed") throw new Error(`Task ${id} is ${status}`);
  return (performance.now() - startedAt) / 1_000;
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${url.replace(/\/$/, "")}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(90_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
