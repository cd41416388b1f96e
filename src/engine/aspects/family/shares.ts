/** How many tasks those may come to that a task starts, so that together they are no more than its own share. */
import type { Chain } from "../../../language/graph.ts";
import type { TaskState } from "../../state/state.ts";
import { claimOfWorkflow, NO_CLAIMS, plus, type Claims } from "./claims.ts";
import type { FamilyShare } from "./shape.ts";

/** What is known to be few gets what it needs, as long as that is there; the others get equal parts of the rest. At least one. */
export function shareFor(claim: Claims, claims: Claims, left: number): number {
  const reserve = Math.min(claims.few, claims.many > 0 ? Math.floor(left / 2) : left);
  const wanted =
    claim.many > 0
      ? (left - reserve) / Math.max(1, claims.many)
      : claims.few <= reserve
        ? claim.few
        : (claim.few * reserve) / Math.max(1, claims.few);
  return Math.min(left, Math.max(1, Math.floor(wanted)));
}

/** What a task that this one has started may come to. */
export function shareOf({ family, created }: TaskState, task: string): FamilyShare | undefined {
  const share = family?.open.get(task);
  return share === undefined || created.family === undefined ? undefined : { ...created.family, tasks: share };
}

/**
 * What those may come to that this one's end starts; `null`: none of it any more. They pay nothing back, so a task that is
 * to pay back itself leaves them a part of what is not known to be few.
 */
export function sharesOfChains({ family, created }: TaskState, chains: readonly Chain[]): readonly (FamilyShare | null)[] | null {
  const share = created.family;
  if (family === null || share === undefined) return null;
  const needs = share.needs ?? {};
  const claimOf = ({ workflow }: Chain): Claims => claimOfWorkflow(workflow, needs);
  const claims = chains.reduce((sum, chain) => plus(sum, claimOf(chain)), NO_CLAIMS);
  const rest = Math.max(0, family.left - claims.few);
  const free =
    created.parent === undefined ? family.left : Math.min(family.left, claims.few + Math.max(claims.many, Math.floor(rest / PART)));
  let left = free;
  return chains.map((chain) => {
    if (left < 1) return null;
    const tasks = Math.min(left, shareFor(claimOf(chain), claims, free));
    left -= tasks;
    return { ...share, tasks };
  });
}
const PART = 16;

/** How many tasks have come of this one, or may still come of what its end starts. */
export function tasksUsed(state: TaskState): number | undefined {
  const { family, created, end, graph } = state;
  if (family === null || created.family === undefined) return undefined;
  const chains = end?.status === "completed" ? graph.onCompleted : end === null || end.status === "canceled" ? [] : graph.onFailed;
  const passedOn = sharesOfChains(state, chains)?.reduce((sum, share) => sum + (share?.tasks ?? 0), 0) ?? 0;
  return created.family.tasks - family.left + passedOn;
}
