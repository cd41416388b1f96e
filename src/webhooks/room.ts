import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { taskEndedCall } from "./routes/webhook-schemas.ts";
import { webhookRoutes } from "./routes/webhooks.ts";

export const webhooksRoom = {
  name: "webhooks",
  limits: LIMITS,
  tags: { webhooks: "Endpoints that are told when tasks end" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes: webhookRoutes,
  sends: [taskEndedCall],
} as const satisfies Room;
