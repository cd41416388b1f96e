/** What the object asks of the rest of the service. Fakes in tests stand here and nowhere else. */
import type { By } from "../shared/actor.ts";
import type { AgentsPort, DirectoryPort } from "../agents/port.ts";
import type { CacheGateway } from "../cache/gateway.ts";
import type { GateContract, GateName } from "../gates/gate-contract.ts";
import type { RelaysPort } from "../relays/task-relays.ts";
import type { HistoryPort } from "./history/port.ts";
import type { EndStatus } from "../engine/facts/event.ts";
import type { ChildOutcome } from "./messages.ts";
import type { ForkOrigin } from "./submission/fork-origin.ts";
import type { Submission } from "./submission/submission.ts";

export interface TaskPorts {
  readonly settings: TaskSettings;
  readonly directory: DirectoryPort;
  readonly agents: AgentsPort;
  readonly relays: RelaysPort;
  readonly history: HistoryPort;
  readonly tasks: TasksPort;
  readonly cache: Pick<CacheGateway, "ask" | "fill" | "free" | "invalidate">;
  readonly gates: GatesPort;
  readonly webhooks: {
    /** Answers once whoever wants to know of a task's end is certain to be told. Throws otherwise, to be asked again. */
    readonly notify: (tenant: string, ended: EndedTask) => Promise<void>;
  };
}

/** What the secret of a webhook that came with a task is bound to. */
export const webhookSecretPlace = (tenant: string, task: string): string => `webhook/${tenant}/${task}`;

/** A task that has ended, as those who are told of it need it. */
export interface EndedTask {
  readonly id: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly status: EndStatus;
  /** JSON; `null` where there is none, or where it is too large to be sent. */
  readonly outputText: string | null;
  readonly outputBytes: number;
  readonly error: { readonly code: string; readonly message: string; readonly step_id?: string } | null;
  readonly tags: readonly string[];
  readonly parent?: { readonly task: string; readonly step: string };
  /** The task whose end started it. */
  readonly chainedFrom?: string;
  readonly createdAt: number;
  /** Tells those apart that were submitted one after the other under one key; absent where they were not, before. */
  readonly life?: number;
  readonly finishedAt: number;
  /** Who came with the task; the secret is sealed. */
  readonly webhook?: { readonly url: string; readonly secret?: string };
}

/** What limits how many tasks run at once: asked twice where it is in trouble, and throws then. */
export interface GatesPort {
  readonly ask: <T>(name: GateName, question: (gate: GateContract) => Promise<T>) => Promise<T>;
}

/** Other tasks: those that this one starts, and the one that started it. */
export interface TasksPort {
  /** Starts a task unless it is there already; what it came to, if it has ended. `isPaused`: as for `follow`. */
  readonly start: (submission: Submission, isPaused: boolean) => Promise<ChildOutcome | null>;
  /** What a task that goes on where this one failed shares with it; `null` where it is not kept, or too much. */
  readonly past: (tenant: string, task: string) => Promise<Pick<ForkOrigin, "past" | "seq"> | null>;
  readonly cancel: (tenant: string, task: string, reason: string, by: By) => Promise<void>;
  /** Tells a child whether its parent is paused: it pauses and goes on with it. */
  readonly follow: (tenant: string, task: string, isPaused: boolean) => Promise<void>;
  /** Tells the parent that one of its children has ended. */
  readonly ended: (tenant: string, parent: string, task: string, outcome: ChildOutcome) => Promise<void>;
}

export interface TaskSettings {
  /** How many agents the object awaits at once. */
  readonly inlineCalls: number;
  /** A call that is expected to take longer goes by queue, not by relay. */
  readonly relayMostMs: number;
  readonly taskRetentionMs: number;
}
