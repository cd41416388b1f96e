/** All routes of this room. */
import { createRouter } from "../../http/route.ts";
import type { WorkflowServices } from "../services.ts";
import { workflowRoutes } from "./workflows.ts";
import { channelRoutes } from "./channels.ts";
import { templateRoutes } from "./templates.ts";
import { definitionComponents } from "./definition-schema.ts";

export const routes = createRouter<WorkflowServices>().route("/", workflowRoutes).route("/", channelRoutes).route("/", templateRoutes);

for (const [name, schema] of Object.entries(definitionComponents())) routes.openAPIRegistry.registerComponent("schemas", name, schema);
