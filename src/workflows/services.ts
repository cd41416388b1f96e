/** What this room's routes and operations work with. */
import type { AgentDirectory } from "../agents/directory.ts";
import type { ChannelStore } from "./channel-store.ts";
import type { WorkflowRegistry } from "./registry.ts";

export interface WorkflowServices {
  readonly workflows: WorkflowRegistry;
  readonly channels: ChannelStore;
  /** Lint asks who there is. */
  readonly directory: AgentDirectory;
}
