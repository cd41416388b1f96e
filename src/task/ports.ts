/** What the object asks of the rest of the service. Fakes in tests stand here and nowhere else. */
import type { AgentsPort, DirectoryPort } from "../agents/port.ts";
import type { HistoryPort } from "../history/port.ts";
import type { ChildOutcome } from "./contract.ts";
import type { Submission } from "./submission.ts";

export interface TaskPorts {
  readonly settings: TaskSettings;
  readonly directory: DirectoryPort;
  readonly agents: AgentsPort;
  readonly history: HistoryPort;
  readonly tasks: TasksPort;
}

/** Other tasks: those that this one starts, and the one that started it. */
export interface TasksPort {
  /** Starts a task unless it is there already; what it came to, if it has ended. */
  readonly start: (submission: Submission) => Promise<ChildOutcome | null>;
  readonly cancel: (tenant: string, task: string, reason: string) => Promise<void>;
  readonly pause: (tenant: string, task: string) => Promise<void>;
  readonly resume: (tenant: string, task: string) => Promise<void>;
  /** Tells the parent that one of its children has ended. */
  readonly ended: (tenant: string, parent: string, task: string, outcome: ChildOutcome) => Promise<void>;
}

export interface TaskSettings {
  /** How many agents the object awaits at once. */
  readonly inlineCalls: number;
  readonly taskRetentionMs: number;
}
