/**
 * What the service itself takes, beside its agents: work that nothing else in an object goes on meanwhile, and ways between
 * objects. Measured on the service as `npm start` runs it, with agents that take no time (`npm run estimates -- --service`
 * compares it again); for a deployed one there is nothing to measure here, so what the platform publishes stands for it.
 *
 * How quick the machine is, is drawn once in a run: figures from elsewhere are right to within a factor.
 */
import type { Config } from "../shared/config.ts";
import { LIMITS } from "./limits.ts";
import { Spread } from "./spread.ts";

export interface Surroundings {
  readonly inlinePlaces: number;
  /** Batches that the queue delivers at the same time, and messages of one. */
  readonly queueBatches: number;
  readonly batchSize: number;
  /** Whether all objects share one processor. */
  readonly isOneMachine: boolean;
  /** Work, in milliseconds of an object's processor. */
  readonly work: { readonly [W in Work]: Spread };
  /** Ways, in milliseconds in which others go on. */
  readonly way: { readonly [W in WayBetween]: Spread };
  /** How far the machine may be from the one measured: deviation of a factor. */
  readonly speedDoubt: number;
  /** How far all agents together may be from what they were: they share networks, providers and the hour, if not a machine. */
  readonly agentsDoubt: number;
}

/** `begin` and `end` of a task, `call` and `reply` of an agent, `claim` and `report` of a consumer, a `slot`, a `child`, a `timer`. */
export type Work = "begin" | "end" | "call" | "reply" | "claim" | "report" | "slot" | "child" | "timer";
export type WayBetween = "object" | "queue" | "alarm";

const usually = (low: number, middle: number, high: number): Spread =>
  Spread.through([
    [0, low / 1.5],
    [0.05, low],
    [0.5, middle],
    [0.95, high],
    [1, 2 * high],
  ]);

const LOCAL: Pick<Surroundings, "work" | "way" | "isOneMachine" | "speedDoubt" | "agentsDoubt"> = {
  isOneMachine: true,
  work: {
    begin: usually(2, 4, 9),
    end: usually(0.5, 1, 3),
    call: usually(0.7, 1.5, 4),
    reply: usually(1, 2, 5),
    claim: usually(3, 6, 12),
    report: usually(3, 6, 12),
    slot: usually(2, 4, 9),
    child: usually(4, 8, 18),
    timer: usually(1, 3, 7),
  },
  way: { object: usually(0.5, 1, 3), queue: usually(3, 6, 15), alarm: usually(0.5, 1, 4) },
  speedDoubt: 0.6,
  // They run on the same machine, and slow down with it.
  agentsDoubt: 0.15,
};

const DEPLOYED: typeof LOCAL = {
  isOneMachine: false,
  work: {
    begin: usually(10, 30, 120),
    end: usually(1, 3, 10),
    call: usually(0.5, 1, 4),
    // A reply is recorded before what follows may leave.
    reply: usually(3, 10, 40),
    claim: usually(3, 10, 40),
    report: usually(3, 10, 40),
    slot: usually(3, 10, 40),
    child: usually(10, 30, 120),
    timer: usually(3, 10, 40),
  },
  way: { object: usually(3, 15, 80), queue: usually(50, 200, 2_000), alarm: usually(2, 20, 200) },
  speedDoubt: 0.6,
  agentsDoubt: 0.06,
};

export function surroundingsOf(config: Pick<Config, "allowLoopbackAgents" | "inlineCalls">): Surroundings {
  // Agents live on loopback nowhere but on a machine of one's own, where the queue delivers one batch at a time.
  const isLocal = config.allowLoopbackAgents;
  return {
    ...(isLocal ? LOCAL : DEPLOYED),
    inlinePlaces: config.inlineCalls,
    queueBatches: isLocal ? 1 : LIMITS.queueConsumers,
    batchSize: LIMITS.queueBatch,
  };
}
