/**
 * The shape of facts that come from elsewhere: a journal is imported only if every reader can read it. A member means the
 * same in every event that has it, so the members are described once, and each event says which it must have. Members
 * that nobody here knows, from a later version, are let be.
 */
import { z } from "zod";
import { BUDGET_ACTIONS } from "../../language/budget-definition.ts";
import { STEP_KINDS } from "../../language/kinds/table.ts";
import { ASPECT_FACTS, ASPECT_MEMBERS, ASPECT_WAITS } from "../aspects/table.ts";
import type { AspectEvent } from "../aspects/shapes.ts";
import type { CoreEvent, TaskEvent } from "../facts/event.ts";
import { count, failure, number, receipt, text, texts, time, value } from "../facts/member-schemas.ts";

const actor = { type: text, id: text, name: text.optional() };
const waitingOn = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("agent"), capability: text.optional(), agent: text.optional() }),
  z.looseObject({ type: z.literal("timer"), until: time }),
  z.looseObject({ type: z.literal("signal"), name: text, until: time.optional() }),
  z.looseObject({ type: z.literal("approval"), approval: number, until: time.optional() }),
  z.looseObject({ type: z.literal("capacity"), agent: text }),
  ...Object.values(ASPECT_WAITS).map(({ schema }) => schema),
]);

type MemberOf<E> = E extends TaskEvent ? keyof E : never;

/** What may be true or a list of attempts. */
const inLine = z.union([z.literal(true), z.array(number)]);

const MEMBERS = {
  ...ASPECT_MEMBERS,
  type: text,
  v: z.literal(1),
  tenant: text,
  task: text,
  tasks: texts,
  schedule: text,
  scheduled_at: time,
  task_type: text,
  workflow: z.looseObject({ name: text.nullable(), version: z.int().nullable() }),
  definition: value,
  input: value,
  output: value,
  payload: value,
  library: value,
  priority: z.int().min(0).max(9),
  tags: texts,
  deadline_at: time,
  queue_ttl_ms: count,
  on_no_agent: z.enum(["wait", "fail"]),
  fail_fast: z.boolean(),
  fingerprint: text,
  traceparent: text,
  tracestate: text,
  origin: text,
  parent: z.looseObject({ task: text, step: text, branch: count, depth: count, above: texts.optional() }),
  spread: z.looseObject({ path: texts, first: count, concurrency: number, tolerate: count }),
  chain: z.looseObject({ from: text, depth: count }),
  forked: z.looseObject({ from: text, seq: count, retry: z.literal(true).optional() }),
  imported: z.looseObject({ from: text }),
  actor: z.looseObject({ ...actor, made_by: z.looseObject(actor).optional() }),
  webhook: z.looseObject({ url: text, secret: text.optional() }),
  rules: z.union([z.literal(0), z.literal(1)]),
  error: failure,
  degraded: failure,
  reason: text,
  parts: count,
  bytes: count,
  chained: z.array(z.looseObject({ workflow: text, task: text.optional(), error: failure.optional() })),
  ending: z.enum(["failed", "canceled", "timed_out"]),
  step: text,
  items: count,
  chunk: number,
  waiting_on: waitingOn,
  receipt,
  attempt: number,
  hedge: z.literal(true),
  joins: z.literal(true),
  kept: z.literal(true),
  fallback: count,
  agent: text,
  usage: z.looseObject({ input_tokens: z.number().optional(), output_tokens: z.number().optional(), cost_usd: z.number().optional() }),
  usage_fault: text,
  renews: z.literal(true),
  steps: texts,
  signal: number,
  digest: text,
  ms: z.number(),
  capability: text,
  slot: z.literal(true),
  in_line: inLine,
  children: texts,
  attempts: z.array(number),
  agents: texts,
  slots: z.array(number),
  retry_at: time,
  way: z.enum(["inline", "relay", "queue", "pull"]),
  relay: text,
  hedge_at: time,
  timeout_ms: count,
  via: z.enum(["queue", "callback", "pull"]),
  delivery: count,
  lease_until: time,
  progress: z.json(),
  key: text,
  score: z.number(),
  sends: count,
  branch: count,
  after: text,
  status: z.enum(["completed", "failed", "canceled", "timed_out", "rejected"]),
  failed_items: count,
  kind: z.enum(STEP_KINDS),
  of: text,
  undo: value,
  name: text,
  approval: number,
  title: text,
  hash: text,
  assignees: texts,
  quorum: number,
  editable: z.literal(true),
  due_at: time,
  by: text,
  voice: text,
  link: text,
  decision: z.enum(["approve", "reject"]),
  comment: text,
  outcome: z.enum(["fail", "approve", "reject", ...BUDGET_ACTIONS]),
  partial: z.literal(true),
} satisfies { readonly [M in MemberOf<TaskEvent>]: z.ZodType };

