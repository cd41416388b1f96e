import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";

export const workflowsRoom = { name: "workflows", limits: LIMITS, rejections: REJECTIONS, scopes: SCOPES, routes } as const satisfies Room;
