/** What must hold whatever was killed: by the journals of the tasks, and by what each agent has seen itself. */
import type { Call } from "./call-log.ts";
import type { FleetAgent } from "./fleet-agent.ts";
import { chosenIn, type Ledger } from "./ledger.ts";
import { NARROW } from "./roster.ts";

export interface Check {
  readonly claim: string;
  /** What speaks against it. */
  readonly faults: readonly string[];
}

export function checksOf(ledgers: readonly Ledger[], fleet: readonly FleetAgent[]): readonly Check[] {
  const steps = ledgers.reduce((sum, { task }) => sum + task.workflow.steps.length, 0);
  const attempts = ledgers.reduce((sum, ledger) => sum + ledger.attempts.length, 0);
  return [
    { claim: `each of the ${steps} steps settled once, completed`, faults: ledgers.flatMap(unsettled) },
    { claim: `each of the ${attempts} attempts came to an end`, faults: ledgers.flatMap(openEnded) },
    { claim: "nobody stood in line until the time was up: who is gone turns away who waits for it", faults: ledgers.flatMap(expired) },
    { claim: "the events of each task came once, in order and without a gap", faults: ledgers.flatMap(misnumbered) },
    { claim: "all calls for a step carried one idempotency key, whoever was called", faults: strayKeys(fleet) },
    { claim: `the narrow agent never had more than ${NARROW.max_concurrency} keys in flight`, faults: excesses(fleet) },
    { claim: "nobody was asked for anything but what a journal of its own tenant names", faults: strangers(ledgers, fleet) },
    { claim: "no step has an answer of the other tenant's agents", faults: ledgers.flatMap(foreignAnswers) },
    {
      claim: "every attempt was chosen by a receipt, with a reason for everybody else",
      faults: ledgers.flatMap(unexplained),
    },
    { claim: "unequal agents were used unequally", faults: evenUse(ledgers) },
  ];
}

/** How the narrow agent counted, and what it saw. */
export function narrowReport(fleet: readonly FleetAgent[]): string {
  const { max_concurrency: most, rate } = NARROW;
  const calls = fleet.filter(isNarrow).flatMap((agent) => agent.calls);
  const first = calls.filter(({ key }, index) => calls.findIndex((call) => call.key === key) === index);
  const times = first.map(({ at }) => at).toSorted((a, b) => a - b);
  const closestMs = Math.min(...times.flatMap((at, index) => (times[index + rate.count] ?? Number.POSITIVE_INFINITY) - at));
  return [
    `acme/narrow counts the different idempotency keys in flight: a repeat under a key, as after a kill, is the same work and counts once.`,
    `It had ${Math.max(0, ...calls.map(({ atOnce }) => atOnce))} of ${most} at most, in ${calls.length} calls of which ${calls.length - first.length} were repeats.`,
    `Repeats aside, ${rate.count + 1} came within ${closestMs} ms at the closest; the service starts ${rate.count} a second, the way there takes now more, now less.`,
  ].join("\n");
}

const isNarrow = ({ member }: FleetAgent): boolean => member.declares["limits"] === NARROW;

function unsettled({ task, endsByStep }: Ledger): readonly string[] {
  const last = task.events.at(-1)?.type;
  const faults = last === "task.completed" ? [] : [`${task.tenant.name}: the task ended with ${last}`];
  for (const { id } of task.workflow.steps) {
    const ends = endsByStep.get(id) ?? [];
    if (ends.length !== 1 || ends[0] !== "step.completed") faults.push(`${task.tenant.name} ${id}: ${ends.join(", ") || "never settled"}`);
  }
  return faults;
}

function openEnded({ task, attempts }: Ledger): readonly string[] {
  return attempts
    .filter(({ end }) => end === "open")
    .map(({ step, number, agent }) => `${task.tenant.name} ${step}, attempt ${number} with ${agent}`);
}

function expired({ task }: Ledger): readonly string[] {
  return task.events
    .filter(({ type, data }) => type === "attempt.canceled" && data["reason"] === "expired")
    .map(({ step_id, data }) => `${task.tenant.name} ${step_id}, in the line of ${String(data["agent"])}`);
}

function misnumbered({ task }: Ledger): readonly string[] {
  return task.events.flatMap(({ seq }, index) => (seq === index + 1 ? [] : [`${task.tenant.name}: event ${seq} at place ${index + 1}`]));
}

