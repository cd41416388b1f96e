/** Entity tags: what is edited carries its revision, and `If-Match` makes sure nobody overwrites what they have not seen. */
import type { Context } from "hono";
import { rejection } from "../shared/errors.ts";
import { Refused } from "./problem.ts";

export function etag(revision: number): string {
  return `"${revision}"`;
}

/** As `expectedRevision`, where a change without having seen what is there is refused. */
export function requiredRevision(c: Context): number | null {
  if (c.req.header("if-match") === undefined) {
    throw new Refused(
      rejection("precondition_required", 'Send If-Match with the ETag of what you have read, or "*" for whatever is there'),
    );
  }
  return expectedRevision(c);
}

/** The revision that the caller expects, or `null` when it does not say. */
export function expectedRevision(c: Context): number | null {
  const header = c.req.header("if-match");
  if (header === undefined || header === "*") return null;
  const revision = /^"(\d{1,15})"$/.exec(header)?.[1];
  if (revision === undefined)
    throw new Refused(rejection("precondition_failed", `If-Match: expected one entity tag such as "3", got ${header}`));
  return Number(revision);
}
