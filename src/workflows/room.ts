import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";
import type { AgentDirectory } from "../agents/directory.ts";
import { ChannelStore } from "./channel-store.ts";
import { WorkflowCopies } from "./copies.ts";
import { registeredWorkflows } from "./registered-workflows.ts";
import { WorkflowRegistry } from "./registry.ts";
import type { WorkflowServices } from "./services.ts";

export const workflowsRoom = {
  name: "workflows",
  limits: LIMITS,
  tags: { workflows: "Registered definitions, their versions and channels", templates: "What can be submitted by type" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;

export function openWorkflows({ db }: Base, directory: AgentDirectory) {
  const workflows = new WorkflowRegistry(db);
  const services: WorkflowServices = { workflows, channels: new ChannelStore(db), directory };
  return { services, registered: registeredWorkflows(new WorkflowCopies(db, workflows)) };
}
