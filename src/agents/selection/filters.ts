/** What rules an agent out for a step. The first rule that does names the verdict. */
import type { Verdict } from "../../engine/facts/receipt.ts";
import type { Wanted } from "../../engine/world.ts";
import type { Json } from "../../shared/json.ts";
import { violationsOf } from "../../shared/json-schema.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { isVersion } from "../../shared/version.ts";
import type { AgentState } from "../agent-state.ts";
import { capabilityOf, type AgentRecord, type Capability } from "../agent.ts";
import { priceOfCall } from "./score.ts";

/** An agent as a snapshot has it. */
export interface Candidate {
  readonly agent: AgentRecord;
  readonly state: AgentState | null;
}

export interface RuledOut {
  readonly verdict: Exclude<Verdict, "chosen" | "eligible">;
  readonly reason: string;
}

export function ruledOut(candidate: Candidate, wanted: Wanted, input: () => Json | undefined): RuledOut | null {
  const { agent } = candidate;
  const { selection } = wanted;
  const barred = wanted.barred.get(agent.id);
  if (barred !== undefined) {
    return barred === "declined"
      ? { verdict: "declined", reason: "it turned the step away, or asked for patience" }
      : { verdict: "excluded", reason: "it works on this step already" };
  }
  if (selection.exclude.includes(agent.id)) return { verdict: "excluded", reason: "the step excludes it" };
  const capability = capabilityFor(agent, wanted);
  if (selection.version !== null && !isVersion(capability?.version, selection.version)) {
    return { verdict: "version", reason: `offers ${capability?.version ?? "no version"}, wanted ${selection.version}` };
  }
  if (selection.region !== null && agent.region !== selection.region) {
    return { verdict: "region", reason: `is in ${agent.region ?? "no declared region"}, wanted ${selection.region}` };
  }
  for (const [name, value] of Object.entries(selection.labels)) {
    const label = Object.hasOwn(agent.labels ?? {}, name) ? agent.labels?.[name] : undefined;
    if (label !== value) {
      return { verdict: "labels", reason: `label ${name} is ${label ?? "absent"}, wanted ${value}` };
    }
  }
  const unwell = unfit(candidate, wanted);
  if (unwell !== null) return unwell;
  if (selection.maxCostUsd !== null) {
    const price = priceOfCall(agent, capability, statisticsFor(candidate, wanted));
    if (price > selection.maxCostUsd)
      return { verdict: "price", reason: `a call costs about ${price} USD, more than ${selection.maxCostUsd}` };
  }
  if (capability?.inputSchema !== undefined) {
    const value = input();
    const [violation] = value === undefined ? [] : violationsOf(capability.inputSchema, value);
    if (violation !== undefined) return { verdict: "input_schema", reason: `${violation.pointer || "the input"}: ${violation.message}` };
  }
  return null;
}

/** Why an agent should not be called now, whoever asks. */
export function unfit(
  { agent, state }: Candidate,
  wanted: { readonly evidence: Wanted["evidence"]; readonly now: number },
): RuledOut | null {
  return health(agent, state, wanted.now) ?? breakerRule(agent, state, wanted.evidence, wanted.now);
}

function health(agent: AgentRecord, state: AgentState | null, now: number): RuledOut | null {
  if (agent.draining === true) return { verdict: "draining", reason: "it takes no new work" };
  if (state === null) return null;
  // An agent that registered again since is somebody new.
  const isOld = agent.updatedAt > state.at;
  if (state.status === "offline" && !isOld) return { verdict: "health", reason: `offline: ${state.reason}` };
  const isByBreaker = state.breaker.status !== "closed";
  if (state.status === "unhealthy" && !isByBreaker && !isOld) return { verdict: "health", reason: `unhealthy: ${state.reason}` };
  if (state.breaker.status === "open" && now < state.breaker.until && !isOld) {
    return { verdict: "breaker", reason: `left alone until ${new Date(state.breaker.until).toISOString()}: ${state.breaker.reason}` };
  }
  return null;
}

/** What this task has seen itself is fresher than what was published. */
function breakerRule(agent: AgentRecord, state: AgentState | null, evidence: Wanted["evidence"], now: number): RuledOut | null {
  const seen = evidence.get(agent.id);
  if (seen === undefined || state?.breaker.status === "half_open" || agent.updatedAt > seen.lastFaultAt) return null;
  const { consecutive, cooldownMs } = { ...DEFAULTS.breaker, ...agent.breaker };
  if (seen.faultsInARow < consecutive || now >= seen.lastFaultAt + cooldownMs) return null;
  return { verdict: "breaker", reason: `${seen.faultsInARow} failures in a row in this task` };
}

export function capabilityFor(agent: AgentRecord, { target }: Pick<Wanted, "target">): Capability | undefined {
  return capabilityOf(agent, target.type === "capability" ? target.capability : null);
}

export function statisticsFor({ agent, state }: Candidate, wanted: Pick<Wanted, "target">) {
  const name = capabilityFor(agent, wanted)?.name;
  // A name may be any word, and so one that every object has.
  return name !== undefined && state !== null && Object.hasOwn(state.capabilities, name) ? (state.capabilities[name] ?? null) : null;
}

/** Not closed, or about to be tried again: calls go through the agent's object, which lets few in. */
export function isOnTrial({ agent, state }: Candidate, wanted: Pick<Wanted, "evidence">): boolean {
  if (state !== null && state.breaker.status !== "closed") return true;
  const seen = wanted.evidence.get(agent.id);
  return (
    seen?.heldUntil !== undefined ||
    (seen !== undefined && seen.faultsInARow >= (agent.breaker?.consecutive ?? DEFAULTS.breaker.consecutive))
  );
}
