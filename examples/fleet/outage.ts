/** Three agents die at once, without a word. What the service makes of it, as its API tells; and their return. */
import type { FleetAgent } from "./fleet-agent.ts";
import { FollowedTask } from "./followed-task.ts";
import { pause, say, until } from "./moments.ts";
import { UNANNOUNCED, VICTIMS, type TenantName } from "./roster.ts";
import type { Tenant } from "./tenant.ts";
import { encoreOf } from "./workflow.ts";

const LOOK_MS = 250;
/** Rounds of the encore: one choice in ten is a trial, and a round has thirty. */
const ROUNDS = 10;

export class Outage {
  readonly #victims: readonly FleetAgent[];
  readonly #tenants: ReadonlyMap<TenantName, Tenant>;

  constructor(fleet: readonly FleetAgent[], tenants: ReadonlyMap<TenantName, Tenant>) {
    this.#victims = fleet.filter(({ name }) => VICTIMS.includes(name));
    this.#tenants = tenants;
  }

  async begin(): Promise<void> {
    for (const { name, pids } of this.#victims) say(`SIGKILL to ${name}, pid ${pids.join(", ")}`);
    await Promise.all(this.#victims.map((victim) => victim.kill()));
  }

  /** Resolves with the further tasks that it took, once each of the dead is seen to be left alone. */
  async seen(isWorkOver: () => boolean): Promise<readonly FollowedTask[]> {
    return (await Promise.all(this.#victims.map((victim) => this.#seen(victim, isWorkOver)))).flat();
  }

  async #seen(victim: FleetAgent, isWorkOver: () => boolean): Promise<readonly FollowedTask[]> {
    const { id } = victim.member;
    const tenant = this.#tenantOf(victim);
    const knocks: FollowedTask[] = [];
    for (;;) {
      const { status, status_reason, breaker_state } = await tenant.agent(id);
      if (breaker_state.status !== "closed" || status === "unhealthy" || status === "offline") {
        say(`${victim.name} is ${status}, its breaker ${breaker_state.status}: ${breaker_state.reason ?? status_reason}`);
        return knocks;
      }
      // What the service had seen of it may have died with a server that was killed: somebody has to notice anew.
      if (isWorkOver()) {
        const step = { id: "knock", agent: id, input: {}, retry: { max_attempts: 1 }, timeout: "2s", on_error: { output: null } };
        const knock = await FollowedTask.submit(tenant, { steps: [step], output: "${ true }" }, { queue_ttl: "2s" });
        await knock.ended;
        knocks.push(knock);
      }
      await pause(LOOK_MS);
    }
  }

  /** On their ports again. All but one say so. */
  async end(): Promise<void> {
    for (const victim of this.#victims) {
      const isAnnounced = victim.name !== UNANNOUNCED;
      await (isAnnounced ? victim.start() : victim.startUnannounced());
      say(`${victim.name} is back, pid ${victim.pids.join(", ")}${isAnnounced ? ", and registers" : ", and tells nobody"}`);
    }
  }

  /** Work for everybody, again until all who were dead have had some of it. */
  async encore(): Promise<readonly FollowedTask[]> {
    const before = new Map(this.#victims.map((victim) => [victim, victim.calls.length]));
    const hasWorked = (victim: FleetAgent): boolean => victim.calls.length > (before.get(victim) ?? 0);
    const tasks: FollowedTask[] = [];
    for (let round = 1; round <= ROUNDS && !this.#victims.every(hasWorked); round++) {
      await until(
        "nobody to be left alone any more",
        async () => (await Promise.all(this.#victims.map((one) => this.#mayWork(one)))).every(Boolean),
        LOOK_MS,
      );
      const submitted = await Promise.all(
        [...this.#tenants].map(([name, tenant]) => FollowedTask.submit(tenant, encoreOf(name, round), { queue_ttl: "60s" })),
      );
      await Promise.all(submitted.map(({ ended }) => ended));
      tasks.push(...submitted);
    }
    for (const victim of this.#victims) {
      const calls = victim.calls.length - (before.get(victim) ?? 0);
      const { breaker_state } = await this.#tenantOf(victim).agent(victim.member.id);
      say(`${victim.name} has worked again, ${calls} calls; its breaker is ${breaker_state.status}`);
    }
    return tasks;
  }

  /** Its breaker lets a trial through, or more. */
  async #mayWork(victim: FleetAgent): Promise<boolean> {
    const { status, breaker_state } = await this.#tenantOf(victim).agent(victim.member.id);
    return breaker_state.status !== "open" && status !== "offline";
  }

  #tenantOf(victim: FleetAgent): Tenant {
    return this.#tenants.get(victim.member.tenant) as Tenant;
  }
}
