/**
 * What people say on what they are asked. Each of them decides once on the same: who edits it asks those anew who had
 * approved what it was. The step is over with the decision that settles it.
 */
import { causedBy } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import { askingPeople } from "../aspects/table.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { InputOf } from "../facts/input.ts";
import { hashOf } from "../facts/payload-hash.ts";
import { readValue, type StoredValue } from "../facts/value.ts";
import { LIMITS } from "../limits.ts";
import { approvalNumbered, stepAt, type TaskState } from "../state/state.ts";
import type { Approval, Decision, Step } from "../state/step-state.ts";
import { carryOut } from "./ruling.ts";
import type { World } from "../world.ts";

/** A decision as it comes in. The number says which approval of the task. */
export function decide(state: TaskState, input: InputOf<"decide">, world: World): Result<readonly TaskEvent[], Rejection> {
  const index = state.approvals[input.approval - 1];
  const step = index === undefined ? undefined : stepAt(state, index);
  const asked = approvalNumbered(state, input.approval);
  if (step === undefined || asked === null) return err(rejection("not_found", "There is no such approval"));
  const isOfAspect = state.asks.has(input.approval);
  const aspect = askingPeople(state, input.approval);
  if (hasSaid(asked, input)) return ok([]);
  // Who has approved what somebody has edited since may decide on what it has become, and says that it is that.
  const isSaid = asked.decisions.some(({ by, hash }) => by === input.by && hash === asked.hash);
  const isOpen = isOfAspect ? aspect !== null && state.ending === null && state.end === null : step.phase.status === "waiting";
  if (!isOpen || isSaid) return err(alreadyDecided(step, asked, isSaid));
  if (!mayDecide(asked, input)) {
    return err(rejection("forbidden", `Only ${asked.assignees.join(", ")} may decide this; you are ${input.by}`));
  }
  const isAboutThis = input.hash === undefined ? !asked.decisions.some(({ by }) => by === input.by) : input.hash === asked.hash;
  if (!isAboutThis) {
    return err(
      rejection("approval_changed", "What you decide on is not what is asked; read the approval again", { facts: { hash: asked.hash } }),
    );
  }
  if (input.payload !== undefined && !asked.isEditable) {
    return err(
      rejection("invalid_request", "This approval's payload cannot be edited", {
        faults: [{ pointer: "/payload", message: "not editable", code: "invalid_request" }],
      }),
    );
  }
  if (input.payload !== undefined && asked.decisions.length >= LIMITS.approvalDecisions) {
    return err(rejection("limit_reached", `After ${LIMITS.approvalDecisions} decisions nobody edits it any more; decide on what it is`));
  }
  const edited = input.payload === undefined ? undefined : world.values.write(input.payload);
  assert(edited !== null, "what is sent with a decision is smaller than a value may be");
  const hash = input.payload === undefined ? asked.hash : hashOf(input.payload);
  const fact: TaskEvent = {
    type: "approval.decided",
    step: step.path,
    approval: asked.number,
    by: input.by,
    ...causedBy(input),
    decision: input.decision,
    hash,
    ...(input.comment !== undefined && { comment: input.comment }),
    ...(edited !== undefined && { payload: edited }),
  };
  if (aspect !== null) {
    const ruling = aspect.decided(step, asked, input, fact, world);
    return ruling.ok ? ok(carryOut(state, ruling.value, world)) : ruling;
  }
  if (input.decision === "approve" && approvers(asked, hash, input.by) < asked.quorum) return ok([fact]);
  return ok([fact, decided(step, input.decision, edited ?? asked.payload, input.by, input.comment ?? null, world)]);
}

/** What somebody says on an approval. */
type Word = Pick<InputOf<"decide">, "by" | "decision" | "comment" | "payload" | "hash">;

/** Whether somebody has said just this already: they may not have heard the answer. */
export function hasSaid({ decisions, hash }: Approval, word: Word): boolean {
  return decisions.some((decision) => decision.by === word.by && isRepeated(decision, hash, word));
}

/** Without a hash, what is said now is said of what is asked now. */
function isRepeated({ asked, decision, comment, hash }: Decision, now: string, word: Word): boolean {
  const isEdited = word.payload !== undefined;
  const isAboutThis = word.hash === undefined ? isEdited || hash === now : word.hash === asked;
  return (
    isAboutThis && decision === word.decision && comment === (word.comment ?? null) && hash === (isEdited ? hashOf(word.payload) : asked)
  );
}

/** How many have approved just this, with one who does now: what was edited and edited back they may have approved before. */
function approvers({ decisions }: Approval, hash: string, by: string): number {
  return new Set([by, ...decisions.filter((one) => one.decision === "approve" && one.hash === hash).map((one) => one.by)]).size;
}

/** Whoever is asked: by role, by name, or anybody who may decide approvals at all. Admins always may. */
function mayDecide({ assignees }: Approval, { by, roles }: InputOf<"decide">): boolean {
  if (assignees.length === 0 || roles.includes("admin")) return true;
  return assignees.includes(`subject:${by}`) || roles.some((role) => assignees.includes(`role:${role}`));
}

function alreadyDecided(step: Step, asked: Approval, byThem: boolean): Rejection {
  const [first] = asked.decisions;
  const what = byThem ? "You have decided this already" : `This is ${step.phase.status === "waiting" ? "not decided" : "decided already"}`;
  return rejection("already_decided", what, {
    facts: {
      step_status: step.phase.status,
      first_decision:
        first === undefined
          ? null
          : { decision: first.decision, decided_by: first.by, comment: first.comment, at: new Date(first.at).toISOString() },
    },
  });
}

/** The step is over with it. */
export function decided(
  { path }: Step,
  decision: "approve" | "reject",
  payload: StoredValue,
  by: string | null,
  comment: string | null,
  world: World,
): TaskEvent {
  const output = { decision, payload: readValue(payload, world.values), decided_by: by, comment };
  return { type: "step.completed", step: path, output: world.values.write(output) ?? { value: { ...output, payload: null } } };
}
