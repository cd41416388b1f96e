/**
 * When a task may start another one: in the turns of its family, then in those of its tenant. One that starts thousands
 * leaves time for others.
 */
import type { TaskState } from "../../engine/state/state.ts";
import { Pace } from "../../objects/pace.ts";
import { LIMITS } from "../limits.ts";

const families = new Pace(LIMITS.familyStarts);
const tenants = new Pace(LIMITS.tenantStarts);

/** Waits for the turn. `false`: it would take too long to stay awake for, and is left to the alarm. */
export async function startTurn({ created: { tenant, task, family } }: TaskState): Promise<boolean> {
  // Whoever has waited for its family is one of few who ask for the tenant's turns.
  return (await families.turn(`${tenant}/${family?.root ?? task}`, LIMITS.startTurnMs)) && tenants.turn(tenant, LIMITS.startTurnMs);
}
