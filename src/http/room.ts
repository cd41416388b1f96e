import type { Room } from "./room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";

export const httpRoom = {
  name: "http",
  limits: LIMITS,
  tags: { service: "The service itself" },
  rejections: REJECTIONS,
} as const satisfies Room;
