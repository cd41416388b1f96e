/**
 * How many tasks a family may have: the task that it begins with, those that steps start, those that have parts of maps,
 * and those that ends start. Nobody counts them all: a task has a share, lends of it to those that it starts, and gets back
 * what they did not come to.
 *
 * F1. What is lent and left is never more than the share that the task began with.
 * F2. A task whose beginning says nothing of a share starts as many as it likes: it starts none, or is from before.
 * F3. What is lent leaves something for everybody who may still ask, as far as they are known. So nobody waits for a share.
 */
import { z } from "zod";
import { blockOfBranch } from "../../../language/graph.ts";
import { count, number, text } from "../../facts/member-schemas.ts";
import type { EventOf } from "../../facts/event.ts";
import type { Failure } from "../../facts/failure.ts";
import type { TaskState } from "../../state/state.ts";
import type { Phase, Step } from "../../state/step-state.ts";
import type { Aspect, Ruling } from "../aspect.ts";
import { claimOfPart, claimsOfBlock, claimsOfNode, isOverList, isStarter, minus, NO_CLAIMS, plus, times, type Claims } from "./claims.ts";
import { shareFor } from "./shares.ts";
import type { Family, Needs } from "./shape.ts";

export const family = {
  facts: {},
  admit: {},
  waits: {},
  timers: {},
  members: {
    family: z.looseObject({ root: text, tasks: number, needs: z.record(z.string(), number).optional() }),
    share: number,
    used: count,
  },
  follow: (state, event, step, before) => {
    const { family: own } = state;
    if (own === null || step === null || !isStarter(step.node)) return;
    const needs = needsOf(state);
    switch (event.type) {
      case "step.started":
        return begin(own, step, event, needs);
      case "branch.started":
        return open(own, step, event.branch, needs);
      case "child.started":
        return lent(own, step, event, needs);
      case "child.ended":
        return paidBack(own, event);
      case "step.completed":
      case "step.failed":
      case "step.canceled":
      case "step.skipped":
        return settle(own, step, before, needs);
      default:
        return;
    }
  },
  lend: (state, step, _world, { items, others }) => {
    const { family: own } = state;
    if (own === null) return {};
    const needs = needsOf(state);
    const claim = claimOf(step, items, needs);
    const left = others.reduce((sum, { share = 0 }) => sum - share, own.left);
    if (left < 1) return exhausted(state, step);
    return { share: shareFor(claim, minus(own.claims, times(claim, others.length)), left) };
  },
} satisfies Aspect<never, never, never, never>;

const needsOf = ({ created }: TaskState): Needs => created.family?.needs ?? {};

/** The step has begun: how long its list is is known. */
function begin(own: Family, step: Step, { items, chunk }: EventOf<"step.started">, needs: Needs): void {
  const before = claimsOfNode(step.node, needs);
  const now = items === undefined ? before : claimsOfList(step, items, chunk, needs);
  own.held.set(step.index, now);
  own.claims = plus(minus(own.claims, before), now);
}

function claimsOfList({ node }: Step, items: number, chunk: number | undefined, needs: Needs): Claims {
  const [block] = node.blocks;
  if (chunk !== undefined) return times(claimOfPart(node, chunk, needs), Math.ceil(items / chunk));
  return block === undefined ? NO_CLAIMS : times(claimsOfBlock(block, needs), items);
}

/** Steps inside it are there, and claim for themselves: an item's, a case instead of all others, or an iteration's once more. */
function open(own: Family, { index, node }: Step, branch: number, needs: Needs): void {
  const held = own.held.get(index) ?? NO_CLAIMS;
  const inside = claimsOfBlock(blockOfBranch(node, branch), needs);
  const kept = isOverList(node) ? minus(held, inside) : NO_CLAIMS;
  own.held.set(index, kept);
  if (!isOverList(node)) own.claims = plus(minus(own.claims, held), inside);
}

function lent(own: Family, step: Step, event: EventOf<"child.started">, needs: Needs): void {
  const claim = claimOf(step, event.items, needs);
  own.claims = minus(own.claims, claim);
  const held = own.held.get(step.index);
  if (held !== undefined) own.held.set(step.index, minus(held, claim));
  if (event.share === undefined) return;
  own.left -= event.share;
  own.open.set(event.task, event.share);
}

/** What it says not, and what nobody hears of any more, has come to as many as it might. */
function paidBack(own: Family, { task, used }: EventOf<"child.ended">): void {
  const share = own.open.get(task);
  if (share === undefined) return;
  own.open.delete(task);
  own.left += Math.max(0, share - (used ?? share));
}

function settle(own: Family, step: Step, before: Phase | null, needs: Needs): void {
  const held = own.held.get(step.index) ?? (before?.status === "open" ? NO_CLAIMS : claimsOfNode(step.node, needs));
  own.held.delete(step.index);
  own.claims = minus(own.claims, held);
}

const claimOf = ({ node }: Step, items: number | undefined, needs: Needs): Claims =>
  items === undefined ? claimsOfNode(node, needs) : claimOfPart(node, items, needs);

function exhausted({ created }: TaskState, step: Step): Ruling {
  return { facts: [], next: { type: "step_fails", step, error: familyTooLarge(created.family?.root ?? created.task) } };
}

export function familyTooLarge(root: string): Failure {
  const message = `The task ${root} and all that came of it are as many tasks as they may be, or this one has used up its share of them; does a workflow start itself?`;
  return { code: "family_too_large", message, retryable: false };
}
