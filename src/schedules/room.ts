import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { scheduleRoutes } from "./routes/schedules.ts";

export const schedulesRoom = {
  name: "schedules",
  limits: LIMITS,
  tags: { schedules: "Tasks that are submitted at their times" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes: scheduleRoutes,
} as const satisfies Room;
