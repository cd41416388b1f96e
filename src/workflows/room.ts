import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";

export const workflowsRoom = {
  name: "workflows",
  limits: LIMITS,
  tags: { workflows: "Registered definitions, their versions and channels", templates: "What can be submitted by type" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;
