/** What the tasks of a simulated run have in common: results that they may share, and gates that let few in at once. */
import { Gate, type GateStore } from "../gates/gate.ts";
import { tasksAbove } from "../engine/facts/created.ts";
import type { StoredValue } from "../engine/facts/value.ts";
import { stepNamed } from "../engine/state/state.ts";
import type { AssumedNodeOf } from "./assumed-nodes.ts";
import type { SimulatedTask } from "./simulated-task.ts";

interface Asker {
  readonly task: SimulatedTask;
  readonly step: string;
}

interface Shelved {
  readonly output: StoredValue;
  readonly task: string;
  readonly madeAt: number;
  readonly untilAt: number;
}

/** The result cache, empty when the run begins: of those who ask for the same one brings the result, the others wait for it. */
export class SimulatedCache {
  readonly #results = new Map<string, Shelved>();
  readonly #lines = new Map<string, Asker[]>();

  ask(task: SimulatedTask, step: string): void {
    const key = keyOf(task, step);
    const result = this.#results.get(key);
    if (result !== undefined && result.untilAt > task.run.clock.now) return this.#give({ task, step }, result);
    const line = this.#lines.get(key);
    if (line !== undefined) return void line.push({ task, step });
    this.#lines.set(key, [{ task, step }]);
    task.takeSoon({ type: "uncached", step, reason: "first" });
  }

  fill(task: SimulatedTask, path: string): void {
    const { phase, node } = stepNamed(task.state, path);
    const key = keyOf(task, path);
    if (phase.status !== "completed") return this.free(task, path);
    const madeAt = task.run.clock.now;
    const ttlMs = (node as AssumedNodeOf<"agent">).cache?.ttlMs ?? 0;
    const result = { output: phase.output, task: task.id, madeAt, untilAt: madeAt + ttlMs };
    this.#results.set(key, result);
    for (const other of this.#lines.get(key) ?? []) if (other.task !== task || other.step !== path) this.#give(other, result);
    this.#lines.delete(key);
  }

  /** It brings nothing, or waits no longer: the next one brings it. */
  free(task: SimulatedTask, step: string): void {
    const key = keyOf(task, step);
    const [first, ...others] = this.#lines.get(key) ?? [];
    if (first === undefined) return;
    if (first.task !== task || first.step !== step) {
      this.#lines.set(key, [first, ...others.filter((other) => other.task !== task || other.step !== step)]);
      return;
    }
    const [next] = others;
    if (next === undefined) return void this.#lines.delete(key);
    this.#lines.set(key, others);
    next.task.takeSoon({ type: "uncached", step: next.step, reason: "first" });
  }

  #give({ task, step }: Asker, { output, task: from, madeAt }: Shelved): void {
    task.takeSoon({ type: "cached", step, output, task: from, madeAt });
  }
}

const keyOf = ({ state }: SimulatedTask, step: string): string => state.cache.asked.get(stepNamed(state, step).index)?.key ?? "";

/** As nobody else is there when the run begins. */
export class SimulatedGates {
  readonly #gates = new Map<string, Gate>();
  readonly #tasks = new Map<string, SimulatedTask>();

  enter(task: SimulatedTask): void {
    const { gate: terms } = task.state.created;
    if (terms === undefined) return;
    const { now } = task.run.clock;
    let gate = this.#gates.get(terms.key);
    if (gate === undefined) this.#gates.set(terms.key, (gate = new Gate(KEPT_NOWHERE)));
    this.#tasks.set(task.id, task);
    const { limit, overlap } = terms;
    const entered = gate.enter(
      {
        task: task.id,
        submittedAt: task.state.createdAt,
        priority: task.state.created.priority,
        limit,
        overlap,
        above: tasksAbove(task.state.created),
      },
      now,
    );
    if (entered.type === "refused") task.takeSoon({ type: "refuse", by: entered.by });
    if (entered.type === "canceled") task.takeSoon({ type: "cancel" });
    this.#tell(gate);
  }

  leave(task: SimulatedTask): void {
    const gate = this.#gates.get(task.state.created.gate?.key ?? "");
    if (gate === undefined) return;
    gate.leave(task.id, task.run.clock.now);
    this.#tell(gate);
  }

  #tell(gate: Gate): void {
    for (const { task } of gate.admitted()) this.#tasks.get(task)?.takeSoon({ type: "admit" });
    for (const { task } of gate.toCancel) this.#tasks.get(task)?.takeSoon({ type: "cancel" });
  }
}

const KEPT_NOWHERE: GateStore = {
  members: () => [],
  put: () => undefined,
  delete: () => undefined,
  limit: () => null,
  putLimit: () => undefined,
  newest: () => null,
  putNewest: () => undefined,
};
