/**
 * What a caller can be told. Each code has its status, title, command-line exit code and whether trying the same again can
 * help. Codes that several rooms use stand here; a room's own stand in its `rejections.ts`. A code without all four does
 * not compile, and neither does one that nobody defined.
 */
import type { JsonObject } from "./json.ts";

export interface Meaning {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 422 | 426 | 428 | 429 | 500 | 503;
  readonly title: string;
  /** 2 usage · 3 credentials · 4 not there · 5 conflict · 6 try later · 70 defect */
  readonly exit: 2 | 3 | 4 | 5 | 6 | 70;
  readonly retryable: boolean;
}

export const usage = (title: string, status: 400 | 413 | 415 | 422 | 405 | 426 = 400): Meaning => ({
  status,
  title,
  exit: 2,
  retryable: false,
});
export const conflict = (title: string, status: 409 | 410 | 412 | 422 | 428 = 409): Meaning => ({
  status,
  title,
  exit: 5,
  retryable: false,
});
export const later = (title: string, status: 429 | 503): Meaning => ({ status, title, exit: 6, retryable: true });

const meanings: Record<string, Meaning> = {};

/** Adds a room's codes. It extends `Rejections` by them, so that the compiler knows which there are. */
export function defineRejections<const T extends Readonly<Record<string, Meaning>>>(codes: T): T {
  Object.assign(meanings, codes);
  return codes;
}

export const SHARED_REJECTIONS = defineRejections({
  invalid_request: usage("The request is not valid"),
  number_not_exact: usage("A number would be changed"),
  url_refused: usage("The URL is not allowed", 422),
  limit_reached: usage("A limit is reached", 422),
  forbidden: { status: 403, title: "The credentials lack a scope", exit: 3, retryable: false },
  not_found: { status: 404, title: "Not found", exit: 4, retryable: false },
  already_exists: conflict("It exists already"),
  name_reserved: conflict("The name is reserved"),
  in_use: conflict("It is in use"),
  invalid_state: conflict("The task's status does not allow this"),
  idempotency_conflict: conflict("The idempotency key was used for another request", 422),
  precondition_failed: conflict("It was changed meanwhile", 412),
  precondition_required: conflict("If-Match is required", 428),
  unavailable: later("Temporarily unavailable", 503),
  internal: { status: 500, title: "Internal error", exit: 70, retryable: false },
});

/** Every code there is, gathered from the rooms. */
export interface Rejections extends Readonly<Record<keyof typeof SHARED_REJECTIONS, Meaning>> {}
export type RejectionCode = keyof Rejections;

export const isRejectionCode = (code: string): code is RejectionCode => Object.hasOwn(meanings, code);

/** A code from another version of the service may be unknown here: that is a defect of ours, whatever it was. */
export const meaningOf = (code: RejectionCode): Meaning => meanings[code] ?? SHARED_REJECTIONS.internal;

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
