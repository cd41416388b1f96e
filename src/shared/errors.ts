/**
 * What a caller can be told. One table gives each code its status, title, command-line exit code and whether trying the
 * same again can help; a code without all of them does not compile.
 */
import type { JsonObject } from "./json.ts";

interface Meaning {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 422 | 426 | 428 | 429 | 500 | 503;
  readonly title: string;
  /** 2 usage · 3 credentials · 4 not there · 5 conflict · 6 try later · 70 defect */
  readonly exit: 2 | 3 | 4 | 5 | 6 | 70;
  readonly retryable: boolean;
}

const usage = (title: string, status: 400 | 413 | 415 | 422 | 405 | 426 = 400): Meaning => ({ status, title, exit: 2, retryable: false });
const conflict = (title: string, status: 409 | 410 | 412 | 422 | 428 = 409): Meaning => ({ status, title, exit: 5, retryable: false });
const later = (title: string, status: 429 | 503): Meaning => ({ status, title, exit: 6, retryable: true });

export const REJECTIONS = {
  invalid_json: usage("The body is not valid JSON"),
  invalid_yaml: usage("The body is not valid YAML"),
  invalid_request: usage("The request is not valid"),
  invalid_definition: usage("The workflow definition is not valid"),
  duplicate_step_id: usage("Two steps have the same id"),
  unknown_need: usage("A step needs a step that does not exist"),
  workflow_cycle: usage("Steps need each other in a circle"),
  unknown_reference: usage("It refers to something that does not exist"),
  inner_reference: usage("An expression refers to a step inside another"),
  invalid_expression: usage("An expression is not valid"),
  invalid_input: usage("The input does not match the workflow's schema"),
  unsupported_option: usage("The option is not available"),
  body_too_large: usage("The body is too large", 413),
  unsupported_media_type: usage("The body has an unsupported media type", 415),
  method_not_allowed: usage("The method is not allowed here", 405),
  upgrade_required: usage("A WebSocket is expected here", 426),
  url_refused: usage("The URL is not allowed", 422),
  invalid_schema: usage("The schema is no JSON Schema", 422),
  agent_card_unreadable: usage("The agent's card cannot be read", 422),
  invalid_schedule: usage("The schedule has no times", 422),
  unknown_point: usage("There is no such point in the task", 422),
  invalid_journal: usage("The journal is not one that a task can have", 422),
  limit_reached: usage("A limit is reached", 422),
  unauthorized: { status: 401, title: "Valid credentials are required", exit: 3, retryable: false },
  forbidden: { status: 403, title: "The credentials lack a scope", exit: 3, retryable: false },
  not_found: { status: 404, title: "Not found", exit: 4, retryable: false },
  unknown_type: { status: 404, title: "No such task type", exit: 4, retryable: false },
  already_exists: conflict("It exists already"),
  name_reserved: conflict("The name is reserved"),
  in_use: conflict("It is in use"),
  invalid_state: conflict("The task's status does not allow this"),
  not_finished: { ...conflict("The task has not finished"), retryable: true },
  attempt_superseded: conflict("The attempt is no longer current"),
  attempt_canceled: conflict("The attempt was canceled"),
  already_decided: conflict("It was decided already"),
  approval_changed: conflict("What is to be approved is something else"),
  signal_unexpected: conflict("No step can receive the signal"),
  webhook_disabled: conflict("The webhook is disabled"),
  delivery_under_way: { ...conflict("The delivery is being sent"), retryable: true },
  schedule_state: conflict("The schedule's status does not allow this"),
  run_overlaps: { ...conflict("An earlier run has not ended"), retryable: true },
  concurrency_limit: { ...conflict("As many tasks of its key run as may"), retryable: true },
  debounce_conflict: { ...conflict("Another kind of task waits under the key"), retryable: true },
  result_expired: conflict("The result is no longer kept", 410),
  precondition_failed: conflict("It was changed meanwhile", 412),
  precondition_required: conflict("If-Match is required", 428),
  idempotency_conflict: conflict("The idempotency key was used for another request", 422),
  rate_limited: later("Too many requests", 429),
  unavailable: later("Temporarily unavailable", 503),
  misconfigured: { status: 503, title: "The service is not configured", exit: 70, retryable: false },
  internal: { status: 500, title: "Internal error", exit: 70, retryable: false },
} as const satisfies Record<string, Meaning>;

export type RejectionCode = keyof typeof REJECTIONS;

/** One fault in a document, at its place (JSON Pointer). */
export interface Fault {
  readonly pointer: string;
  readonly message: string;
  readonly code: RejectionCode;
  /** What was probably meant: a name, a text or an expression as it is, anything else as JSON. */
  readonly suggestion?: string;
}

/** A refusal for the caller to act on. Nothing was changed. */
export interface Rejection {
  readonly code: RejectionCode;
  readonly detail: string;
  readonly faults?: readonly Fault[];
  /** Further members of the problem document, such as the current status. */
  readonly facts?: JsonObject;
  readonly retryAfterMs?: number;
}

export function rejection(code: RejectionCode, detail: string, more: Omit<Rejection, "code" | "detail"> = {}): Rejection {
  return { code, detail, ...more };
}

/** One refusal for several faults: named by their code when they share it, else by `otherwise`. */
export function rejectionOf(faults: readonly Fault[], otherwise: RejectionCode): Rejection {
  const [first] = faults;
  if (first === undefined) throw new Error("Defect: a rejection without a fault");
  const code = faults.every((fault) => fault.code === first.code) ? first.code : otherwise;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : "";
  const place = first.pointer === "" ? "" : `${first.pointer}: `;
  return { code, detail: `${place}${first.message}${more}`, faults };
}

/** Thrown where something the service needs did not answer. Nobody is to blame and trying again helps. */
export class Unavailable extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
