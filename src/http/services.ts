/** What the routes work with. Built once per isolate; the composition root says of what. */
import type { AgentContract } from "../agents/object/agent-contract.ts";
import type { AgentRecord } from "../agents/agent.ts";
import type { AgentDirectory } from "../agents/directory.ts";
import type { AgentRegistry } from "../agents/registry/registry.ts";
import type { ApiKeys } from "../auth/keys.ts";
import type { CacheGateway } from "../cache/gateway.ts";
import type { GateGateway } from "../gates/gateway.ts";
import type { ApprovalRows } from "../tasks/history/approval-rows.ts";
import type { ArchiveStore } from "../tasks/history/archive-store.ts";
import type { TaskRows } from "../tasks/history/task-rows.ts";
import type { ScheduleGateway } from "../schedules/gateway.ts";
import type { ScheduleList } from "../schedules/schedule-list.ts";
import type { Config } from "../shared/config.ts";
import type { TaskGateway } from "../tasks/gateway.ts";
import type { WebhookGateway } from "../webhooks/gateway.ts";
import type { Notifier } from "../webhooks/notifier.ts";
import type { WebhookRegistry } from "../webhooks/registry.ts";
import type { ChannelStore } from "../workflows/channel-store.ts";
import type { WorkflowRegistry } from "../workflows/registry.ts";

export interface Services {
  readonly config: Config;
  readonly tasks: TaskGateway;
  readonly history: TaskRows;
  readonly approvals: ApprovalRows;
  readonly archive: ArchiveStore;
  readonly workflows: WorkflowRegistry;
  readonly channels: ChannelStore;
  readonly agents: AgentRegistry;
  readonly directory: AgentDirectory;
  readonly agentObject: (tenant: string, agent: string) => AgentContract;
  /** Wakes tasks that wait for what an agent offers. They would look again by themselves, but later. Never throws. */
  readonly pokeWaiting: (tenant: string, agent: AgentRecord) => Promise<void>;
  readonly webhooks: Notifier;
  readonly webhookRegistry: WebhookRegistry;
  readonly webhookObjects: WebhookGateway;
  readonly schedules: ScheduleGateway;
  readonly scheduleList: ScheduleList;
  readonly cache: CacheGateway;
  readonly gates: GateGateway;
  readonly keys: ApiKeys;
  /** Whether a caller may make another request now. */
  readonly mayRequest: (caller: string) => Promise<boolean>;
  /** Every dependency by name, each checked by using it. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
}
