/** One logger: a line of JSON per entry, read by Workers Logs and by people. */
import type { Json } from "./json.ts";

type Level = "info" | "warn" | "error";

export function log(level: Level, message: string, facts: { readonly [key: string]: Json | undefined } = {}): void {
  console[level](JSON.stringify({ level, message, ...facts }));
}

/** What an unknown thrown thing says, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
