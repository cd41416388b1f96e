/** The bodies that endpoints are sent, as Standard Webhooks has them. Made once, so that every try sends the same bytes. */
import { LIMITS } from "./limits.ts";
import { isoTime } from "../shared/time.ts";
import { TEST_EVENT, type TaskEvent, type WebhookEvent } from "./events.ts";
import type { TaskEnded } from "./port.ts";

export function taskEvent({ status }: TaskEnded): TaskEvent {
  return `task.${status}`;
}

export function taskMessage(ended: TaskEnded): string {
  const whole = ended.outputBytes > LIMITS.webhookBodyBytes ? null : messageWith(ended, { output: outputOf(ended) });
  if (whole !== null && Buffer.byteLength(whole) <= LIMITS.webhookBodyBytes) return whole;
  return messageWith(ended, { output_bytes: ended.outputBytes });
}

export function testMessage(webhook: string, at: number): string {
  return message(TEST_EVENT, at, { webhook });
}

function messageWith(ended: TaskEnded, output: { readonly output: unknown } | { readonly output_bytes: number }): string {
  const { id, type, workflow, status, error, tags, parent, chainedFrom, createdAt, finishedAt } = ended;
  const whence = {
    ...(parent && { parent: { task_id: parent.task, step_id: parent.step } }),
    ...(chainedFrom !== undefined && { chained_from: chainedFrom }),
  };
  const times = { created_at: isoTime(createdAt), finished_at: isoTime(finishedAt) };
  return message(taskEvent(ended), finishedAt, { id, type, workflow, status, ...output, error, tags, ...whence, ...times });
}

function outputOf({ outputText }: TaskEnded): unknown {
  return outputText === null ? null : JSON.parse(outputText);
}

function message(type: WebhookEvent, at: number, data: object): string {
  return JSON.stringify({ type, timestamp: isoTime(at), data });
}
