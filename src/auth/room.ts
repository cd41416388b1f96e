import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { SCOPES } from "./scopes.ts";
import { keyRoutes } from "./routes.ts";

export const authRoom = {
  name: "auth",
  limits: LIMITS,
  tags: { keys: "API keys" },
  scopes: SCOPES,
  routes: keyRoutes,
} as const satisfies Room;
