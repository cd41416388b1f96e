/**
 * The task at its gate: it asks to be let in, and gives its place back when it has ended. What is lost on the way is found
 * again: that it wants to come in by the alarm and by every new instance, that it has ended by the gate, which asks.
 */
import type { Entered } from "../../gates/gate.ts";
import type { Command } from "../../engine/facts/command.ts";
import { log, messageOf } from "../../shared/log.ts";
import { askAgainMs } from "./alarm-time.ts";
import { insist } from "./insist.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import type { TaskRunner } from "./runner.ts";

export class GatePass {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  /** When this instance asked last. */
  #askedAt: number | null = null;

  constructor(ports: TaskPorts, runner: TaskRunner) {
    this.#ports = ports;
    this.#runner = runner;
  }

  run(loaded: Loaded, commands: readonly Command[]): void {
    if (commands.some(({ type }) => type === "enter_gate")) void this.#enter(loaded);
  }

  /** A new instance does not know whether the last one got to ask. */
  recover(loaded: Loaded): void {
    if (loaded.state.hold?.type === "concurrency" && this.#askedAt === null) void this.#enter(loaded);
  }

  /** Called by the alarm. */
  askAgain(loaded: Loaded, now: number): void {
    const { hold } = loaded.state;
    if (hold?.type !== "concurrency" || now - (this.#askedAt ?? 0) < askAgainMs(hold.since, now) / 2) return;
    void this.#enter(loaded);
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
      await this.#ports.gates.ask(name, (object) => object.leave(name, task));
    }
  }

  /** 1 for who is next. */
  async position({ state }: Loaded): Promise<number | null> {
    const { tenant, task, gate } = state.created;
    if (gate === undefined || state.hold?.type !== "concurrency") return null;
    try {
      return await this.#ports.gates.ask({ tenant, key: gate.key }, (object) => object.position(task));
    } catch (error) {
      log("info", "place in line not known", { task, error: messageOf(error) });
      return null;
    }
  }

  async #enter({ state }: Loaded): Promise<void> {
    const { tenant, task, gate, priority } = state.created;
    if (gate === undefined) return;
    this.#askedAt = Date.now();
    const name = { tenant, key: gate.key };
    const entrant = { task, priority, submittedAt: state.createdAt, limit: gate.limit, overlap: gate.overlap };
    await insist("gate not entered", async () => {
      const entered = await this.#ports.gates.ask(name, (object) => object.enter(name, entrant));
      await this.#entered(entered);
      // It has ended meanwhile, and what it said then may have come before.
      if (entered.type !== "admitted" || (await this.#runner.ready())?.state.end === null) return;
      await this.#ports.gates.ask(name, (object) => object.leave(name, task, entered.grant));
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
        return this.#runner.apply({ type: "cancel", reason: `${entered.by} takes its place` });
    }
  }
}
