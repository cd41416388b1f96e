/**
 * The world as it must have been for what is recorded of a moment: agents are those that were chosen, children those that
 * were started. What the record does not tell was not there.
 */
import type { Moment } from "../facts/moment.ts";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { LIMITS } from "../limits.ts";
import type { Json } from "../../shared/json.ts";
import type { Amounts } from "../../shared/money.ts";
import type { Reserved } from "../facts/call.ts";
import type { EventOf, TaskEvent } from "../facts/event.ts";
import { PassedOn } from "../facts/passed-on.ts";
import type { RecordedValue } from "../facts/value.ts";
import type { AgentChoice, AgentLookup, Choice, DeclaredCaching, Wanted, World } from "../world.ts";

export function recordedWorld(moment: Moment, read: (recorded: RecordedValue) => Json): World {
  const lookup: AgentLookup = {
    choose: (wanted) => choiceIn(moment, wanted),
    find: (agent) => {
      const started = moment.find((fact) => fact.type === "attempt.started" && fact.agent === agent);
      return started?.type === "attempt.started" ? choiceOf(started, moment.at) : null;
    },
    refusal: () => null,
    caching: (_target, step) => cachingIn(moment, step),
    hedging: () => ({ calls: 0, hedges: 0 }),
  };
  const passedOn = new PassedOn();
  return {
    now: moment.at,
    agents: lookup,
    values: {
      read: (place) => passedOn.read(place, read(place)),
      recorded: (value) => passedOn.placeOf(value),
      stage: () => undefined, // what is recorded is read where it is
      write: (value) => (utf8ToBytes(JSON.stringify(value)).length > LIMITS.valueBytes ? null : { value }),
    },
    inlinePlaces: Number.POSITIVE_INFINITY,
    relayMostMs: Number.POSITIVE_INFINITY,
    relayFor: (step, attempt) => {
      const sent = moment.find((fact) => "relay" in fact && fact.step === step && fact.attempt === attempt);
      return sent !== undefined && "relay" in sent ? sent.relay : "";
    },
    // A second agent was asked when it was, however long the call of the first had waited for its turn.
    calledAt: (step) => (moment.next?.type === "agent.selected" && moment.next.step === step ? null : "in_line"),
    childTask: (step, branch) => {
      const started = moment.find(
        (fact) =>
          (fact.type === "child.started" && fact.step === step && fact.branch === branch) ||
          (fact.type === "compensation.started" && `${fact.step}~undo` === step && fact.branch === branch),
      );
      return started?.type === "child.started" || started?.type === "compensation.started" ? (started.task ?? "") : "";
    },
  };
}

/**
 * What was chosen is what is recorded next, for there is no other order; who asks before that did not know the agents. A
 * choice in the place of somebody who was turned away is recorded after that.
 */
function choiceIn(moment: Moment, wanted: Wanted): Choice | null {
  const { seed, selection } = wanted;
  const { at, facts, done, next } = moment;
  const [, path, number] = /^[^/]*\/(.*)\/(\d+)$/.exec(seed) ?? [];
  const from = next?.type === "attempt.declined" && next.step === path ? done + 1 : done;
  const fact = facts[from];
  if (fact?.type === "agent.selected" && fact.step === path && fact.attempt === Number(number)) {
    return { agents: chosenIn(facts, from + 1, fact, at), receipt: fact.receipt };
  }
  const needs = neededIn(fact, path);
  if (needs !== null) return { agents: costing(needs, wanted.count), receipt: { policy: selection.policy, candidates: [] } };
  if (fact?.type === "step.waiting" && fact.step === path && "receipt" in fact && fact.receipt !== undefined) {
    return { agents: [], receipt: fact.receipt };
  }
  // Who waits for money goes on waiting, unless it is recorded that it found nobody any more.
  if (wanted.waitsForBudget && !(fact?.type === "step.waiting" && fact.step === path)) {
    return { agents: costing(BEYOND, wanted.count), receipt: { policy: selection.policy, candidates: [] } };
  }
  return fact !== undefined && path !== undefined && isGivenUp(moment, fact, path) ? nobody(selection.policy) : null;
}

