/** What an endpoint can be told, and which of it it wants to hear. */
export const TASK_EVENTS = ["task.completed", "task.failed", "task.canceled", "task.timed_out", "task.rejected"] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** Sent when somebody asks for it, to one endpoint, whatever that wants to hear otherwise. */
export const TEST_EVENT = "webhook.test";
export type WebhookEvent = TaskEvent | typeof TEST_EVENT;

/** What an endpoint names: an event, or all of a kind, those to come included. */
export const EVENT_PATTERNS = ["task.*", ...TASK_EVENTS] as const;
export type EventPattern = (typeof EVENT_PATTERNS)[number];

export const ALL_EVENTS: readonly EventPattern[] = ["task.*"];

export function isWanted(event: WebhookEvent, patterns: readonly EventPattern[]): boolean {
  return patterns.some((pattern) => pattern === event || (pattern.endsWith(".*") && event.startsWith(pattern.slice(0, -1))));
}
