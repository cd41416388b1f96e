/** What an agent's object keeps of its line and slots, in memory: as text, like the rows that it stands for. */
import type { AdmissionStore, Slot, Waiter } from "../../../src/agents/object/admission.ts";

export function memoryStore(): AdmissionStore {
  const [waiters, slots] = [new Map<string, string>(), new Map<string, string>()];
  let starts: readonly number[] = [];
  return {
    waiters: () => [...waiters.values()].map((text) => JSON.parse(text) as Waiter),
    slots: () => [...slots.values()].map((text) => JSON.parse(text) as Slot),
    starts: () => starts.toReversed(),
    putWaiter: (key, waiter) => void waiters.set(key, JSON.stringify(waiter)),
    deleteWaiter: (key) => void waiters.delete(key),
    putSlot: (key, slot) => void slots.set(key, JSON.stringify(slot)),
    deleteSlot: (key) => void slots.delete(key),
    addStart: (at) => void (starts = [...starts, at]),
    dropStartsBefore: (at) => void (starts = starts.filter((start) => start > at)),
  };
}
