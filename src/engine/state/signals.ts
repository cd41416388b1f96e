/** The fold of signals: kept in the order they came, until a step takes them. */
import type { EventOf } from "../facts/event.ts";
import { LIMITS } from "../limits.ts";
import { type TaskState } from "./state.ts";
import type { Step } from "./step-state.ts";
import { resident } from "../facts/value.ts";

export function keepSignal(state: TaskState, { name, payload, key, fingerprint }: EventOf<"signal.received">): void {
  const kept = state.signals.get(name);
  const signal = { seq: state.seq, payload: resident(payload, state.seq) };
  if (kept === undefined) state.signals.set(name, [signal]);
  else kept.push(signal);
  state.keptSignals++;
  state.signalKeys.set(key, fingerprint);
  // The oldest have been repeated by now, or will not be.
  const [oldest] = state.signalKeys.keys();
  if (state.signalKeys.size > LIMITS.keptSignals && oldest !== undefined) state.signalKeys.delete(oldest);
}

export function takeSignal(state: TaskState, { node }: Step, seq: number): void {
  for (const name of node.listens) {
    const kept = state.signals.get(name) ?? [];
    const at = kept.findIndex((signal) => signal.seq === seq);
    if (at === -1) continue;
    kept.splice(at, 1);
    state.keptSignals--;
    if (kept.length === 0) state.signals.delete(name);
  }
}
