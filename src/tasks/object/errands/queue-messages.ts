/** Attempts that go out by the queue. One that nobody has claimed is sent again, after pauses that grow. */
import type { DispatchMessage } from "../../../agents/transports/dispatch-queue.ts";
import type { AgentsPort } from "../../../agents/port.ts";
import type { Attempt } from "../../../engine/state/step-state.ts";
import { aside } from "../../../objects/errands.ts";
import { backoffMs } from "../../../shared/backoff.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { AttemptOf } from "../../messages.ts";
import { attemptAt, keyOf, unclaimed } from "../attempt-lookup.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfMessage = CommandOf<"dispatch" | "abandon" | "settled">;

export class QueueMessages implements TaskErrand<OfMessage> {
  readonly #agents: AgentsPort;
  /** When and how often this instance sent what nobody has claimed. */
  readonly #sent = new Map<string, { readonly at: number; readonly sends: number }>();

  constructor(agents: AgentsPort) {
    this.#agents = agents;
  }

  run(loaded: Loaded, commands: readonly OfMessage[]): void {
    const messages: DispatchMessage[] = [];
    for (const command of commands) {
      if (command.type !== "dispatch") this.#sent.delete(keyOf(command));
      else {
        const attempt = attemptAt(loaded, command);
        if (attempt?.way === "queue") messages.push(this.#message(loaded, command, attempt, 1, Date.now()));
      }
    }
    this.#send(messages);
  }

  again(loaded: Loaded, now: number): void {
    const messages: DispatchMessage[] = [];
    for (const { at, attempt } of unclaimed(loaded)) {
      if (attempt.way !== "queue") continue;
      const { at: sentAt, sends } = this.#sent.get(keyOf(at)) ?? { at: attempt.startedAt, sends: 1 };
      const pauseMs = backoffMs({ firstMs: LIMITS.unclaimedMs, mostMs: LIMITS.resendMaxMs }, sends);
      if (now - sentAt >= pauseMs) messages.push(this.#message(loaded, at, attempt, sends + 1, now));
    }
    this.#send(messages);
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.unclaimed > 0 ? now + LIMITS.unclaimedMs : null;
  }

  /** The call may leave only in so long: not before then is the attempt worth sending again. */
  postpone(at: AttemptOf, inMs: number): void {
    this.#sent.set(keyOf(at), { at: Date.now() + inMs, sends: this.#sent.get(keyOf(at))?.sends ?? 1 });
  }

  #message(loaded: Loaded, { step, attempt: number }: AttemptOf, attempt: Attempt, sends: number, now: number): DispatchMessage {
    const { tenant, task } = loaded.state.created;
    this.#sent.set(keyOf({ step, attempt: number }), { at: now, sends });
    return { v: 1, tenant, task, step, attempt: number, send: attempt.losses * 100 + Math.min(sends, 99) };
  }

  #send(messages: readonly DispatchMessage[]): void {
    for (let from = 0; from < messages.length; from += 100) {
      void aside("dispatch not sent, the alarm will", this.#agents.enqueue(messages.slice(from, from + 100)));
    }
  }
}
