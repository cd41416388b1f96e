/** How the text of an API key looks: what cannot be one is known without asking anybody. */
import { createHash } from "node:crypto";
import { randomText } from "../shared/ids.ts";

/** A key ends in characters that depend on the rest of it: one that was made up or mistyped is refused offline. */
const PREFIX = "orck_";
const RANDOM_LENGTH = 40;
const CHECK_LENGTH = 6;

/** PERSISTED. Keys made before there was a check. */
const UNCHECKED = /^orc_[0-9a-hjkmnp-tv-z]{40}$/;

/** The first characters of a key, which are shown to recognise it by. */
export const SHOWN_LENGTH = PREFIX.length + 6;

export function newKeyText(): string {
  const body = `${PREFIX}${randomText(RANDOM_LENGTH)}`;
  return `${body}${checkOf(body)}`;
}

/** Whether a text can be a key that we gave out. */
export function isKeyText(text: string): boolean {
  if (UNCHECKED.test(text)) return true;
  const body = text.slice(0, -CHECK_LENGTH);
  return text.length === PREFIX.length + RANDOM_LENGTH + CHECK_LENGTH && text.startsWith(PREFIX) && text === `${body}${checkOf(body)}`;
}

/** Hexadecimal digits of a hash. Nothing is kept secret by it: a key's own bits do that. */
function checkOf(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, CHECK_LENGTH);
}
