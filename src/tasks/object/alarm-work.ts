/**
 * What the object does when it wakes by itself: what is due, what may have been lost, and at the end putting the task
 * away. Whatever fails is tried again; a task that makes no progress is sealed, so that nothing wakes for ever.
 */
import { isUnfinished, nextTimer } from "../../engine/rules/wake.ts";
import { waitersFor } from "../../engine/state/state.ts";
import type { Command } from "../../engine/facts/command.ts";
import type { Errands } from "../../objects/errands.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { Loaded } from "../journal/load.ts";
import { LIMITS } from "../limits.ts";
import type { Agents } from "./agents.ts";
import type { Archiver } from "./archiver.ts";
import type { Deletion } from "./deletion.ts";
import type { HistoryProjection } from "./history-projection.ts";
import type { TaskRunner } from "./runner.ts";

interface Parts {
  readonly runner: TaskRunner;
  readonly agents: Agents;
  readonly errands: Errands<Loaded, Command>;
  readonly projection: HistoryProjection;
  readonly archiver: Archiver;
  readonly deletion: Deletion;
}

export class AlarmWork {
  readonly #storage: DurableObjectStorage;
  readonly #taskRetentionMs: number;
  readonly #parts: Parts;

  constructor(storage: DurableObjectStorage, taskRetentionMs: number, parts: Parts) {
    this.#storage = storage;
    this.#taskRetentionMs = taskRetentionMs;
    this.#parts = parts;
  }

  /** `retryCount`: how often the platform has tried this alarm before. */
  async alarm(retryCount: number): Promise<void> {
    const { runner, deletion } = this.#parts;
    const loaded = runner.readyAtAlarm();
    if (loaded === null) return deletion.deleteAgain();
    if (!(await runner.mayWork())) return;
    const failures = Math.max(retryCount, this.#storage.kv.get<number>("alarm_failures") ?? 0);
    // What is done for a live task sets the next alarm with it, and an alarm that does not get that far comes again by
    // itself; after a failure nothing is taken for granted.
    if (loaded.state.end !== null || failures > 0) runner.alarm.rearm(loaded.state, Date.now(), failures);
    try {
      if (failures >= LIMITS.alarmFailures) runner.seal(`The task failed to make progress ${failures} times in a row`);
      await this.#wake(loaded);
      runner.recovery.worked(loaded.state);
      if (failures > 0) this.#storage.kv.delete("alarm_failures");
    } catch (error) {
      // A repetition counted, not a task lost.
      runner.alarm.rearmSoon(Date.now(), failures);
      this.#storage.kv.put("alarm_failures", failures + 1);
      log("error", "alarm failed", { task: loaded.state.created.task, failures: failures + 1, error: messageOf(error) });
    }
  }

  async #wake(loaded: Loaded): Promise<void> {
    const { runner, agents, errands, projection, archiver, deletion } = this.#parts;
    const { end, archivedAt, created } = loaded.state;
    if (end !== null) {
      if (archivedAt === null) await archiver.archive();
      else if (Date.now() >= end.at + this.#taskRetentionMs) await deletion.empty();
      return;
    }
    await projection.writeOwed(loaded, Date.now());
    // The turn before took long: an answer to anybody else takes several moments, and gets them here.
    if (isUnfinished(loaded.state)) await scheduler.wait(LIMITS.turnPauseMs);
    if (waitersFor(loaded.state, "agent").size > 0) {
      await agents.refresh(loaded).catch((error: unknown) => {
        log("warn", "agents not refreshed", { tenant: created.tenant, error: messageOf(error) });
      });
    }
    // Who was asleep reads what has come meanwhile before it says that nothing came.
    const due = nextTimer(loaded.state, loaded.state.clocks);
    if (due?.type === "lease" && Date.now() - due.at > LIMITS.lateLeaseMs) await scheduler.wait(LIMITS.lateLeaseMs);
    await runner.apply({ type: "wake" });
    const current = await runner.loaded();
    errands.again(current, Date.now());
    projection.remind(current, Date.now());
  }
}
