import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";

export const agentsRoom = {
  name: "agents",
  limits: LIMITS,
  tags: { agents: "Who does the steps: registering, choosing, taking work" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;
