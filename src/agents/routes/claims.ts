/** Work of a pulling agent for one of its workers: what there is, or what there will be as soon as there is some. */
import type { AgentContract, AgentName } from "../object/agent-contract.ts";
import type { PulledCall } from "../transports/protocol.ts";
import { rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { claimAnswer, lateClaimAnswer, type Worker } from "./claim-answer.ts";
import { Refused } from "../../http/problem.ts";
import type { Standing } from "../../http/standing.ts";
import { aside } from "../../objects/errands.ts";
import { messagesOf } from "../../objects/follow.ts";

/** Whose work, and for how long its worker waits. */
export interface Claim {
  readonly name: AgentName;
  readonly object: AgentContract;
  readonly most: number;
  readonly waitMs: number;
  /** Whether the worker's credentials still hold. */
  readonly watch: () => Standing;
  /** Work that ends although the worker hangs up meanwhile, which ends everything else of its request. */
  readonly goesOn: (work: Promise<unknown>) => void;
}

/** What is refused is refused before the answer begins. `signal` aborts when the worker hangs up, where that is known. */
export function answerClaim(claim: Claim, signal: AbortSignal): Promise<Response> {
  const answer = answered(claim, signal);
  claim.goesOn(answer.catch(() => null)); // what it throws is told to the worker
  return answer;
}

async function answered(claim: Claim, signal: AbortSignal): Promise<Response> {
  const giveBack = (undelivered: readonly PulledCall[]): void => {
    if (undelivered.length > 0) claim.goesOn(returned(claim, undelivered));
  };
  if (signal.aborted) return claimAnswer([], giveBack);
  const calls = await claim.object.claim(claim.name, claim.most);
  if (calls === null) {
    const { agent } = claim.name;
    throw new Refused(
      rejection("invalid_state", `Agent "${agent}" is called, it does not pull; register it with "kind": "pull" to claim work`),
    );
  }
  if (signal.aborted) giveBack(calls);
  if (signal.aborted || calls.length > 0 || claim.waitMs === 0) return claimAnswer(calls, giveBack);
  const socket = await openFeed(claim.object);
  const { answer, ended } = lateClaimAnswer(signal, (worker) => claimLater(claim, socket, worker), giveBack);
  claim.goesOn(ended);
  return answer;
}

/** What is not given back after all is free when its lease ends. */
async function returned({ name, object }: Claim, calls: readonly PulledCall[]): Promise<void> {
  const attempts = calls.map(({ taskId: task, stepId: step, attempt }) => ({ task, step, attempt }));
  await aside("undelivered work not given back", object.undelivered(name, attempts));
}

/** The object wakes who waits, so that nobody has to keep asking. Who has hung up, or whose key holds no more, claims nothing. */
async function claimLater(claim: Claim, first: WebSocket, { gone, isThere }: Worker): Promise<readonly PulledCall[]> {
  const standing = claim.watch();
  try {
    return await claimUntil(claim, first, { gone: AbortSignal.any([gone, standing.lapsed]), isThere });
  } finally {
    standing.end();
  }
}

async function claimUntil({ name, object, most, waitMs }: Claim, first: WebSocket, worker: Worker): Promise<readonly PulledCall[]> {
  const { gone } = worker;
  const timeout = AbortSignal.timeout(waitMs);
  const over = AbortSignal.any([timeout, gone]);
  let socket = first;
  for (let turns = 1; ; turns++) {
    let isWoken = false;
    // The socket is open until the work is taken: with its end whatever is not taken wakes another worker.
    for await (const _ of messagesOf(socket, over)) {
      if (!(await worker.isThere())) return [];
      isWoken = true;
      const calls = (await object.claim(name, most)) ?? [];
      if (calls.length > 0 || timeout.aborted || turns >= LIMITS.claimTurns) return calls;
      break;
    }
    if (over.aborted) return [];
    // A socket that closed under us, as when the object is moved, is no reason to give up unasked.
    if (!isWoken) return (await object.claim(name, most)) ?? [];
    socket = await openFeed(object);
  }
}

async function openFeed(object: AgentContract): Promise<WebSocket> {
  const response = await object.fetch("https://agent/", { headers: { upgrade: "websocket" } });
  if (response.webSocket === null) throw new Refused(rejection("unavailable", await response.text(), { retryAfterMs: 1_000 }));
  return response.webSocket;
}
