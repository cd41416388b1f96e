import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { SCOPES } from "./scopes.ts";
import { keyRoutes } from "./routes.ts";
import { ApiKeys } from "./keys.ts";
import { registeredKeys } from "./registered-keys.ts";
import { requestCredit } from "./request-credit.ts";

export const authRoom = {
  name: "auth",
  limits: LIMITS,
  tags: { keys: "API keys" },
  scopes: SCOPES,
  routes: keyRoutes,
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly REQUESTS: RateLimit;
    }
  }
}

export function openAuth({ env, config, db }: Base) {
  const permit = async (caller: string): Promise<boolean> => (await env.REQUESTS.limit({ key: caller })).success;
  const keys = new ApiKeys(db, config.rootApiKey);
  return {
    registered: [registeredKeys({ keys })],
    services: {
      keys,
      mayRequest: requestCredit(permit, LIMITS.requestsPerPermit).take,
      guesses: requestCredit(permit, LIMITS.guessesPerPermit),
    },
  };
}
