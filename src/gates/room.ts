import type { Room } from "../shared/room.ts";
import { LIMITS } from "./limits.ts";

export const gatesRoom = { name: "gates", limits: LIMITS } as const satisfies Room;
