/** The show: work for everybody, an outage in the middle of it, the return, and what is to be said of it all. */
import type { ServerProcess } from "../../scripts/server-process.ts";
import { BreakerWatch } from "./breaker-watch.ts";
import { checksOf, narrowReport } from "./checks.ts";
import { FleetAgent } from "./fleet-agent.ts";
import { FollowedTask } from "./followed-task.ts";
import { ledgerOf, type Ledger } from "./ledger.ts";
import { say, until } from "./moments.ts";
import { Outage } from "./outage.ts";
import { printReport } from "./report.ts";
import { nameOf, ROSTER, type TenantName } from "./roster.ts";
import { killAtRandom } from "./server-kills.ts";
import { Tenant } from "./tenant.ts";
import { wavesFor, workflowOf } from "./workflow.ts";

/** How much of the work is done when agents die. */
const MIDWAY = 0.4;
/** A step that stands in line for somebody who does not come back gives up after this. */
const PATIENCE = { queue_ttl: "60s" };
/** Where somebody else may do, a tenant need not wait for who is not there. */
const OPTIONS: Readonly<Record<TenantName, object>> = { default: PATIENCE, acme: { ...PATIENCE, on_no_agent: "fail" } };

export class FleetShow {
  readonly #server: ServerProcess;
  #fleet: readonly FleetAgent[] = [];

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** Whether everything held. */
  async run({ steps, kills }: { readonly steps: number; readonly kills: number }): Promise<boolean> {
    const tenants = await this.#makeTenants();
    await this.#startAgents(tenants);
    const waves = wavesFor(steps);
    const work = await Promise.all(
      [...tenants].map(([name, tenant]) => FollowedTask.submit(tenant, workflowOf(name, waves), OPTIONS[name])),
    );
    const total = work.reduce((sum, { workflow }) => sum + workflow.steps.length, 0);
    const done = (): number => work.reduce((sum, { completed }) => sum + completed, 0);
    say(`${total} steps submitted in two tasks of ${waves} waves each`);

    const watch = new BreakerWatch(this.#fleet, tenants);
    const killing = killAtRandom(kills, this.#server, work);
    const outage = new Outage(this.#fleet, tenants);
    await until("the middle of the work", () => done() >= MIDWAY * total);
    say(`${done()} of ${total} steps are done`);
    await outage.begin();
    const [knocks] = await Promise.all([
      outage.seen(() => work.every(({ hasEnded }) => hasEnded)),
      Promise.all(work.map(({ ended }) => ended)),
      killing,
    ]);
    say(`${done()} of ${total} steps are done, without the dead`);
    await outage.end();
    const encore = await outage.encore();
    await watch.end();

    const ledgers = [...work, ...knocks, ...encore].map(ledgerOf);
    await printReport(ledgers, this.#fleet, tenants, watch);
    return judge(ledgers, this.#fleet);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#fleet.map((agent) => agent.kill()));
  }

  async #makeTenants(): Promise<ReadonlyMap<TenantName, Tenant>> {
    const { origin, rootKey } = this.#server;
    const root = new Tenant("default", origin, rootKey);
    const key = await root.createKey({ name: "the fleet's owner", tenant: "acme", roles: ["admin"] });
    return new Map([
      ["default", root],
      ["acme", new Tenant("acme", origin, key)],
    ]);
  }

  async #startAgents(tenants: ReadonlyMap<TenantName, Tenant>): Promise<void> {
    this.#fleet = await Promise.all(ROSTER.map((member) => FleetAgent.create(member, tenants.get(member.tenant) as Tenant)));
    await Promise.all(this.#fleet.map((agent) => agent.start()));
    say(
      `${this.#fleet.length} agents registered, ${this.#fleet.flatMap(({ pids }) => pids).length} processes: ${ROSTER.map(nameOf).join(", ")}`,
    );
  }
}

function judge(ledgers: readonly Ledger[], fleet: readonly FleetAgent[]): boolean {
  console.log(`\n${narrowReport(fleet)}\n`);
  const checks = checksOf(ledgers, fleet);
  for (const { claim, faults } of checks) {
    console.log(`${faults.length === 0 ? "✓" : "✗"} ${claim}`);
    for (const fault of faults.slice(0, 10)) console.log(`    ${fault}`);
    if (faults.length > 10) console.log(`    and ${faults.length - 10} more`);
  }
  return checks.every(({ faults }) => faults.length === 0);
}
