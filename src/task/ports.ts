/** What the object asks of the rest of the service. Fakes in tests stand here and nowhere else. */
import type { AgentsPort, DirectoryPort } from "../agents/port.ts";
import type { HistoryPort } from "../history/port.ts";

export interface TaskPorts {
  readonly settings: TaskSettings;
  readonly directory: DirectoryPort;
  readonly agents: AgentsPort;
  readonly history: HistoryPort;
}

export interface TaskSettings {
  /** How many agents the object awaits at once. */
  readonly inlineCalls: number;
  readonly taskRetentionMs: number;
}
