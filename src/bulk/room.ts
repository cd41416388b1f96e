import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";

export const bulkRoom = { name: "bulk", limits: LIMITS } as const satisfies Room;
