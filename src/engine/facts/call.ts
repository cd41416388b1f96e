/** PERSISTED, as a part of facts: how an agent is called, what is set aside for that, and what it used. */

/** What an agent says its work used. */
export interface Usage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cost_usd?: number;
}

/** How an attempt reaches its agent: by the task's object itself, by a relay, by a queue's consumer, or a worker takes it along. */
export type Way = "inline" | "relay" | "queue" | "pull";

/** PERSISTED, with the attempt: what was set aside for a call, and by which prices it is settled where only tokens are reported. */
export interface Reserved {
  readonly cost_micros: number;
  readonly tokens: number;
  /** Millionths of a dollar, for the call and for a thousand tokens. */
  readonly price?: { readonly call: number; readonly input: number; readonly output: number };
}
