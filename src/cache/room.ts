import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";

export const cacheRoom = { name: "cache", limits: LIMITS } as const satisfies Room;
