import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";
import { SCOPES } from "./scopes.ts";

export const authRoom = { name: "auth", limits: LIMITS, scopes: SCOPES } as const satisfies Room;
