import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";

export const estimatesRoom = { name: "estimates", limits: LIMITS } as const satisfies Room;
