/** What the object of an agent answers to: plain data in, promises of plain data out. */
import type { AttemptOutcome } from "../../shared/outcome.ts";
import type { AgentState } from "../agent-state.ts";
import type { AttemptName, StartAnswer } from "./admission.ts";
import type { PulledCall } from "../transports/protocol.ts";

/** Which agent; objects are named `{tenant}/{agent}`. */
export interface AgentName {
  readonly tenant: string;
  readonly agent: string;
}

export interface SlotRequest extends AttemptName {
  /** 0 to 9, the larger the sooner. */
  readonly priority: number;
  readonly capability: string | null;
}

export type SlotAnswer =
  | { readonly type: "granted"; readonly grant: number }
  | { readonly type: "waiting" }
  | { readonly type: "declined"; readonly reason: string; readonly retryAt: number };

export interface Release extends AttemptName {
  readonly capability: string | null;
  /** `null` where nobody worked on it. */
  readonly outcome: AttemptOutcome | null;
  /** Only the slot of this grant, where it may have been granted again meanwhile. */
  readonly grant?: number;
}

export interface LingeringSlot extends AttemptName {
  readonly until: number;
}

/** Of random characters with five bits each. */
export const CLAIM_ID_LENGTH = 16;

export interface AgentContract {
  /** Asks for slots. Asking again changes nothing; whoever waits is told through the holder when its turn comes. */
  ask(name: AgentName, requests: readonly SlotRequest[]): Promise<readonly SlotAnswer[]>;
  /** When a call of an attempt that was let in may leave; `isLeaving`: it does then, and counts in the agent's rate. */
  start(name: AgentName, attempt: AttemptName, isLeaving: boolean): Promise<StartAnswer>;
  /** Gives slots back, or leaves the line. */
  release(name: AgentName, releases: readonly Release[]): Promise<void>;
  /** Slots of canceled attempts that somebody may be working on: free at that time at the latest. */
  linger(name: AgentName, slots: readonly LingeringSlot[]): Promise<void>;
  /** Outcomes of calls that needed no slot, by capability. */
  learn(name: AgentName, outcomes: readonly { readonly capability: string; readonly outcome: AttemptOutcome }[]): Promise<void>;
  /**
   * A worker takes up to `most` attempts. `null`: there is no such agent that pulls. Asked again with the same `claim`, an id,
   * it gives what it gave before.
   */
  claim(name: AgentName, most: number, claim?: string): Promise<readonly PulledCall[] | null>;
  /** Attempts that a claim gave, and whose worker was gone: they are wanted still. */
  undelivered(name: AgentName, attempts: readonly AttemptName[]): Promise<void>;
  /** Places in line, `null` for who is not in it. */
  positions(names: readonly AttemptName[]): Promise<readonly (number | null)[]>;
  heartbeat(name: AgentName): Promise<AgentState>;
  state(name: AgentName): Promise<AgentState>;
  /** The agent has registered, for the first time or again, or somebody changed its registration. */
  registered(name: AgentName, how: "new" | "again" | "changed"): Promise<void>;
  /** The agent was deleted. */
  removed(name: AgentName): Promise<void>;
  /** A worker that waits for work opens a WebSocket and is sent `work` when there is some. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}