const stepOf = ({ task, step }: Pick<Call, "task" | "step">): string => `${task} ${step}`;

function strayKeys(fleet: readonly FleetAgent[]): readonly string[] {
  const keyByStep = new Map<string, string>();
  const stepByKey = new Map<string, string>();
  return fleet.flatMap(({ name, calls }) =>
    calls.flatMap((call) => {
      const [step, { key }] = [stepOf(call), call];
      const isStray = key === "" || (keyByStep.get(step) ?? key) !== key || (stepByKey.get(key) ?? step) !== step;
      keyByStep.set(step, key);
      stepByKey.set(key, step);
      return isStray ? [`${name} was asked for ${step} under "${key}"`] : [];
    }),
  );
}

function excesses(fleet: readonly FleetAgent[]): readonly string[] {
  return fleet
    .filter(isNarrow)
    .flatMap(({ name, calls }) =>
      calls
        .filter(({ atOnce }) => atOnce > NARROW.max_concurrency)
        .map((call) => `${name} had ${call.atOnce} at once when ${stepOf(call)} came`),
    );
}

/** Every call has an attempt of that agent in a journal of its tenant: what is of another tenant has none. */
function strangers(ledgers: readonly Ledger[], fleet: readonly FleetAgent[]): readonly string[] {
  const known = new Set(
    ledgers.flatMap(({ task, attempts }) =>
      attempts.map(({ agent, step, number }) => `${task.tenant.name}/${agent} ${task.id} ${step} ${number}`),
    ),
  );
  return fleet.flatMap(({ name, calls }) =>
    calls.filter((call) => !known.has(`${name} ${stepOf(call)} ${call.attempt}`)).map((call) => `${name}: ${stepOf(call)} ${call.attempt}`),
  );
}

function foreignAnswers({ task }: Ledger): readonly string[] {
  return task.events.flatMap(({ type, step_id, data }) => {
    const { by = null } = (type === "step.completed" && (data["output"] as { readonly by?: string | null } | null)) || {};
    return by === null || by.startsWith(`${task.tenant.name}/`) ? [] : [`${task.tenant.name} ${step_id} was answered by ${by}`];
  });
}

function unexplained({ task, attempts, choices }: Ledger): readonly string[] {
  const unchosen = attempts
    .filter(({ choice, number, agent }) => choice === undefined || chosenIn(choice)[number - choice.attempt]?.agent !== agent)
    .map(({ step, number, agent }) => `${task.tenant.name} ${step}, attempt ${number}: ${agent} was not chosen by a receipt`);
  const silent = choices.flatMap(({ step, attempt, candidates }) =>
    candidates
      .filter(({ verdict, score, reason }) => (verdict === "chosen" || verdict === "eligible" ? score === undefined : !reason))
      .map(({ agent, verdict }) => `${task.tenant.name} ${step}, attempt ${attempt}: ${agent} is ${verdict}, nobody says why`),
  );
  return [...unchosen, ...silent];
}

/** How often in a row an agent may fail a task before the task leaves it alone. */
const FAILURES_IN_A_ROW = 5;

/** How often a task chose an agent that is not there although it had found that out; a choice with a note is a trial. */
function chosenInVain({ task, choices }: Ledger): number {
  let failures = 0;
  return task.events.filter(({ type, step_id, data }) => {
    if (type === "attempt.failed" && data["agent"] === "ghost") failures++;
    if (type !== "agent.selected" || data["agent"] !== "ghost" || failures < FAILURES_IN_A_ROW) return false;
    return choices.some(({ step, attempt, note }) => step === step_id && attempt === data["attempt"] && note === undefined);
  }).length;
}

/** By price, by speed, and not where nobody is once that is known. */
function evenUse(ledgers: readonly Ledger[]): readonly string[] {
  const slowAmong = (policy: string): number =>
    ledgers.reduce(
      (sum, { choices }) => sum + choices.filter((one) => one.policy === policy && chosenIn(one)[0]?.agent === "slow").length,
      0,
    );
  const [ghost, cheapest, fastest] = [Math.max(...ledgers.map(chosenInVain)), slowAmong("cheapest"), slowAmong("fastest")];
  return [
    ...(ghost === 0 ? [] : [`ghost, which is not there, was chosen ${ghost} times by a task that knew, trials aside`]),
    ...(cheapest > fastest ? [] : [`slow was chosen ${cheapest} times as the cheapest, ${fastest} times as the fastest`]),
  ];
}
