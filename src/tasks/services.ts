/** What this room's routes and operations work with. */
import type { GateGateway } from "../gates/gateway.ts";
import type { Config } from "../shared/config.ts";
import type { WebhookServices } from "../webhooks/services.ts";
import type { WorkflowServices } from "../workflows/services.ts";
import type { TaskGateway } from "./gateway.ts";
import type { ApprovalRows } from "./history/approval-rows.ts";
import type { ArchiveStore } from "./history/archive-store.ts";
import type { TaskRows } from "./history/task-rows.ts";

export interface TaskServices extends WorkflowServices, WebhookServices {
  readonly config: Config;
  readonly tasks: TaskGateway;
  readonly history: TaskRows;
  readonly approvals: ApprovalRows;
  readonly archive: ArchiveStore;
  readonly gates: GateGateway;
}
