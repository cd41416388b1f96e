import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";

export const gatesRoom = { name: "gates", limits: LIMITS } as const satisfies Room;
