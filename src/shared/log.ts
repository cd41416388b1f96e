/** One logger: a line of JSON per entry, read by Workers Logs and by people. */
import type { Json } from "./json.ts";

type Level = "info" | "warn" | "error";

export function log(level: Level, message: string, facts: { readonly [key: string]: Json | undefined } = {}): void {
  console[level](JSON.stringify({ level, message, ...facts }));
}

/** What an unknown thrown thing says, for a log line. Of a failed query its cause: its own message has the parameters in it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.startsWith("Failed query") ? messageOf(error.cause ?? "Failed query") : error.message;
}
