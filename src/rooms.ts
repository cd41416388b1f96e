/** The rooms, each after what it stands on. */
import { languageRoom } from "./language/room.ts";
import { engineRoom } from "./engine/room.ts";
import { httpRoom } from "./http/room.ts";
import { authRoom } from "./auth/room.ts";
import { agentsRoom } from "./agents/room.ts";
import { gatesRoom } from "./gates/room.ts";
import { cacheRoom } from "./cache/room.ts";
import { workflowsRoom } from "./workflows/room.ts";
import { webhooksRoom } from "./webhooks/room.ts";
import { tasksRoom } from "./tasks/room.ts";
import { bulkRoom } from "./bulk/room.ts";
import { schedulesRoom } from "./schedules/room.ts";
import { estimatesRoom } from "./estimates/room.ts";
import type { Room } from "./shared/room.ts";

export const ROOMS: readonly Room[] = [
  languageRoom,
  engineRoom,
  httpRoom,
  authRoom,
  agentsRoom,
  gatesRoom,
  cacheRoom,
  workflowsRoom,
  webhooksRoom,
  tasksRoom,
  bulkRoom,
  schedulesRoom,
  estimatesRoom,
];
