import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";

export const bulkRoom = { name: "bulk", limits: LIMITS } as const satisfies Room;
