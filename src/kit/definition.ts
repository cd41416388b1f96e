/** What an agent is: what it offers and what it does. */
import type { Fetch } from "./callback.ts";
import { DEFAULTS, LIMITS } from "./limits.ts";
import { createVerifier } from "./signature.ts";

export interface AgentDefinition<Input = unknown, Inputs extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> {
  /** Letters, digits, `_ . -`. */
  readonly id: string;
  /** Default: the id. */
  readonly name?: string;
  readonly description?: string;
  /** Of the agent card. Default: `"1.0.0"`. */
  readonly version?: string;
  /** At least one. A step that names the agent itself is given to the first. */
  readonly capabilities: readonly (string | Capability)[];
  /**
   * The agent's `signing_secret`, `whsec_…`; several while one is being replaced. Requests that none of them signed are
   * refused with 401. Without a secret every request is believed: only for agents that nobody else can reach.
   */
  readonly secret?: string | readonly string[];
  /** Work that ends within this is answered at once, other work by callback. Milliseconds, default 10,000. */
  readonly replyWithinMs?: number;
  /**
   * The longest one execution may take; then its signal is aborted and it fails with `agent_timeout`, retryable. It bounds
   * work that hangs, which heartbeats would keep alive for ever. Milliseconds, default 24 hours.
   */
  readonly executeWithinMs?: number;
  /** Results kept to be answered again under the same idempotency key. Default: 1,000 results, 32 MiB. */
  readonly remember?: { readonly results?: number; readonly bytes?: number };
  /**
   * The work: one function, or one for each capability. What it returns or resolves with is the output (JSON; `undefined`
   * is `null`). It throws `AgentError` to say how it failed.
   */
  readonly execute: Execute<Input> | { readonly [Name in keyof Inputs]: Execute<Inputs[Name]> };
  /** Hears of trouble that no answer tells: what `execute` threw by surprise, and reports that nobody took. */
  readonly onTrouble?: (trouble: Trouble) => void;
  /** How the orchestrator is called back. Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** As an agent registers it. */
export interface Capability {
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  /** JSON Schema, 2020-12. The orchestrator checks it; the kit passes it on. */
  readonly input_schema?: boolean | Readonly<Record<string, unknown>>;
  readonly output_schema?: boolean | Readonly<Record<string, unknown>>;
  readonly price?: {
    readonly per_call_usd?: number;
    readonly per_1k_input_tokens_usd?: number;
    readonly per_1k_output_tokens_usd?: number;
  };
  /** A duration such as `"800ms"`. */
  readonly expected_latency?: string;
}

/** Carries out one attempt. It may run again for the same `idempotencyKey`, after a failure or a crash. */
export type Execute<Input = unknown> = (input: Input, context: AttemptContext) => unknown;

export interface AttemptContext {
  readonly taskId: string;
  readonly stepId: string;
  /** From 1. Where a later attempt joined work that still ran, this is the first one's. */
  readonly attempt: number;
  /** The one asked for; the first of the agent's where the step named the agent itself. */
  readonly capability: string;
  /** The same for all attempts at the step: what to give to systems that recognise repetition. */
  readonly idempotencyKey: string;
  /** W3C Trace Context, to pass on. */
  readonly traceparent: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  /** When the task ends whatever its state. */
  readonly deadline: Date | null;
  /** Aborted once nobody wants the outcome: the attempt was canceled or superseded, or took too long. */
  readonly signal: AbortSignal;
  /**
   * Reports progress: any JSON up to 4,096 characters (more is left out and told to `onTrouble`). Does not wait and never
   * throws. Of reports that come faster than they can be sent, the latest is. `extend`: a duration such as `"10m"` for
   * which the attempt is to be trusted from now on.
   */
  readonly progress: (data?: unknown, options?: { readonly extend?: string }) => void;
  /** Adds to what the attempt used. Throws a `RangeError` for what is negative, or tokens that are not whole. */
  readonly usage: (used: Usage) => void;
}

export interface Usage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cost_usd?: number;
}

