/**
 * When a schedule may make up for a time that was missed: in its own turns, then in those of its tenant. Whoever has missed
 * thousands leaves time for others.
 */
import { Pace } from "../objects/pace.ts";
import { LIMITS } from "./limits.ts";

const schedules = new Pace(LIMITS.scheduleMakesUp);
const tenants = new Pace(LIMITS.tenantMakesUp);

/** Waits for the turn. A schedule asks for one at a time, so that even a thousand of them do not wait for long. */
export async function turnToMakeUp(tenant: string, schedule: string): Promise<void> {
  await schedules.turn(`${tenant}/${schedule}`);
  await tenants.turn(tenant);
}
