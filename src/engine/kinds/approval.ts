/** A step that asks people. What they decide on is recorded with its hash before anybody is asked. */
import { recorded } from "../rules/recorded.ts";
import { excerpt } from "../../shared/text.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { TaskEvent } from "../facts/event.ts";
import { expressionError } from "../facts/failure.ts";
import { hashOf } from "../facts/payload-hash.ts";
import { LIMITS } from "../limits.ts";
import { decided } from "../rules/decisions.ts";
import { startedFacts } from "../rules/started.ts";
import { failStep } from "../rules/step.ts";
import { scopeOfStep } from "../state/scope.ts";
import type { Step } from "../state/step-state.ts";
import type { Kind } from "./kind.ts";

export const approval: Kind<NodeOf<"approval">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const { node, path } = step;
    const scope = () => scopeOfStep(state, step, world.values);
    const title = node.title.evaluate(scope);
    if (!title.ok) return [...started, ...failStep(state, step, expressionError(step, "title", title.error), world)];
    const payload = node.payload.evaluate(scope);
    if (!payload.ok) return [...started, ...failStep(state, step, expressionError(step, "payload", payload.error), world)];
    const stored = recorded(state, payload.value, world);
    if (!stored.ok) return [...started, ...failStep(state, step, stored.error, world)];
    const number = state.approvals.length + 1;
    const due_at = node.dueMs === null ? undefined : world.now + node.dueMs;
    return [
      ...started,
      {
        type: "approval.requested",
        step: path,
        approval: number,
        title: excerpt(typeof title.value === "string" ? title.value : JSON.stringify(title.value), LIMITS.textLength),
        payload: stored.value,
        hash: hashOf(payload.value),
        assignees: node.assignees,
        quorum: node.quorum,
        ...(node.isEditable && { editable: true as const }),
        ...(due_at !== undefined && { due_at }),
      },
      waiting(step, number, due_at),
    ];
  },
  due: (state, step, world) => {
    const { approval: asked, node, path } = step;
    if (asked === null) return [];
    const at = { step: path, approval: asked.number };
    if (node.escalateTo.length > 0 && !asked.hasEscalated) {
      const due_at = world.now + (node.dueMs ?? 0);
      const assignees = [...new Set([...asked.assignees, ...node.escalateTo])];
      return [{ ...at, type: "approval.escalated", assignees, due_at }, waiting(step, asked.number, due_at)];
    }
    const expired: TaskEvent = { ...at, type: "approval.expired", outcome: node.onExpiry };
    if (node.onExpiry === "fail") {
      const error = { code: "approval_expired", message: `Nobody decided on "${asked.title}" in time`, retryable: false };
      return [expired, ...failStep(state, step, error, world)];
    }
    return [expired, decided(step, node.onExpiry, asked.payload, null, null, world)];
  },
};

function waiting({ path }: Step, number: number, until: number | undefined): TaskEvent {
  return { type: "step.waiting", step: path, waiting_on: { type: "approval", approval: number, ...(until !== undefined && { until }) } };
}
