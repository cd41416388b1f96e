/** The fold of what people are asked, and of what they say. */
import type { EventOf } from "../facts/event.ts";
import { kindOf } from "../../language/kinds/table.ts";
import { approvalNumbered, type TaskState } from "./state.ts";
import type { Approval, Step } from "./step-state.ts";
import { resident } from "../facts/value.ts";

type ApprovalEvent = EventOf<
  "approval.requested" | "approval.decided" | "approval.link_withdrawn" | "approval.escalated" | "approval.expired"
>;

export function applyApproval(state: TaskState, step: Step, event: ApprovalEvent): void {
  switch (event.type) {
    case "approval.requested":
      state.approvals.push(step.index);
      return ask(state, step, {
        number: event.approval,
        title: event.title,
        payload: resident(event.payload, state.seq),
        hash: event.hash,
        assignees: event.assignees,
        quorum: event.quorum,
        isEditable: event.editable === true,
        requestedAt: state.at,
        dueAt: event.due_at ?? null,
        hasEscalated: false,
        outcome: null,
        decisions: [],
        withdrawn: [],
      });
    case "approval.decided": {
      const approval = approvalNumbered(state, event.approval);
      if (approval === null) return;
      const { by, voice = by, actor = null, decision, comment = null, hash, payload } = event;
      approval.decisions.push({ by, voice, actor, decision, comment, asked: approval.hash, hash, at: state.at });
      if (payload === undefined) return;
      approval.payload = resident(payload, state.seq);
      approval.hash = hash;
      return;
    }
    case "approval.link_withdrawn":
      approvalNumbered(state, event.approval)?.withdrawn.push(event.link);
      return;
    case "approval.escalated":
      if (step.approval === null) return;
      step.approval.assignees = event.assignees;
      step.approval.hasEscalated = true;
      step.approval.dueAt = event.due_at;
      return;
    case "approval.expired":
      if (step.approval !== null) step.approval.outcome = event.outcome;
  }
}

/** In the name of a step that does not ask people an aspect does. */
function ask(state: TaskState, step: Step, approval: Approval): void {
  if (kindOf(step.node.kind).takes === "people") step.approval = approval;
  else state.asks.set(approval.number, approval);
}
