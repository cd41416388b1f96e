/** PERSISTED, as a part of facts: why something failed. */

/** Why an attempt, a step or a task failed. `retryable` says whether trying again may help. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
  /** The agent's own word, whatever code it uses; a reply with a `status` is that anyway. */
  readonly by?: "agent";
  /** The HTTP status an agent answered with. */
  readonly status?: number;
  /** The step that made the task fail, and the place in the definition that says what cannot be done. */
  readonly step_id?: string;
  readonly pointer?: string;
}

export function expressionError(step: { readonly path: string }, field: string, message: string): Failure {
  return { code: "expression_error", message: `Step "${step.path}", ${field}: ${message}`, retryable: false };
}

/** What a task that did not complete is to the step that started it. */
export function childFailure(task: string, status: string, error: Failure | null): Failure {
  const code = status === "failed" ? (error?.code ?? "child_failed") : `child_${status}`;
  const why = error === null ? "" : `: ${error.message}`;
  return { code, message: `The task ${task} is ${status}${why}`, retryable: false };
}