/** What the choice would have cost that the budget did not allow for. */
function neededIn(fact: TaskEvent | undefined, step: string | undefined): Amounts | null {
  if (fact === undefined || !("step" in fact) || fact.step !== step) return null;
  if (fact.type === "budget.exhausted") return fact.needs;
  return fact.type === "step.waiting" && fact.waiting_on.type === "budget" ? fact.waiting_on.needs : null;
}

/** More than any budget allows. */
const BEYOND: Amounts = { cost_micros: Number.MAX_SAFE_INTEGER, tokens: Number.MAX_SAFE_INTEGER, calls: 1 };

/** So many agents that together cost just that. */
function costing({ cost_micros, tokens }: Amounts, count: number): readonly AgentChoice[] {
  const share = (amount: number, index: number): number =>
    index === 0 ? amount - (count - 1) * Math.floor(amount / count) : Math.floor(amount / count);
  return Array.from({ length: count }, (_, index) => ({
    ...UNKNOWN,
    agent: "",
    cost: { cost_micros: share(cost_micros, index), tokens: share(tokens, index) },
  }));
}

const nobody = (policy: string): Choice => ({ agents: [], receipt: { policy, candidates: [] } });

/** Whether the step is given up next, because nobody was there. */
function isGivenUp(moment: Moment, next: TaskEvent, step: string): boolean {
  switch (next.type) {
    case "step.failed":
    case "step.degraded":
      return next.step === step && next.error.code === "no_agent";
    case "step.completed":
      return next.step === step && next.degraded?.code === "no_agent";
    case "step.canceled":
      return (
        next.reason === "task_rejected" && moment.find((fact) => fact.type === "task.rejected" && fact.error.step_id === step) !== undefined
      );
    default:
      return false;
  }
}

/** What is asked of the cache follows the beginning of its step; who does not ask next could not, or had no reason to. */
function cachingIn({ facts, done }: Moment, step: string): DeclaredCaching | null {
  for (let index = done; index < facts.length; index++) {
    const fact = facts[index] as TaskEvent;
    if (fact.type === "task.started" || (fact.type === "step.started" && fact.step === step)) continue;
    if (fact.type !== "step.waiting" || fact.step !== step || fact.waiting_on.type !== "cache") return null;
    const { ttl_ms: ttlMs, tags = [], versions = "" } = fact.waiting_on;
    return { versions, terms: { ttlMs, tags } };
  }
  return null;
}

/** Those who were chosen together: their attempts follow each other. */
function chosenIn(
  facts: readonly TaskEvent[],
  from: number,
  { step, attempt }: EventOf<"agent.selected">,
  at: number,
): readonly AgentChoice[] {
  const chosen: AgentChoice[] = [];
  for (let index = from; index < facts.length; index++) {
    const fact = facts[index] as TaskEvent;
    if (fact.type === "task.started" || fact.type === "step.started") continue;
    if (!("attempt" in fact) || fact.step !== step || fact.attempt !== attempt + chosen.length) break;
    if (fact.type === "attempt.started") chosen.push(choiceOf(fact, at));
    else if (fact.type === "step.waiting") chosen.push({ ...UNKNOWN, agent: fact.waiting_on.agent, needsSlot: true, ...costIn(fact) });
    else break;
  }
  return chosen;
}

const UNKNOWN = { way: null, expectedLatencyMs: null, needsSlot: false, p95Ms: null, timeoutMs: null };

const costIn = ({ reserved }: { readonly reserved?: Reserved }) => (reserved === undefined ? {} : { cost: reserved });

function choiceOf(started: EventOf<"attempt.started">, at: number): AgentChoice {
  const { agent, way, hedge_at, timeout_ms } = started;
  return {
    ...UNKNOWN,
    ...costIn(started),
    agent,
    way,
    p95Ms: hedge_at === undefined ? null : hedge_at - at,
    timeoutMs: timeout_ms ?? null,
  };
}
