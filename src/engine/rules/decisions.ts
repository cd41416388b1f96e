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
  if (input.link !== undefined && asked.withdrawn.includes(input.link.id)) return err(rejection("not_found", "The link was withdrawn"));
  if (hasSaid(asked, input)) return ok([]);
  const voice = voiceOf(asked, input);
  // Who has approved what somebody has edited since may decide on what it has become, and says that it is that.
  const said = asked.decisions.find((one) => one.voice === voice && one.hash === asked.hash);
  const isSaid = said !== undefined;
  const isOpen = isOfAspect ? aspect !== null && state.ending === null && state.end === null : step.phase.status === "waiting";
  if (!isOpen || isSaid) return err(alreadyDecided(step, asked, said, input.by));
  if (!mayDecide(asked, input)) {
    return err(rejection("forbidden", `Only ${asked.assignees.join(", ")} may decide this; you are ${input.by}`));
  }
  const isAboutThis = input.hash === undefined ? !asked.decisions.some((one) => one.voice === voice) : input.hash === asked.hash;
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
    ...(voice !== input.by && { voice }),
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
  if (input.decision === "approve" && approvers(asked, hash, voice) < asked.quorum) return ok([fact]);
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
function approvers({ decisions }: Approval, hash: string, voice: string): number {
  return new Set([voice, ...decisions.filter((one) => one.decision === "approve" && one.hash === hash).map((one) => one.voice)]).size;
}

/**
 * Whose word a quorum counts it as. What is said by a link is its maker's, with their own and that of all their links, where
 * they may decide themselves: nobody fills a quorum alone. A link for somebody who is asked by name counts as theirs where its
 * maker may not decide.
 */
function voiceOf(asked: Approval, { by, voice = by, link }: InputOf<"decide">): string {
  if (link === undefined) return voice;
  if (link.maker === null) return MADE_BEFORE;
  const { subject, roles } = link.maker;
  const isForAsked = asked.assignees.includes(`subject:${link.for}`);
  return isForAsked && !mayDecide(asked, { by: subject, roles }) ? link.for : subject;
}

/** Who made a link before links said so cannot be told from who made another one. */
const MADE_BEFORE = "links made before";

/** Who has the link decides nothing by it any more. Again changes nothing. */
export function withdrawLink(
  state: TaskState,
  { approval, link, ...of }: InputOf<"withdraw_link">,
): Result<readonly TaskEvent[], Rejection> {
  const index = state.approvals[approval - 1];
  const step = index === undefined ? undefined : stepAt(state, index);
  const asked = approvalNumbered(state, approval);
  if (step === undefined || asked === null) return err(rejection("not_found", "There is no such approval"));
  if (asked.withdrawn.includes(link)) return ok([]);
  const used = asked.decisions.find(({ actor }) => actor?.type === "link" && actor.id === link);
  if (used !== undefined || state.end !== null) return err(alreadyDecided(step, asked, used, used?.by ?? ""));
  if (asked.withdrawn.length >= LIMITS.withdrawnLinks) {
    return err(rejection("limit_reached", `Of one approval at most ${LIMITS.withdrawnLinks} links are withdrawn`));
  }
  return ok([{ type: "approval.link_withdrawn", step: step.path, approval, link, ...causedBy(of) }]);
}

/** Whoever is asked: by role, by name, or anybody who may decide approvals at all. Admins always may. */
function mayDecide({ assignees }: Approval, { by, roles }: Pick<InputOf<"decide">, "by" | "roles">): boolean {
  if (assignees.length === 0 || roles.includes("admin")) return true;
  return assignees.includes(`subject:${by}`) || roles.some((role) => assignees.includes(`role:${role}`));
}

/** `said`: what was said in the same voice. */
function alreadyDecided(step: Step, asked: Approval, said: Decision | undefined, by: string): Rejection {
  const [first] = asked.decisions;
  const asOther = `${said?.by} has decided this already, and you count as the same: a link is its maker's word`;
  const own = said?.by === by ? "You have decided this already" : asOther;
  const what = said !== undefined ? own : `This is ${step.phase.status === "waiting" ? "not decided" : "decided already"}`;
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
