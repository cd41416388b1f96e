/** Work for a worker of an agent that pulls: one attempt after another, as long as all of it fits one answer. */
import { LIMITS } from "../limits.ts";
import type { Slot, StartAnswer } from "./admission.ts";
import type { CarriedCall, PulledCall } from "../transports/protocol.ts";

/** What came of handing an attempt over. `unknown`: it may have been; `wanted_again`: its task has changed its mind. */
export type Handed = CarriedCall | "unwanted" | "wanted_again" | "unknown";

/** What the agent's object does for a worker that asks. */
export interface Desk {
  /** Lets in who is next, if anybody may be. */
  readonly admit: () => Slot | undefined;
  readonly hand: (slot: Slot) => Promise<Handed>;
  /** It goes out to the worker as soon as the agent's rate lets it. */
  readonly leaves: (slot: Slot) => StartAnswer;
  readonly release: (slot: Slot) => void;
  readonly putBack: (slot: Slot) => void;
}

export async function handOut(most: number, desk: Desk): Promise<readonly PulledCall[]> {
  const calls: PulledCall[] = [];
  let bytes = 0;
  while (calls.length < most && bytes < LIMITS.claimBytes) {
    const slot = desk.admit();
    if (slot === undefined) break;
    const call = await desk.hand(slot);
    if (call === "unwanted") desk.release(slot);
    else if (call === "wanted_again") desk.putBack(slot);
    else if (call !== "unknown") {
      await untilStart(() => desk.leaves(slot));
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
