/** Entity tags: what is edited carries its revision, and `If-Match` makes sure nobody overwrites what they have not seen. */
import type { Context } from "hono";
import type { Expected } from "../shared/expected.ts";
import { rejection } from "../shared/errors.ts";
import { excerpt } from "../shared/text.ts";
import { LIMITS } from "./limits.ts";
import { Refused } from "./problem.ts";

export function etag(revision: number): string {
  return `"${revision}"`;
}

/** As `expectedRevision`, where a change without having seen what is there is refused. */
export function requiredRevision(c: Context): Expected {
  if (c.req.header("if-match") === undefined) {
    throw new Refused(
      rejection("precondition_required", 'Send If-Match with the ETag of what you have read, or "*" for whatever is there'),
    );
  }
  return expectedRevision(c);
}

/** What the caller expects to be there: `If-Match` names revisions, `If-None-Match: *` on a PUT asks that there be nothing. */
export function expectedRevision(c: Context): Expected {
  const header = c.req.header("if-match")?.trim();
  if (header === undefined) return c.req.method === "PUT" ? expectedAbsence(c.req.header("if-none-match")?.trim()) : null;
  if (header === "*") return "any";
  const tags = tagsIn(header);
  const revisions = tags.flatMap(({ text, isWeak }) => (!isWeak && /^\d{1,15}$/.test(text) ? [Number(text)] : []));
  const [first, ...more] = revisions;
  if (first !== undefined) return more.length === 0 ? first : revisions;
  const why = tags.some(({ isWeak }) => isWeak) ? "a weak tag matches nothing here" : `got ${excerpt(header, 100)}`;
  throw new Refused(rejection("precondition_failed", `If-Match: expected an entity tag such as "3", as the ETag was; ${why}`));
}

function expectedAbsence(header: string | undefined): Expected {
  if (header === undefined) return null;
  if (header === "*") return "none";
  throw new Refused(rejection("invalid_request", "If-None-Match: with PUT only * can be asked for, that nothing is there yet"));
}

/** Whether the caller has a representation already, under one of the tags that it names. */
export function isKnown(ifNoneMatch: string, tag: string): boolean {
  const opaque = (text: string): string => text.replace(/^W\//, "").replaceAll('"', "");
  return ifNoneMatch.trim() === "*" || tagsIn(ifNoneMatch).some(({ text }) => text === opaque(tag));
}

interface EntityTag {
  readonly text: string;
  readonly isWeak: boolean;
}

/** The entity tags of a list, without their quotes. What is none is left out. */
function tagsIn(header: string): readonly EntityTag[] {
  return header
    .slice(0, LIMITS.tagListLength)
    .split(",")
    .flatMap((part): readonly EntityTag[] => {
      const trimmed = part.trim();
      const isWeak = trimmed.startsWith("W/");
      const quoted = isWeak ? trimmed.slice(2) : trimmed;
      return quoted.length >= 2 && quoted.startsWith('"') && quoted.endsWith('"') ? [{ text: quoted.slice(1, -1), isWeak }] : [];
    });
}
