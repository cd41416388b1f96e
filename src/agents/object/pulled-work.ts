/** Work for the workers of an agent that pulls. */
import { LIMITS } from "../limits.ts";
import type { CarriedCall, PulledCall } from "../transports/protocol.ts";
import type { Slot, StartAnswer } from "./admission.ts";

/** What came of handing an attempt over. `unknown`: it may have been; `wanted_again`: its task has changed its mind. */
export type Handed = CarriedCall | "unwanted" | "wanted_again" | "unknown";

/** What the agent's object does for a worker that asks. */
export interface ClaimSteps {
  /** Slots that the same claim took before, whose answer was lost. */
  readonly taken: readonly Slot[];
  /** Lets in who is next, if anybody may be. */
  readonly admit: () => Slot | undefined;
  /** `isAgain`: it may have been handed to this worker before. */
  readonly hand: (slot: Slot, isAgain: boolean) => Promise<Handed>;
  /** It goes out to the worker as soon as the agent's rate lets it. */
  readonly leaves: (slot: Slot) => StartAnswer;
  readonly release: (slot: Slot) => void;
  readonly putBack: (slot: Slot) => void;
}

/** Claims that are being answered: one that comes twice is answered once. */
export class Claims {
  readonly #answers = new Map<string, Promise<readonly PulledCall[]>>();

  answer(claim: string, most: number, steps: () => ClaimSteps): Promise<readonly PulledCall[]> {
    const answer = this.#answers.get(claim) ?? handOut(most, steps()).finally(() => this.#answers.delete(claim));
    this.#answers.set(claim, answer);
    return answer;
  }
}

/** One attempt after another, as long as all of it fits one answer. */
async function handOut(most: number, steps: ClaimSteps): Promise<readonly PulledCall[]> {
  const calls: PulledCall[] = [];
  const taken = [...steps.taken];
  let bytes = 0;
  while (calls.length < most && bytes < LIMITS.claimBytes) {
    const before = taken.shift();
    const slot = before ?? steps.admit();
    if (slot === undefined) break;
    const call = await steps.hand(slot, before !== undefined);
    if (call === "unwanted") steps.release(slot);
    else if (call === "wanted_again") steps.putBack(slot);
    else if (call !== "unknown") {
      // One that was taken before and has no start ahead has left then.
      if (before === undefined || before.startAt !== undefined) await untilStart(() => steps.leaves(slot));
      // The registration of the agent, a hundred times over, would be more than an answer carries.
      const { tenant: _, agent: __, ...pulled } = call;
      calls.push(pulled);
      bytes += pulled.input.byteLength;
    }
  }
  return calls;
}

/** Its task has given it away already, so it is waited for, however long that takes: what is planned for it stands. */
async function untilStart(leaves: () => StartAnswer): Promise<void> {
  for (;;) {
    const { type, inMs } = leaves();
    if (inMs > 0) await scheduler.wait(inMs);
    if (type === "go") return;
  }
}
