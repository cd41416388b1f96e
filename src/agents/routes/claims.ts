/** Work of a pulling agent for one of its workers: what there is, or what there will be as soon as there is some. */
import type { AgentContract, AgentName } from "../object/agent-contract.ts";
import type { PulledCall } from "../transports/protocol.ts";
import { rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { claimAnswer, lateClaimAnswer } from "./claim-answer.ts";
import { Refused } from "../../http/problem.ts";
import type { Standing } from "../../http/standing.ts";
import { messagesOf } from "../../objects/follow.ts";

/** Whose work, and for how long its worker waits. */
export interface Claim {
  readonly name: AgentName;
  readonly object: AgentContract;
  readonly most: number;
  readonly waitMs: number;
  /** Whether the worker's credentials still hold. */
  readonly watch: () => Standing;
}

/** What is refused is refused before the answer begins. `signal` aborts when the worker hangs up, where that is known. */
export async function answerClaim(claim: Claim, signal: AbortSignal): Promise<Response> {
  if (signal.aborted) return claimAnswer([]);
  const calls = await claim.object.claim(claim.name, claim.most);
  if (calls === null) {
    const { agent } = claim.name;
    throw new Refused(
      rejection("invalid_state", `Agent "${agent}" is called, it does not pull; register it with "kind": "pull" to claim work`),
    );
  }
  if (calls.length > 0 || claim.waitMs === 0) return claimAnswer(calls);
  const socket = await openFeed(claim.object);
  return lateClaimAnswer(signal, (gone) => claimLater(claim, socket, gone));
}

/** The object wakes who waits, so that nobody has to keep asking. Who has hung up, or whose key holds no more, claims nothing. */
async function claimLater(claim: Claim, first: WebSocket, hungUp: AbortSignal): Promise<readonly PulledCall[]> {
  const standing = claim.watch();
  try {
    return await claimUntil(claim, first, AbortSignal.any([hungUp, standing.lapsed]));
  } finally {
    standing.end();
  }
}

async function claimUntil({ name, object, most, waitMs }: Claim, first: WebSocket, gone: AbortSignal): Promise<readonly PulledCall[]> {
  const timeout = AbortSignal.timeout(waitMs);
  const over = AbortSignal.any([timeout, gone]);
  let socket = first;
  for (let turns = 1; ; turns++) {
    const isWoken = await hasMessage(socket, over);
    if (gone.aborted || (!isWoken && timeout.aborted)) return [];
    const calls = (await object.claim(name, most)) ?? [];
    // A socket that closed under us, as when the object is moved, is no reason to give up unasked.
    const isOver = !isWoken || timeout.aborted || turns >= LIMITS.claimTurns;
    if (calls.length > 0 || isOver) return calls;
    socket = await openFeed(object);
  }
}

async function openFeed(object: AgentContract): Promise<WebSocket> {
  const response = await object.fetch("https://agent/", { headers: { upgrade: "websocket" } });
  if (response.webSocket === null) throw new Refused(rejection("unavailable", await response.text(), { retryAfterMs: 1_000 }));
  return response.webSocket;
}

async function hasMessage(socket: WebSocket, over: AbortSignal): Promise<boolean> {
  for await (const _ of messagesOf(socket, over)) return true;
  return false;
}
