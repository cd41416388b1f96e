import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { cacheRoutes } from "./routes.ts";

export const cacheRoom = {
  name: "cache",
  limits: LIMITS,
  tags: { cache: "Results that are kept" },
  routes: cacheRoutes,
} as const satisfies Room;
