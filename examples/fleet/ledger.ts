/** What the journal of a task says of its steps, its attempts and the choices of agents. */
import type { TaskEvent } from "../setup/orchestrator.ts";
import type { FollowedTask } from "./followed-task.ts";

export interface Candidate {
  readonly agent: string;
  readonly verdict: string;
  readonly score?: number;
  readonly reason?: string;
}

export interface Choice {
  readonly step: string;
  /** The first of the attempts that it is for. */
  readonly attempt: number;
  readonly policy: string;
  readonly candidates: readonly Candidate[];
  readonly note?: string;
}

export interface Attempt {
  readonly step: string;
  readonly number: number;
  readonly agent: string;
  readonly way: string;
  readonly isHedge: boolean;
  /** Why it was chosen; `undefined` where the journal does not say. */
  readonly choice: Choice | undefined;
  /** `called off`: before it went out. `open`: the journal does not say. */
  end: "open" | "completed" | "failed" | "canceled" | "called off";
}

export interface Ledger {
  readonly task: FollowedTask;
  readonly attempts: readonly Attempt[];
  readonly choices: readonly Choice[];
  /** Which agent's reply a step took; `null` where it took none. */
  readonly agentByStep: ReadonlyMap<string, string | null>;
  /** How often a step settled, and with what. */
  readonly endsByStep: ReadonlyMap<string, readonly string[]>;
  /** Why a step has less than was asked for. */
  readonly degradedByStep: ReadonlyMap<string, string>;
  readonly costUsdByAgent: ReadonlyMap<string, number>;
}

export function ledgerOf(task: FollowedTask): Ledger {
  const attempts = new Map<string, Attempt>();
  const choices: Choice[] = [];
  const agentByStep = new Map<string, string | null>();
  const endsByStep = new Map<string, string[]>();
  const degradedByStep = new Map<string, string>();
  const costUsdByAgent = new Map<string, number>();
  const end = (key: string, how: Attempt["end"]): void => {
    const attempt = attempts.get(key);
    if (attempt !== undefined) attempt.end = how;
  };
  for (const { type, step_id: step = "", data } of task.events) {
    const number = Number(data["attempt"]);
    const key = `${step}/${number}`;
    switch (type) {
      case "agent.selected":
        choices.push({ step, attempt: number, ...(data["receipt"] as Pick<Choice, "policy" | "candidates" | "note">) });
        break;
      case "attempt.started":
        attempts.set(key, attemptOf(step, number, data, choices));
        break;
      case "attempt.failed":
        end(key, "failed");
        break;
      case "attempt.canceled":
        end(key, "canceled");
        break;
      case "attempt.declined":
        end(key, "called off");
        break;
      case "attempt.completed":
        end(key, "completed");
        addCost(costUsdByAgent, data);
        break;
      case "step.degraded":
        degradedByStep.set(step, errorIn(data["error"]));
        break;
      case "step.completed":
        end(key, "completed");
        addCost(costUsdByAgent, data);
        agentByStep.set(step, attempts.get(key)?.agent ?? null);
        if (data["degraded"] !== undefined) degradedByStep.set(step, errorIn(data["degraded"]));
    }
    if (/^step\.(completed|failed|skipped|canceled)$/.test(type)) endsByStep.set(step, [...(endsByStep.get(step) ?? []), type]);
  }
  return { task, attempts: [...attempts.values()], choices, agentByStep, endsByStep, degradedByStep, costUsdByAgent };
}

/** Choices after a failure that went to somebody who had not failed. */
export function retriesOnAnother({ attempts, choices }: Ledger): number {
  return choices.filter((choice) => {
    const ofStep = attempts.filter(({ step }) => step === choice.step);
    if (ofStep.some(({ number, isHedge }) => number === choice.attempt && isHedge)) return false;
    const failed = ofStep.filter(({ number, end }) => number < choice.attempt && end === "failed").map(({ agent }) => agent);
    return failed.length > 0 && !failed.includes(chosenIn(choice)[0]?.agent ?? "");
  }).length;
}

/** Those that went out. */
export const sentIn = ({ attempts }: Ledger): readonly Attempt[] => attempts.filter(({ end }) => end !== "called off");

export const chosenIn = ({ candidates }: Choice): readonly Candidate[] => candidates.filter(({ verdict }) => verdict === "chosen");

function attemptOf(step: string, number: number, data: TaskEvent["data"], choices: readonly Choice[]): Attempt {
  const choice = choices.findLast((one) => one.step === step && one.attempt <= number && number < one.attempt + chosenIn(one).length);
  return { step, number, agent: String(data["agent"]), way: String(data["way"]), isHedge: "hedge" in data, choice, end: "open" };
}

function addCost(costUsdByAgent: Map<string, number>, data: TaskEvent["data"]): void {
  const { cost_usd } = (data["usage"] ?? {}) as { readonly cost_usd?: number };
  const agent = String(data["agent"]);
  if (cost_usd !== undefined) costUsdByAgent.set(agent, (costUsdByAgent.get(agent) ?? 0) + cost_usd);
}

function errorIn(error: unknown): string {
  return (error as { readonly code?: string } | undefined)?.code ?? "unknown";
}
