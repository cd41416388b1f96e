import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { estimateRoutes } from "./routes/estimates.ts";

export const estimatesRoom = { name: "estimates", limits: LIMITS, routes: estimateRoutes } as const satisfies Room;
