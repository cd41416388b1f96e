/** How a registered workflow is referred to: `study` or `study@latest`, `study@3`, `study@stable`. */
import { LIMITS } from "./limits.ts";

export type VersionSelector =
  | { readonly type: "latest" }
  | { readonly type: "version"; readonly version: number }
  | { readonly type: "channel"; readonly channel: string };

export interface WorkflowReference {
  readonly name: string;
  readonly selector: VersionSelector;
}

/** What a reference says, or `null` when the text is none. */
export function parseReference(text: string): WorkflowReference | null {
  const [name = "", selector, ...rest] = text.split("@");
  if (!isPart(name) || rest.length > 0) return null;
  if (selector === undefined || selector === "latest") return { name, selector: { type: "latest" } };
  if (isChannelName(selector)) return { name, selector: { type: "channel", channel: selector } };
  const version = parseVersion(selector);
  return version === null ? null : { name, selector: { type: "version", version } };
}

/** A version's number as it is written: without leading zeros, at most ten digits. */
export function parseVersion(text: string): number | null {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

/** `latest` is always the newest version, and digits are versions: neither can name a channel. */
export function isChannelName(text: string): boolean {
  return isPart(text) && text !== "latest" && !/^\d+$/.test(text);
}

function isPart(text: string): boolean {
  return text.length <= LIMITS.idLength && /^[A-Za-z0-9_.-]+$/.test(text);
}
