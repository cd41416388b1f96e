/**
 * The task at its gate: it asks to be let in, and gives its place back when it has ended. What is lost on the way is found
 * again: that it wants to come in by the alarm and by every new instance, that it has ended by the gate, which asks.
 */
import { tasksAbove } from "../../../engine/facts/created.ts";
import type { Entered } from "../../../gates/entrant.ts";
import { againAt, Reminders, tryToTell } from "../../../objects/errands.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { GatesPort } from "../../ports.ts";
import type { Loaded } from "../../journal/load.ts";
import type { TaskRunner } from "../runner.ts";
import type { TaskErrand } from "./task-errand.ts";

/** There is one gate, so one reminder. */
const ENTRY = "";

export class GateEntry implements TaskErrand {
  readonly #gates: GatesPort;
  readonly #runner: TaskRunner;
  readonly #reminders = new Reminders();

  constructor(gates: GatesPort, runner: TaskRunner) {
    this.#gates = gates;
    this.#runner = runner;
  }

  run(loaded: Loaded): void {
    void this.#enter(loaded);
  }

  again(loaded: Loaded, now: number): void {
    const { hold } = loaded.state;
    if (hold?.type === "concurrency" && this.#reminders.isDue(ENTRY, hold.since, now)) void this.#enter(loaded);
  }

  nextAt({ state: { hold } }: Loaded, now: number): number | null {
    return hold?.type === "concurrency" ? againAt(hold.since, now) : null;
  }

  startOver(): void {
    this.#reminders.clear();
  }

  /** The gate lets it begin, or asks whether it still has its place: `false` when it has ended. */
  async admit(key: string): Promise<boolean> {
    const loaded = await this.#runner.ready();
    if (loaded === null || loaded.state.created.gate?.key !== key || loaded.state.end !== null) return false;
    if (loaded.state.hold?.type === "concurrency") await this.#runner.apply({ type: "admit" });
    return (await this.#runner.ready())?.state.end === null;
  }

  /** It has ended, which both its gate and the key of its burst hear before it is put away. Throws where one does not answer. */
  async leave({ state }: Loaded): Promise<void> {
    const { tenant, task, gate, debounce } = state.created;
    for (const key of new Set([gate?.key, debounce?.key])) {
      if (key === undefined) continue;
      const name = { tenant, key };
      await this.#gates.ask(name, (object) => object.leave(name, task));
    }
  }

  /** 1 for who is next. */
  async position({ state }: Loaded): Promise<number | null> {
    const { tenant, task, gate } = state.created;
    if (gate === undefined || state.hold?.type !== "concurrency") return null;
    try {
      return await this.#gates.ask({ tenant, key: gate.key }, (object) => object.position(task));
    } catch (error) {
      log("info", "place in line not known", { task, error: messageOf(error) });
      return null;
    }
  }

  async #enter({ state }: Loaded): Promise<void> {
    const { tenant, task, gate, priority } = state.created;
    if (gate === undefined || state.hold?.type !== "concurrency") return;
    const above = state.graph.rules === 0 ? [] : tasksAbove(state.created);
    this.#reminders.carriedOut(ENTRY);
    const name = { tenant, key: gate.key };
    const entrant = {
      task,
      priority,
      // The task of a burst is as new as its input.
      submittedAt: state.hold.inputAt,
      limit: gate.limit,
      overlap: gate.overlap,
      ...(gate.outdated && { outdated: gate.outdated }),
      ...(above.length > 0 && { above }),
    };
    await tryToTell("gate not entered", async () => {
      const entered = await this.#gates.ask(name, (object) => object.enter(name, entrant));
      await this.#entered(entered);
      // It has ended meanwhile, and what it said then may have come before.
      if (entered.type !== "admitted" || (await this.#runner.ready())?.state.end === null) return;
      await this.#gates.ask(name, (object) => object.leave(name, task, entered.grant));
    });
  }

  async #entered(entered: Entered): Promise<unknown> {
    switch (entered.type) {
      case "admitted":
        return this.#runner.apply({ type: "admit" });
      case "waiting":
        return undefined;
      case "refused":
        return this.#runner.apply({ type: "refuse", by: entered.by });
      case "canceled":
        return this.#runner.apply({ type: "cancel", reason: `${entered.by} takes its place`, actor: { type: "task", id: entered.by } });
    }
  }
}
