/**
 * Which URLs the service calls. What runs at the edge must not be a way into networks that are not public: https to
 * public names only. Redirects are never followed, so the checked address is the one that is called.
 */
import { LIMITS } from "./limits.ts";

export interface UrlPolicy {
  /** Development: plain HTTP to this machine's loopback addresses, and nothing else in addition. */
  readonly allowLoopback: boolean;
}

const PRIVATE_SUFFIXES = [
  ".local",
  ".internal",
  ".localhost",
  ".localdomain",
  ".home.arpa",
  ".lan",
  ".intranet",
  ".test",
  ".invalid",
  ".onion",
];

/** Verdicts under the one policy of this isolate: every call of an agent asks again. */
const verdicts = new Map<string, string | null>();

/** The rule that a URL breaks, or `null` when it may be called. */
export function brokenUrlRule(text: string, policy: UrlPolicy): string | null {
  const key = `${policy.allowLoopback} ${text}`;
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const verdict = findBrokenRule(text, policy);
  if (verdicts.size >= LIMITS.urlVerdicts) verdicts.clear();
  verdicts.set(key, verdict);
  return verdict;
}

function findBrokenRule(text: string, policy: UrlPolicy): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "it is no absolute URL";
  }
  if (url.username !== "" || url.password !== "") return "it must not contain a user name or password";
  if (url.hash !== "") return "it must not have a fragment";
  if (policy.allowLoopback && isLoopback(url.hostname)) {
    return url.protocol === "http:" || url.protocol === "https:" ? null : "it must be http or https";
  }
  if (url.protocol !== "https:") return "it must be https";
  const host = url.hostname.replace(/\.$/, "");
  // The URL parser has already turned every other notation of an IPv4 address (decimal, octal, hex) into this one.
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host) || host.startsWith("[")) return "its host must be a name, not an IP address";
  if (!host.includes(".")) return "its host must be a public name, not a single label";
  if (PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix))) return "its host must be a public name";
  return null;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
