/** The rooms, each after what it stands on, and the application that their routes make. */
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
import type { Services } from "./composition.ts";
import { BASE_PATH, createApp, type Start } from "./http/app.ts";
import { serveDocument } from "./http/openapi.ts";
import type { Room } from "./http/room-manifest.ts";

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

/** One chain of all routes, so that a client's types follow from it. */
export function createApi(start: Start<Services>) {
  const app = createApp(start)
    .route(BASE_PATH, tasksRoom.routes)
    // Before /workflows/{name}, of which "estimate" would be one.
    .route(BASE_PATH, estimatesRoom.routes)
    .route(BASE_PATH, workflowsRoom.routes)
    .route(BASE_PATH, agentsRoom.routes)
    .route(BASE_PATH, webhooksRoom.routes)
    .route(BASE_PATH, schedulesRoom.routes)
    .route(BASE_PATH, cacheRoom.routes)
    .route(BASE_PATH, authRoom.routes);
  serveDocument(app, ROOMS);
  return app;
}
