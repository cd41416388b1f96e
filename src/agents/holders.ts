/** What an agent's object tells the tasks that hold its slots or wait in its line, each task once for all its attempts. */
import { log, messageOf } from "../shared/log.ts";
import type { AttemptName } from "./admission.ts";
import type { AgentName } from "./agent-contract.ts";
import type { HoldersPort } from "./port.ts";
import type { AgentCall } from "./protocol.ts";

export class Holders {
  readonly #ctx: DurableObjectState;
  readonly #port: HoldersPort;
  readonly #unheld: (name: AgentName, attempts: readonly AttemptName[]) => Promise<void>;

  /** `unheld` is told of slots that nobody wants any more. */
  constructor(ctx: DurableObjectState, port: HoldersPort, unheld: (name: AgentName, attempts: readonly AttemptName[]) => Promise<void>) {
    this.#ctx = ctx;
    this.#port = port;
    this.#unheld = unheld;
  }

  /** Tells tasks of their slots, new ones or those they have had for a while. What does not arrive, the alarm repeats. */
  grant(name: AgentName, slots: readonly AttemptName[]): void {
    for (const [task, attempts] of byTask(slots)) {
      this.#aside("slot not delivered yet", task, async () => {
        const held = await this.#port.grant(name.tenant, task, attempts);
        const unheld = attempts.filter((_, index) => held[index] !== true);
        if (unheld.length > 0) await this.#unheld(name, unheld);
      });
    }
  }

  /** Sends attempts out of the line. What does not arrive, the task finds out when it asks again. */
  decline(name: AgentName, waiters: readonly AttemptName[], reason: string, retryAt: number): void {
    for (const [task, attempts] of byTask(waiters)) {
      this.#aside("attempts not declined yet", task, () => this.#port.decline(name.tenant, task, attempts, reason, retryAt));
    }
  }

  /** The call for a worker; `null` when nobody wants it any more, `unknown` when it may have been handed over. */
  async hand(name: AgentName, { task, step, attempt }: AttemptName): Promise<AgentCall | "unknown" | null> {
    try {
      return await this.#port.hand(name.tenant, { task, step, attempt });
    } catch (error) {
      log("warn", "attempt not handed over", { task, error: messageOf(error) });
      return "unknown";
    }
  }

  #aside(what: string, task: string, message: () => Promise<void>): void {
    this.#ctx.waitUntil(message().catch((error: unknown) => log("warn", what, { task, error: messageOf(error) })));
  }
}

function byTask(attempts: readonly AttemptName[]): ReadonlyMap<string, readonly AttemptName[]> {
  const groups = new Map<string, AttemptName[]>();
  for (const { task, step, attempt } of attempts) {
    const group = groups.get(task);
    if (group === undefined) groups.set(task, [{ task, step, attempt }]);
    else group.push({ task, step, attempt });
  }
  return groups;
}
