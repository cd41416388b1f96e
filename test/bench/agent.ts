/**
 * The agents of the bench, in a process of their own. `?as=` says which of them is asked, the rest how it behaves: `ms` until
 * its answer, `slow_ms` for the share `slow_share` of its answers, `status`, `bytes` of text that it answers. It counts what it is asked; `/seen?as=` tells.
 */
import { createServer } from "node:http";
import { unitFromText } from "../../src/shared/random.ts";

/** What an agent has been asked so far. The one without a name remembers nothing but how often. */
export interface Seen {
  calls: number;
  /** The most calls under way at once. */
  most: number;
  /** Of each call: the idempotency key, and when it came. */
  readonly keys: string[];
  readonly times: number[];
}

const seenByAgent = new Map<string, Seen & { underWay: number }>();

function seenBy(agent: string) {
  let seen = seenByAgent.get(agent);
  if (seen === undefined) seenByAgent.set(agent, (seen = { calls: 0, most: 0, keys: [], times: [], underWay: 0 }));
  return seen;
}

/** Which answers are slow follows from the key and the agent: two agents are slow at different steps, and always at the same. */
function msFor(agent: string, key: string, asked: URLSearchParams): number {
  const share = Number(asked.get("slow_share") ?? 0);
  const isSlow = share > 0 && unitFromText(`${agent}/${key}`) < share;
  return Number(asked.get(isSlow ? "slow_ms" : "ms") ?? 0);
}

const server = createServer((request, response) => {
  const { pathname, searchParams: asked } = new URL(request.url ?? "/", "http://agent");
  const agent = asked.get("as") ?? "";
  const seen = seenBy(agent);
  response.setHeader("content-type", "application/json");
  request.resume();
  if (pathname === "/seen") {
    response.end(JSON.stringify(seen));
    return;
  }
  const key = String(request.headers["idempotency-key"] ?? "");
  seen.calls++;
  let isUnderWay = agent !== "";
  if (isUnderWay) {
    seen.keys.push(key);
    seen.times.push(Date.now());
    seen.most = Math.max(seen.most, ++seen.underWay);
  }
  const over = (): void => {
    if (isUnderWay) seen.underWay--;
    isUnderWay = false;
  };
  response.on("close", over);
  request.on("end", () => {
    const bytes = Number(asked.get("bytes") ?? 0);
    const answer = (): void => {
      over(); // before whoever reads the answer can call again
      response.statusCode = Number(asked.get("status") ?? 200);
      response.end(JSON.stringify({ output: { ok: true, ...(bytes > 0 && { text: "x".repeat(bytes) }) } }));
    };
    const ms = msFor(agent, key, asked);
    if (ms > 0) setTimeout(answer, ms);
    else answer();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => process.send?.("listening"));
