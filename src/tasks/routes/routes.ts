/** All routes of this room. */
import { createRouter } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";
import { submissionRoutes } from "./submissions.ts";
import { taskRoutes } from "./tasks.ts";
import { importRoutes } from "./imports.ts";
import { relistingRoutes } from "./relisting.ts";
import { forkRoutes } from "./forks.ts";
import { recorderRoutes } from "./recorder.ts";
import { eventRoutes } from "./events.ts";
import { signalRoutes } from "./signals.ts";
import { callbackRoutes } from "./callbacks.ts";
import { approvalRoutes } from "./approvals.ts";
import { approvalLinkRoutes } from "./approval-links.ts";

export const routes = createRouter<TaskServices>()
  .route("/", submissionRoutes)
  .route("/", taskRoutes)
  .route("/", importRoutes)
  .route("/", relistingRoutes)
  .route("/", forkRoutes)
  .route("/", recorderRoutes)
  .route("/", eventRoutes)
  .route("/", signalRoutes)
  .route("/", callbackRoutes)
  .route("/", approvalRoutes)
  .route("/", approvalLinkRoutes);
