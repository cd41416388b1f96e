/** Who makes a request, from its credentials; and whether that caller has made too many. */
import type { Context } from "hono";
import type { Principal } from "../shared/principal.ts";
import { rejection } from "../shared/errors.ts";
import { Refused } from "./problem.ts";
import type { Api } from "./route.ts";

/** A browser cannot set headers on a WebSocket: it offers these two subprotocols instead. */
export const EVENTS_PROTOCOL = "orchestrator.events";
const BEARER_PROTOCOL = "bearer.";

export async function authenticate(c: Context<Api>): Promise<Principal> {
  const key = presentedKey(c);
  if (key === null) throw new Refused(rejection("unauthorized", "Send an API key: Authorization: Bearer <key>"));
  const { keys, mayRequest } = c.get("services");
  const principal = await keys.authenticate(key, Date.now());
  if (principal === null) {
    // Guessing is limited by where it comes from.
    await limit(mayRequest, `address/${c.req.header("cf-connecting-ip") ?? "local"}`);
    throw new Refused(rejection("unauthorized", "The API key is unknown, expired or revoked"));
  }
  await limit(mayRequest, `subject/${principal.tenant}/${principal.subject}`);
  return principal;
}

function presentedKey(c: Context<Api>): string | null {
  const header = c.req.header("authorization");
  if (header !== undefined) return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? null;
  const protocols = c.req.header("sec-websocket-protocol")?.split(",") ?? [];
  const bearer = protocols.map((protocol) => protocol.trim()).find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  return bearer?.slice(BEARER_PROTOCOL.length) ?? null;
}

/** The limit's period in `wrangler.toml`. */
const PERIOD_MS = 10_000;

async function limit(mayRequest: (caller: string) => Promise<boolean>, caller: string): Promise<void> {
  if (await mayRequest(caller)) return;
  throw new Refused(rejection("rate_limited", "Too many requests; slow down", { retryAfterMs: PERIOD_MS }));
}
