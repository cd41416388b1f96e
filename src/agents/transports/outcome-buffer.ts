/**
 * Outcomes of this isolate's calls on their way to the objects of agents: gathered for a moment over all tasks, so that a
 * thousand calls are a few queue messages. They inform statistics and breakers and decide nothing that must be exact; what
 * an instance loses when it dies is lost.
 */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import { isFault, OUTCOME_CLASSES, type AttemptOutcome } from "../../shared/outcome.ts";

/** PERSISTED in the history queue. An outcome is `[class, ms, cost_usd, tokens, hedge, capability, input_tokens?, output_tokens?]`. */
const tuple = z.tuple([
  z.enum(OUTCOME_CLASSES),
  z.number().nullable(),
  z.number().nullable(),
  z.number().nullable(),
  z.boolean(),
  z.string(),
  z.number().nullable().optional(),
  z.number().nullable().optional(),
]);
export const outcomesMessage = z.object({
  v: z.literal(1),
  type: z.literal("outcomes"),
  tenant: z.string(),
  agent: z.string(),
  outcomes: z.array(tuple),
  /** The agent asked for patience, until then. */
  held_until: z.number().optional(),
});
export type OutcomesMessage = z.infer<typeof outcomesMessage>;

export class OutcomeBuffer {
  readonly #send: (messages: readonly OutcomesMessage[]) => Promise<void>;
  #pending = new Map<string, OutcomesMessage>();
  #dueAt: number | null = null;

  constructor(send: (messages: readonly OutcomesMessage[]) => Promise<void>) {
    this.#send = send;
  }

  /** Adds an outcome. Whoever adds the first one sees to it that they leave, a moment later. */
  add(tenant: string, agent: string, capability: string, outcome: AttemptOutcome): void {
    const key = `${tenant}/${agent}`;
    let message = this.#pending.get(key);
    if (message === undefined) {
      if (this.#pending.size >= LIMITS.outcomeAgents) return;
      message = { v: 1, type: "outcomes", tenant, agent, outcomes: [] };
      this.#pending.set(key, message);
    }
    // Beyond this many in a moment the rest says nothing new.
    if (message.outcomes.length < LIMITS.outcomesPerMessage) {
      message.outcomes.push(tupleOf(outcome, capability));
    }
    if (outcome.heldUntil !== undefined) {
      this.#pending.set(key, { ...message, held_until: Math.max(message.held_until ?? 0, outcome.heldUntil) });
    }
    this.#sendWithin(isFault(outcome.class) || outcome.heldUntil !== undefined ? LIMITS.outcomeFaultMs : LIMITS.outcomeQuietMs);
  }

  #sendWithin(ms: number): void {
    const now = Date.now();
    const isLost = this.#dueAt !== null && now > this.#dueAt + LIMITS.outcomeQuietMs; // who wanted to send is gone
    if (this.#dueAt !== null && !isLost && this.#dueAt <= now + ms) return;
    this.#dueAt = now + ms;
    setTimeout(() => void this.#flush(), ms);
  }

  async #flush(): Promise<void> {
    const messages = [...this.#pending.values()];
    this.#pending = new Map();
    this.#dueAt = null;
    if (messages.length === 0) return;
    // Two full messages fit the 256 KB that a queue takes at once.
    for (let from = 0; from < messages.length; from += 2) {
      await this.#send(messages.slice(from, from + 2)).catch((error: unknown) => {
        log("warn", "outcomes not sent", { error: messageOf(error) });
      });
    }
  }
}

export function outcomesOf(message: OutcomesMessage): readonly { readonly capability: string; readonly outcome: AttemptOutcome }[] {
  const { held_until: heldUntil } = message;
  return message.outcomes.map(([outcome, ms, costUsd, tokens, hedge, capability, inputTokens = null, outputTokens = null]) => ({
    capability,
    outcome: {
      class: outcome,
      ms,
      costUsd,
      tokens,
      hedge,
      ...(inputTokens !== null && { inputTokens }),
      ...(outputTokens !== null && { outputTokens }),
      ...(outcome === "throttled" && heldUntil !== undefined && { heldUntil }),
    },
  }));
}

/** Most agents do not tell their tokens apart, and have nothing more to say. */
function tupleOf({ class: outcome, ms, costUsd, tokens, hedge, inputTokens, outputTokens }: AttemptOutcome, capability: string) {
  const all: z.infer<typeof tuple> = [outcome, ms, costUsd, tokens, hedge, capability];
  if (inputTokens !== undefined || outputTokens !== undefined) all.push(inputTokens ?? null, outputTokens ?? null);
  return all;
}