/** What each kind of fact cannot do without. */
const REQUIRED: { readonly [T in CoreEvent["type"]]: readonly Exclude<MemberOf<Extract<TaskEvent, { readonly type: T }>>, "type">[] } = {
  "task.created": [
    "v",
    "tenant",
    "task",
    "workflow",
    "definition",
    "input",
    "priority",
    "tags",
    "queue_ttl_ms",
    "on_no_agent",
    "fail_fast",
  ],
  "task.started": [],
  "task.paused": [],
  "task.resumed": [],
  "task.completed": ["output"],
  "task.failed": ["error"],
  "task.canceled": [],
  "task.timed_out": ["error"],
  "task.rejected": ["error"],
  "task.archived": ["parts", "bytes"],
  "task.ending": ["ending"],
  "step.started": ["step"],
  "step.waiting": ["step", "waiting_on"],
  "step.degraded": ["step", "error", "fallback"],
  "step.completed": ["step", "output"],
  "step.failed": ["step", "error"],
  "step.skipped": ["step", "reason"],
  "step.canceled": ["step", "reason"],
  "step.retry_scheduled": ["step", "attempt", "retry_at"],
  "step.kept": ["step", "kind", "output"],
  "agent.selected": ["step", "attempt", "agent", "receipt"],
  "attempt.started": ["step", "attempt", "agent", "way"],
  "attempt.claimed": ["step", "attempt", "via", "lease_until"],
  "attempt.progressed": ["step", "attempt"],
  "attempt.completed": ["step", "attempt", "output"],
  "attempt.failed": ["step", "attempt", "error"],
  "attempt.declined": ["step", "attempt", "agent", "reason", "retry_at"],
  "attempt.canceled": ["step", "attempt", "reason"],
  "attempt.lost": ["step", "attempt", "sends"],
  "branch.started": ["step", "branch"],
  "branch.completed": ["step", "branch", "output"],
  "branch.failed": ["step", "branch", "error"],
  "child.started": ["step", "branch", "task"],
  "child.ended": ["step", "branch", "task", "status"],
  "child.canceled": ["tasks"],
  "child.kept": ["step", "branch", "task"],
  "timer.fired": ["step"],
  "signal.received": ["name", "payload", "key"],
  "approval.requested": ["step", "approval", "title", "payload", "hash", "assignees", "quorum"],
  "approval.decided": ["step", "approval", "by", "decision", "hash"],
  "approval.link_withdrawn": ["step", "approval", "link"],
  "approval.escalated": ["step", "approval", "assignees", "due_at"],
  "approval.expired": ["step", "approval", "outcome"],
  "compensation.started": ["step"],
  "compensation.completed": ["step"],
  "compensation.failed": ["step", "error"],
};

/** Why something is no fact that can be read, or `null`. */
export function faultOfEvent(event: unknown): string | null {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return "expected an event, an object with a type";
  const { type } = event as { readonly type?: unknown };
  const required = typeof type === "string" ? requiredOf(type) : null;
  if (required === null) return `there is no event "${String(type)}"`;
  const members = event as { readonly [member: string]: unknown };
  const missing = required.find((member) => members[member] === undefined);
  if (missing !== undefined) return `${String(type)} without "${missing}"`;
  for (const [member, given] of Object.entries(members)) {
    const schema = Object.hasOwn(MEMBERS, member) ? MEMBERS[member as keyof typeof MEMBERS] : undefined;
    const checked = schema?.safeParse(given);
    if (checked?.success === false) return `${String(type)}, "${member}": ${checked.error.issues[0]?.message ?? "not as expected"}`;
  }
  return null;
}

function requiredOf(type: string): readonly string[] | null {
  if (Object.hasOwn(REQUIRED, type)) return REQUIRED[type as CoreEvent["type"]];
  return Object.hasOwn(ASPECT_FACTS, type) ? ASPECT_FACTS[type as AspectEvent["type"]].required : null;
}
