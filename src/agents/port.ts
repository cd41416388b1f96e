/** What a task's object asks of the agents, and what an agent's object asks of the tasks. */
import type { Failure } from "../engine/facts/failure.ts";
import type { AwakeTimer } from "../shared/awake-timer.ts";
import type { Json } from "../shared/json.ts";
import type { ReadingRoom } from "../shared/read-text.ts";
import type { AgentCall, CallAddress, CarriedCall, Outcome } from "./transports/protocol.ts";
import type { AttemptName, StartAnswer } from "./object/admission.ts";
import type { AgentContract } from "./object/agent-contract.ts";
import type { AgentState } from "./agent-state.ts";
import type { AgentRecord } from "./agent.ts";
import type { AttemptAddress } from "./transports/callback-token.ts";
import type { DispatchMessage } from "./transports/dispatch-queue.ts";
import type { OutcomeBuffer } from "./transports/outcome-buffer.ts";
import type { DirectorySnapshot } from "./selection/selection.ts";

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

/** Whether an agent has heard; `refused`: it has, and will not hear more. */
export type CancelHearing = "heard" | "refused" | "unheard";

export interface AgentsPort {
  /**
   * Calls an agent and reads its reply, into `room` where others are read beside it. Never throws. `timer`: of whoever calls,
   * for the time limits of all its calls.
   */
  readonly call: (call: AgentCall, controller: AbortController, timer: AwakeTimer, room?: ReadingRoom) => Promise<Outcome>;
  /** Tells an agent, if it wants to know, that an attempt's reply is not wanted any more. Never throws. */
  readonly tellCanceled: (call: CallAddress, reason: string, signal: AbortSignal) => Promise<CancelHearing>;
  readonly callbackUrl: (origin: string, attempt: AttemptAddress) => string;
  /** Sends attempts to the queue. */
  readonly enqueue: (messages: readonly DispatchMessage[]) => Promise<void>;
  /** When a call may leave; its object is asked only for an agent with a rate. */
  readonly start: (tenant: string, agent: AgentRecord, attempt: AttemptName, isLeaving: boolean) => Promise<StartAnswer>;
  /** The object of an agent. Built-in ones have none. */
  readonly object: (tenant: string, agent: string) => AgentContract;
  readonly isBuiltin: (agent: string) => boolean;
  /** How an output breaks what its agent declared of it, or `null`. */
  readonly violation: (agent: AgentRecord, capability: string | null, output: Json) => Failure | null;
  /** Outcomes on their way to the objects of agents. */
  readonly outcomes: OutcomeBuffer;
}

export type Holding = "held" | "wanted" | "gone";

/** Those who hold an agent's slots: tasks. */
export interface HoldersPort {
  /** Gives slots to attempts in line, or asks whether they are still held: `false` for those nobody wants. */
  readonly grant: (tenant: string, task: string, attempts: readonly AttemptName[]) => Promise<readonly boolean[]>;
  /**
   * Asks about attempts that workers were to take along: `held` by one, `wanted` by nobody yet but the task, or `gone`.
   */
  readonly verify: (tenant: string, task: string, attempts: readonly AttemptName[]) => Promise<readonly Holding[]>;
  /**
   * Hands an attempt to a worker of the agent: the call, or `null` when nobody wants it any more. `isAgain`: it was to be
   * handed to this one before, who has not got it.
   */
  readonly hand: (tenant: string, attempt: AttemptName, isAgain: boolean) => Promise<CarriedCall | null>;
  /** Workers that were to have attempts had hung up: they are wanted still. */
  readonly takeBack: (tenant: string, task: string, attempts: readonly AttemptName[]) => Promise<void>;
  readonly decline: (tenant: string, task: string, attempts: readonly AttemptName[], reason: string, retryAt: number) => Promise<void>;
}

export interface AgentPorts {
  readonly holders: HoldersPort;
  /** The registration, at most `directoryAgeMs` old, or as it is now; `null` only when D1 says that there is none. Throws. */
  readonly record: (tenant: string, agent: string, isFresh: boolean) => Promise<AgentRecord | null>;
  readonly publish: (tenant: string, agent: string, state: AgentState) => Promise<void>;
  /** Wakes tasks that wait for what the agent offers. */
  readonly poke: (tenant: string, agent: AgentRecord) => Promise<void>;
  /** Asks a health URL: what is wrong, or `null`. Never throws. */
  readonly probe: (url: string) => Promise<string | null>;
}
