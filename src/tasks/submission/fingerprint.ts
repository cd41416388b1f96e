/** What a request is recognised by when it comes again under its idempotency key. PERSISTED in `task.created`, `signal.received`. */
import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../../shared/json.ts";

/** Of the parsed body, whatever the order of its members. */
export const submissionFingerprint = (body: object): string => sha256(body as Json);

export const forkFingerprint = (task: string, body: object, isRetry: boolean): string =>
  sha256([isRetry ? "retry" : "fork", task, body as Json]);

export const signalFingerprint = (name: string, payload: Json): string => sha256([name, payload]);

/** A run means the same task however the schedule has changed since it was submitted first. */
export const scheduledFingerprint = (schedule: string): string => `scheduled by ${schedule}`;

/** Whoever starts it again later means the same task, also when only history knows it. */
export const startedFingerprint = (starter: string): string => `started by ${starter}`;

function sha256(value: Json): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
