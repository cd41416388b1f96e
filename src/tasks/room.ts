import type { Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";

export const tasksRoom = {
  name: "tasks",
  limits: LIMITS,
  tags: {
    tasks: "Submitting, reading and steering tasks",
    callbacks: "How agents report what they were asked for",
    approvals: "What people are asked, and what they say",
    "approval-links": "One approval, for somebody without a key",
  },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;
