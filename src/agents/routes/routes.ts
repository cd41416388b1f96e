/** All routes of this room. */
import { createRouter } from "../../http/route.ts";
import type { AgentServices } from "../services.ts";
import { agentWorkRoutes } from "./agent-work.ts";
import { agentRoutes } from "./agents.ts";

export const routes = createRouter<AgentServices>()
  // Before /agents/{id}, of which "select" would be one.
  .route("/", agentWorkRoutes)
  .route("/", agentRoutes);
