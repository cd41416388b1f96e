/** How work fails: what an agent throws, and what the orchestrator is told. */
import { LIMITS } from "./limits.ts";

export interface AgentErrorFields {
  /** A stable slug, such as `quota_exceeded`; workflows may name it under `non_retryable`. */
  readonly code: string;
  readonly message: string;
  /** Whether another attempt may fare better. Default: yes. */
  readonly retryable?: boolean;
  /** The HTTP status of an immediate answer, 400 to 599. Default: 500 when retryable, else 422. */
  readonly status?: number;
  /** The least time before the next attempt. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Thrown by `execute` to say how the attempt failed. Anything else that is thrown is `agent_failed` and may be tried again. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: string;
  readonly retryable: boolean;
  readonly status?: number;
  readonly retryAfterMs?: number;

  /** Throws a `RangeError` where the status is none of an error or the time to wait is negative. */
  constructor({ code, message, retryable = true, status, retryAfterMs, cause }: AgentErrorFields) {
    super(message, cause === undefined ? undefined : { cause });
    if (code === "") throw new RangeError("The code of an AgentError is not empty");
    if (status !== undefined && !(Number.isInteger(status) && status >= 400 && status <= 599))
      throw new RangeError(`The status of an AgentError is between 400 and 599, not ${status}`);
    if (retryAfterMs !== undefined && !(retryAfterMs >= 0)) throw new RangeError(`retryAfterMs is not negative: ${retryAfterMs}`);
    this.code = code;
    this.retryable = retryable;
    if (status !== undefined) this.status = status;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/** A failure in the words of the wire, cut to what the orchestrator accepts. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly status: number;
  readonly retryAfterMs?: number;
}

export function failureOf(thrown: unknown): Failure {
  const { code, message, retryable, status, retryAfterMs } =
    thrown instanceof AgentError ? thrown : new AgentError({ code: "agent_failed", message: messageOf(thrown) });
  return {
    code: code.slice(0, LIMITS.codeLength),
    message: excerpt(message),
    retryable,
    status: status ?? (retryable ? 500 : 422),
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.min(retryAfterMs, LIMITS.attemptPauseMs) }),
  };
}

export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  try {
    return String(thrown);
  } catch {
    return "something without a text was thrown";
  }
}

/** Text cut to the length of a message. */
export function excerpt(text: string): string {
  return text.length <= LIMITS.messageLength ? text : `${text.slice(0, LIMITS.messageLength - 1)}…`;
}