export interface Trouble {
  readonly message: string;
  readonly taskId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly cause?: unknown;
}

/** A definition with its defaults, known to be consistent. */
export type CheckedDefinition = ReturnType<typeof checked>;

/** Throws a `TypeError` that says what is wrong: at the start rather than at the first request. */
export function checked<Input, Inputs extends Readonly<Record<string, unknown>>>(definition: AgentDefinition<Input, Inputs>) {
  const { id, name = id, description = "", version = "1.0.0", remember = {} } = definition;
  if (!isName(id)) throw new TypeError(`An agent's id is made of letters, digits, "_", "." and "-", not "${id}"`);
  const capabilities = definition.capabilities.map((offered) => (typeof offered === "string" ? { name: offered } : offered));
  const executeByName = executesOf(definition.execute, capabilities);
  return {
    id,
    name,
    description,
    version,
    capabilities,
    executeByName,
    verifier: verifierOf(definition),
    replyWithinMs: milliseconds("replyWithinMs", definition.replyWithinMs ?? DEFAULTS.replyWithinMs),
    executeWithinMs: milliseconds("executeWithinMs", definition.executeWithinMs ?? DEFAULTS.executeWithinMs),
    rememberedResults: remember.results ?? DEFAULTS.rememberedResults,
    rememberedBytes: remember.bytes ?? DEFAULTS.rememberedBytes,
    onTrouble: quietly(definition.onTrouble),
    // The global one must not be called as a method of something else.
    fetch: definition.fetch ?? ((url, init) => fetch(url, init)),
  };
}

function isName(text: unknown): boolean {
  return typeof text === "string" && /^[A-Za-z0-9_.-]{1,128}$/.test(text);
}

function executesOf(
  execute: Execute<never> | Readonly<Record<string, Execute<never>>>,
  capabilities: readonly Capability[],
): ReadonlyMap<string, Execute<never>> {
  if (capabilities.length === 0) throw new TypeError("An agent offers at least one capability");
  const executeByName = new Map<string, Execute<never>>();
  for (const { name } of capabilities) {
    if (!isName(name)) throw new TypeError(`A capability's name is made of letters, digits, "_", "." and "-", not "${name}"`);
    if (executeByName.has(name)) throw new TypeError(`The capability "${name}" is there twice`);
    const own = typeof execute === "function" ? execute : Object.hasOwn(execute, name) ? execute[name] : undefined;
    if (typeof own !== "function") throw new TypeError(`There is no execute for the capability "${name}"`);
    executeByName.set(name, own);
  }
  const unoffered = typeof execute === "function" ? undefined : Object.keys(execute).find((name) => !executeByName.has(name));
  if (unoffered !== undefined) throw new TypeError(`execute has "${unoffered}", which is not among the capabilities`);
  return executeByName;
}

/** `null` without a secret. A secret that was looked up and not found is a mistake, not the wish to have none. */
function verifierOf(definition: { readonly secret?: string | readonly string[] }) {
  if (!("secret" in definition)) return null;
  const secrets = typeof definition.secret === "string" ? [definition.secret] : definition.secret;
  if (!Array.isArray(secrets) || secrets.length === 0)
    throw new TypeError("secret is there, but empty: give the agent's signing_secret, or leave it out to believe every request");
  return createVerifier(secrets as readonly string[]);
}

function milliseconds(name: string, value: number): number {
  if (value >= 0 && value <= LIMITS.timerMs) return value;
  throw new TypeError(`${name} is a number of milliseconds from 0 to ${LIMITS.timerMs}, not ${value}`);
}

/** Whoever listens to trouble must not make more. */
function quietly(onTrouble: (trouble: Trouble) => void = () => {}): (trouble: Trouble) => void {
  return (trouble) => {
    try {
      onTrouble(trouble);
    } catch {
      // There is nobody left to tell.
    }
  };
}
