/**
 * A step that asks agents, in a simulated run: rounds of attempts, further ones after failures, a second agent beside a slow
 * one, several at once, and whoever comes to the rescue. As `engine/choose.ts` and `engine/attempt.ts` have it.
 */
import { retryDelayMs } from "../language/retry.ts";
import { DEFAULTS } from "../shared/limits.ts";
import { Attempt, type Consequences } from "./attempt-run.ts";
import type { Call } from "./crew-run.ts";
import { isWanted, type Instance } from "./frame.ts";
import type { AgentPlan } from "./plan.ts";
import type { Member, Pool } from "./pool.ts";
import type { Run } from "./run.ts";

export interface AgentWork {
  /** The target that is asked now. */
  target: number;
  /** Rounds of it so far. */
  tries: number;
  readonly live: Attempt[];
  /** Agents that have failed it. */
  tried: number[];
  /** Replies of this round. */
  replies: number;
  last: number | null;
}

export function startAgent(run: Run, instance: Instance): void {
  instance.work = { target: 0, tries: 0, live: [], tried: [], replies: 0, last: null };
  startRound(run, instance);
}

const planOf = ({ step }: Instance): AgentPlan => step as AgentPlan;
const workOf = ({ work }: Instance): AgentWork => work as AgentWork;

function startRound(run: Run, instance: Instance): void {
  const plan = planOf(instance);
  const work = workOf(instance);
  const pool = plan.pools[work.target] as Pool;
  const count = plan.ensemble?.agents ?? 1;
  const chosen = choose(run, instance, pool, count, plan.retry.on === "same" ? work.last : null);
  if (chosen.length < count) return nobody(run, instance, pool);
  work.tries++;
  work.replies = 0;
  for (const member of chosen) start(run, instance, member, false);
}

/** Those that have not failed the step first. */
function choose(run: Run, instance: Instance, pool: Pool, count: number, prefer: number | null): readonly Member[] {
  const { members } = pool;
  const { live, tried } = workOf(instance);
  const { task } = instance.frame;
  if (live.length === 0 && tried.length === 0) return run.choices.choose(pool, members, count, task);
  const free = members.filter(({ agent }) => !live.some((attempt) => attempt.member.agent === agent));
  const preferred = tried.length === 0 ? [] : free.filter(({ agent }) => agent === prefer);
  const fresh = preferred.length > 0 ? preferred : free.filter(({ agent }) => !tried.includes(agent));
  const first = run.choices.choose(pool, fresh, count, task);
  if (first.length >= count) return first;
  const others = free.filter((member) => !fresh.includes(member));
  return [...first, ...run.choices.choose(pool, others, count - first.length, task)];
}

/** Nobody qualifies: the next target, or in the end the step's failure. */
function nobody(run: Run, instance: Instance, pool: Pool): void {
  run.setting.findings.nobody(planOf(instance), pool);
  const { target } = workOf(instance);
  if (target + 1 < planOf(instance).pools.length) return fallBack(run, instance);
  run.clock.at(run.clock.now + DEFAULTS.queueTtlMs, () => {
    if (isWanted(instance)) fallBack(run, instance);
  });
}

function fallBack(run: Run, instance: Instance): void {
  const work = workOf(instance);
  if (++work.target >= planOf(instance).pools.length) return run.settle(instance, "failed");
  work.tries = 0;
  work.tried = [];
  startRound(run, instance);
}

function start(run: Run, instance: Instance, member: Member, isHedge: boolean): void {
  run.spend(1);
  const attempt = new Attempt(run, instance, member, isHedge, CONSEQUENCES);
  workOf(instance).live.push(attempt);
  attempt.begin();
}

const CONSEQUENCES: Consequences = {
  ended: (run, attempt, call) => {
    if (call.failure === null) succeeded(run, attempt);
    else failed(run, attempt, call);
  },
  takesLong: startHedge,
};

/** The reply takes long: a second agent gets the same work, unless too many calls are hedges already. */
function startHedge(run: Run, first: Attempt): void {
  const { instance } = first;
  const plan = planOf(instance);
  const { live, target } = workOf(instance);
  const pool = plan.pools[target] as Pool;
  if (plan.hedge === null || pool.target.type !== "capability" || first.isOver || live.length !== 1 || !isWanted(instance)) return;
  const { maxShare } = plan.hedge;
  const own = instance.frame.task.callsOf(pool.target.capability);
  if (own.hedges > maxShare * own.calls) return;
  if (pool.hedges.calls >= MEANINGFUL_CALLS && pool.hedges.hedges >= maxShare * pool.hedges.calls) return;
  const [second] = choose(run, instance, pool, 1, null);
  if (second === undefined || second.agent === first.member.agent) return;
  run.ledger.counts.rows++;
  start(run, instance, second, true);
}

const MEANINGFUL_CALLS = 20;

function succeeded(run: Run, attempt: Attempt): void {
  const { instance } = attempt;
  const work = workOf(instance);
  const { ensemble } = planOf(instance);
  work.last = attempt.member.agent;
  work.replies++;
  if (ensemble === null || ensemble.mode === "first") {
    cancelAll(work);
    return run.settle(instance, "completed");
  }
  afterReply(run, instance, null);
}

/** Attempts that nobody waits for any more leave the list by themselves. */
function cancelAll({ live }: AgentWork): void {
  for (let other = live[0]; other !== undefined; other = live[0]) other.cancel();
}

function failed(run: Run, attempt: Attempt, { failure }: Call): void {
  const { instance } = attempt;
  const work = workOf(instance);
  work.last = attempt.member.agent;
  work.tried.push(attempt.member.agent);
  const mayRetry = failure !== "refused";
  if (planOf(instance).ensemble !== null) return afterReply(run, instance, mayRetry);
  if (work.live.length === 0) tryAgain(run, instance, mayRetry);
}

/** Replies are taken to agree; an ensemble that is to is decided by as many as it asks for. */
function afterReply(run: Run, instance: Instance, mayRetry: boolean | null): void {
  const { ensemble } = planOf(instance);
  const { replies, live } = workOf(instance);
  if (ensemble === null) return;
  const needed = ensemble.mode === "all" ? ensemble.agents : ensemble.mode === "quorum" ? ensemble.quorum : 1;
  const isDecided = replies >= needed && (ensemble.mode !== "best" || live.length === 0);
  const isImpossible = replies + live.length < needed;
  if (!isDecided && !isImpossible) return;
  cancelAll(workOf(instance));
  if (isDecided) run.settle(instance, "completed");
  else tryAgain(run, instance, mayRetry ?? true);
}

function tryAgain(run: Run, instance: Instance, mayRetry: boolean): void {
  const { retry } = planOf(instance);
  const { tries } = workOf(instance);
  if (!mayRetry || tries >= retry.maxAttempts) return fallBack(run, instance);
  const delayMs = retryDelayMs(retry, tries, String(run.chance.unit()));
  run.wakeIn(instance.frame.task, delayMs, () => {
    if (isWanted(instance)) startRound(run, instance);
  });
}
