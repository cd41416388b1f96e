import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";

export const schedulesRoom = { name: "schedules", limits: LIMITS, rejections: REJECTIONS, scopes: SCOPES } as const satisfies Room;
