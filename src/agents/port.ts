/** What a task's object asks of the agents. */
import type { AttemptAddress } from "./callback-token.ts";
import type { DispatchMessage } from "./dispatch-queue.ts";
import type { AgentCall, Outcome } from "./protocol.ts";
import type { DirectorySnapshot } from "./selection.ts";

export interface DirectoryPort {
  /** What this isolate knows of a tenant's agents, if it is fresh enough to decide on. */
  readonly known: (tenant: string, now: number) => DirectorySnapshot | null;
  /** A fresh enough snapshot, from wherever it is quickest. */
  readonly load: (tenant: string, now: number) => Promise<DirectorySnapshot>;
  /** The present truth. */
  readonly refresh: (tenant: string, now: number) => Promise<DirectorySnapshot>;
  /** What is known of the agents turned out wrong. */
  readonly forget: (tenant: string) => void;
}

export interface AgentsPort {
  /** Calls an agent and reads its reply. Never throws. */
  readonly call: (call: AgentCall, controller: AbortController) => Promise<Outcome>;
  /** Tells an agent, if it wants to know, that an attempt's reply is not wanted any more. Never throws. */
  readonly tellCanceled: (call: AgentCall, reason: string) => Promise<void>;
  readonly callbackUrl: (origin: string, attempt: AttemptAddress) => string;
  /** Sends attempts to the queue. */
  readonly enqueue: (messages: readonly DispatchMessage[]) => Promise<void>;
}
