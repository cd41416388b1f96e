/** Who makes a request, from its credentials; and whether that caller has made too many. */
import type { Context } from "hono";
import type { Principal } from "../shared/principal.ts";
import { rejection } from "../shared/errors.ts";
import { networkOf } from "./network.ts";
import { Refused } from "./problem.ts";
import type { Api, TokenAccess } from "./route.ts";

/** A browser cannot set headers on a WebSocket: it offers these two subprotocols instead. */
export const EVENTS_PROTOCOL = "orchestrator.events";
const BEARER_PROTOCOL = "bearer.";

export const NO_KEY = "The API key is unknown, expired or revoked";

export async function authenticate(c: Context<Api>): Promise<Principal> {
  const key = presentedKey(c);
  if (key === null) throw new Refused(rejection("unauthorized", "Send an API key: Authorization: Bearer <key>"));
  const { keys, mayRequest } = c.get("services");
  const known = keys.recognise(key, Date.now());
  const principal = known === "unknown" ? await lookUp(c, key) : known;
  if (principal === null) {
    if (known === null) await countGuess(c);
    throw new Refused(rejection("unauthorized", NO_KEY));
  }
  if (!(await mayRequest(`subject/${principal.tenant}/${principal.subject}`))) throw tooMany();
  c.set("key", key);
  return principal;
}

/** Nobody makes us ask the database as often as they like: a guess is counted before, and given back to whoever was right. */
async function lookUp(c: Context<Api>, key: string): Promise<Principal | null> {
  await countGuess(c);
  const { keys, guesses } = c.get("services");
  const principal = await keys.lookUp(key, Date.now());
  if (principal !== null) guesses.giveBack(addressOf(c));
  return principal;
}

/** Lets in whoever has a URL that we have signed. Only others are counted by where they come from. */
export async function admitToken(c: Context<Api>, { tenantOf, refusal }: TokenAccess): Promise<void> {
  const tenant = tenantOf(c);
  if (tenant === null) {
    await countGuess(c);
    throw new Refused(rejection("not_found", refusal));
  }
  if (!(await c.get("services").mayRequest(`tokens/${tenant}`))) throw tooMany();
}

async function countGuess(c: Context<Api>): Promise<void> {
  if (!(await c.get("services").guesses.take(addressOf(c)))) throw tooMany();
}

const addressOf = (c: Context): string => `address/${networkOf(c.req.header("cf-connecting-ip") ?? "local")}`;

function presentedKey(c: Context<Api>): string | null {
  const header = c.req.header("authorization");
  if (header !== undefined) return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? null;
  const protocols = c.req.header("sec-websocket-protocol")?.split(",") ?? [];
  const bearer = protocols.map((protocol) => protocol.trim()).find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  return bearer?.slice(BEARER_PROTOCOL.length) ?? null;
}

/** The limit's period in `wrangler.toml`. */
const PERIOD_MS = 10_000;

const tooMany = (): Refused => new Refused(rejection("rate_limited", "Too many requests; slow down", { retryAfterMs: PERIOD_MS }));
