/** What there was to see, in figures: who did what, what went wrong on the way, and why some were chosen. */
import type { FleetAgent } from "./fleet-agent.ts";
import { chosenIn, retriesOnAnother, sentIn, type Attempt, type Choice, type Ledger } from "./ledger.ts";
import { UNANNOUNCED } from "./roster.ts";
import type { AgentView, Tenant } from "./tenant.ts";
import type { BreakerWatch } from "./breaker-watch.ts";

export async function printReport(
  ledgers: readonly Ledger[],
  fleet: readonly FleetAgent[],
  tenants: ReadonlyMap<string, Tenant>,
  watch: BreakerWatch,
): Promise<void> {
  printAgents(ledgers, await viewsOf(fleet, tenants), fleet);
  printPolicies(ledgers);
  printTotals(ledgers, watch);
  await printReasons(ledgers);
}

function printAgents(ledgers: readonly Ledger[], views: ReadonlyMap<string, AgentView>, fleet: readonly FleetAgent[]): void {
  console.log("\nagent             steps  attempts  failed  hedges   cost $  status    what it is");
  for (const { name, member } of fleet) {
    const own = ledgers.filter(({ task }) => task.tenant.name === member.tenant);
    const attempts = own.flatMap(sentIn).filter(({ agent }) => agent === member.id);
    const steps = sum(own, ({ agentByStep }) => [...agentByStep.values()].filter((agent) => agent === member.id).length);
    const cost = sum(own, ({ costUsdByAgent }) => costUsdByAgent.get(member.id) ?? 0);
    console.log(
      [
        name.padEnd(16),
        String(steps).padStart(6),
        String(attempts.length).padStart(9),
        String(attempts.filter(({ end }) => end === "failed").length).padStart(7),
        String(attempts.filter(({ isHedge }) => isHedge).length).padStart(7),
        cost.toFixed(3).padStart(8),
        ` ${(views.get(name)?.status ?? "unknown").padEnd(9)}`,
        member.character,
      ].join(" "),
    );
  }
}

/** Who was chosen first, by what was asked for. */
function printPolicies(ledgers: readonly Ledger[]): void {
  const counts = new Map<string, Map<string, number>>();
  for (const { task, choices } of ledgers) {
    for (const choice of choices) {
      if (choice.attempt !== 1 || choice.candidates.length < 2) continue;
      const kind = choice.step.replace(/^w\d+\./, "").replace(/-\d+$/, "");
      const label = `${task.tenant.name} ${kind}, ${policyOf(choice)}`;
      const of = counts.get(label) ?? new Map<string, number>();
      counts.set(label, of);
      for (const { agent } of chosenIn(choice)) of.set(agent, (of.get(agent) ?? 0) + 1);
    }
  }
  console.log("\nchosen first, where there was a choice");
  for (const [label, of] of [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const ranked = [...of].toSorted(([, a], [, b]) => b - a).map(([agent, count]) => `${agent} ${count}`);
    console.log(`  ${label.padEnd(36)} ${ranked.join(", ")}`);
  }
}

function policyOf({ policy, note = "" }: Choice): string {
  return note.includes("within") ? "for a deadline" : policy;
}

function printTotals(ledgers: readonly Ledger[], watch: BreakerWatch): void {
  const degraded = ledgers.flatMap(({ task, degradedByStep }) =>
    [...degradedByStep].map(([step, code]) => `${task.tenant.name} ${step} (${code})`),
  );
  const count = (of: (ledger: Ledger) => number): number => sum(ledgers, of);
  const ended = (how: Attempt["end"]): number => count(({ attempts }) => attempts.filter(({ end }) => end === how).length);
  const breakers = [...watch.opened].map(([name, reason]) => `${name} (${reason})`);
  console.log(
    [
      "",
      `steps               ${count(({ task }) => task.workflow.steps.length)} in ${ledgers.length} tasks`,
      `attempts            ${count((ledger) => sentIn(ledger).length)}, of which ${ended("failed")} failed; ${ended("called off")} more were called off before they went out`,
      `retries on another  ${count(retriesOnAnother)}`,
      `hedges              ${count(({ attempts }) => attempts.filter(({ isHedge }) => isHedge).length)}, of which ${count(({ attempts }) => attempts.filter(({ isHedge, end }) => isHedge && end === "completed").length)} were faster`,
      `degraded steps      ${degraded.length}: ${shortened(degraded)}`,
      `breakers opened     ${breakers.length}: ${breakers.join(", ")}`,
      `cost                ${count(({ costUsdByAgent }) => sum([...costUsdByAgent.values()], (usd) => usd)).toFixed(3)} USD`,
    ].join("\n"),
  );
}

function shortened(list: readonly string[]): string {
  return list.length <= 8 ? list.join(", ") : `${list.slice(0, 8).join(", ")} and ${list.length - 8} more`;
}

/** Three choices in the service's own words: by price, without those who failed, and of somebody who may be back. */
async function printReasons(ledgers: readonly Ledger[]): Promise<void> {
  const wanted: readonly ((choice: Choice) => boolean)[] = [
    ({ policy }) => policy === "cheapest",
    ({ candidates }) => candidates.some(({ verdict }) => verdict === "tried") && candidates.some(({ verdict }) => verdict === "breaker"),
    (choice) => choice.note !== undefined && UNANNOUNCED.endsWith(`/${chosenIn(choice)[0]?.agent}`),
  ];
  console.log("\nwhy");
  for (const isWanted of wanted) {
    for (const { task, choices } of ledgers) {
      // A task's page has the reason for the last choice.
      const last = choices.filter((choice) => !choices.some((other) => other.step === choice.step && other.attempt > choice.attempt));
      const step = last.findLast(isWanted)?.step;
      if (step === undefined) continue;
      const view = (await task.tenant.task(task.id)).steps.find(({ id }) => id === step);
      console.log(`  ${task.tenant.name} ${step}: ${view?.why ?? "nobody says"}`);
      break;
    }
  }
}

async function viewsOf(fleet: readonly FleetAgent[], tenants: ReadonlyMap<string, Tenant>): Promise<ReadonlyMap<string, AgentView>> {
  const views = fleet.map(async ({ name, member }) => [name, await (tenants.get(member.tenant) as Tenant).agent(member.id)] as const);
  return new Map(await Promise.all(views));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
