/**
 * What the object does when it wakes by itself: what is due, what may have been lost, and at the end putting the task
 * away. Whatever fails is tried again; a task that makes no progress is sealed, so that nothing wakes for ever.
 */
import { statusOf } from "../../engine/state/state.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import type { CacheRequests } from "./cache-requests.ts";
import type { Children } from "./children.ts";
import type { EndNotices } from "./end-notices.ts";
import type { GatePass } from "./gate-pass.ts";
import type { HistoryProjection } from "./history-projection.ts";
import type { LiveFeed } from "./live-feed.ts";
import type { Outbox } from "./outbox.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import type { TaskRunner } from "./runner.ts";

/** PERSISTED, for an hour: what an object had that is empty. */
interface Deleted {
  readonly v: 1;
  readonly tenant: string;
  readonly task: string;
}

interface Parts {
  readonly runner: TaskRunner;
  readonly outbox: Outbox;
  readonly children: Children;
  readonly caching: CacheRequests;
  readonly gate: GatePass;
  readonly notices: EndNotices;
  readonly projection: HistoryProjection;
  readonly feed: LiveFeed;
}

export class Wakeups {
  readonly #storage: DurableObjectStorage;
  readonly #ports: TaskPorts;
  readonly #parts: Parts;
  #archiving: Promise<void> | null = null;
  #deleting: Promise<void> | null = null;

  constructor(storage: DurableObjectStorage, ports: TaskPorts, parts: Parts) {
    this.#storage = storage;
    this.#ports = ports;
    this.#parts = parts;
  }

  /** `retryCount`: how often the platform has tried this alarm before. */
  async alarm(retryCount: number): Promise<void> {
    const { runner } = this.#parts;
    const loaded = runner.readyAtAlarm();
    if (loaded === null) return this.#forgetAgain();
    const failures = Math.max(retryCount, this.#storage.kv.get<number>("alarm_failures") ?? 0);
    // What is done for a live task sets the next alarm with it, and an alarm that does not get that far comes again by
    // itself; after a failure nothing is taken for granted.
    if (loaded.state.end !== null || failures > 0) runner.alarm.rearm(loaded.state, Date.now(), failures);
    try {
      if (failures >= LIMITS.alarmFailures) runner.seal(`The task failed to make progress ${failures} times in a row`);
      await this.#wake(loaded);
      if (failures > 0) this.#storage.kv.delete("alarm_failures");
    } catch (error) {
      // A repetition counted, not a task lost.
      runner.alarm.rearmSoon(Date.now(), failures);
      this.#storage.kv.put("alarm_failures", failures + 1);
      log("error", "alarm failed", { task: loaded.state.created.task, failures: failures + 1, error: messageOf(error) });
    }
  }

  /** There was a task here, and somebody deleted it a while ago. */
  get wasDeleted(): boolean {
    return this.#storage.kv.get<Deleted>("deleted") !== undefined;
  }

  /** An agent appeared that a step may be waiting for. */
  async poke(): Promise<void> {
    const { runner } = this.#parts;
    const loaded = await runner.ready();
    if (loaded === null || loaded.state.looking.size === 0) return;
    await this.#ports.directory.refresh(loaded.state.created.tenant, Date.now());
    await runner.apply({ type: "look" });
  }

  /** Puts the task away, once everybody has heard of its end who has to. The timer and the alarm may both want that. */
  archive(): Promise<void> {
    return (this.#archiving ??= this.#putAway().finally(() => {
      this.#archiving = null;
    }));
  }

  async #putAway(): Promise<void> {
    const { runner, notices, projection } = this.#parts;
    const loaded = await this.#parts.runner.loaded();
    // The timer of a task that was deleted finds the one that came under its id.
    if (loaded.state.end === null || loaded.state.archivedAt !== null) return;
    const chained = await notices.send(loaded);
    const archive = await projection.archive(loaded);
    await runner.apply({ type: "archive", ...archive, ...(chained.length > 0 && { chained }) });
  }

  async #wake(loaded: Loaded): Promise<void> {
    const { runner, outbox, children, caching, gate, projection } = this.#parts;
    if (loaded.state.end !== null) return this.#wakeEnded(loaded);
    const { tenant } = loaded.state.created;
    if (loaded.state.looking.size > 0) {
      await this.#ports.directory.refresh(tenant, Date.now()).catch((error: unknown) => {
        log("warn", "agents not refreshed", { tenant, error: messageOf(error) });
      });
    }
    await runner.apply({ type: "wake" });
    const current = await this.#parts.runner.loaded();
    outbox.sendAgain(current, Date.now());
    children.askAgain(current, Date.now());
    caching.askAgain(current, Date.now());
    gate.askAgain(current, Date.now());
    projection.remind(current, Date.now());
  }

  async #wakeEnded(loaded: Loaded): Promise<void> {
    const { end, archivedAt } = loaded.state;
    assert(end !== null, "only an ended task is archived");
    if (archivedAt === null) {
      await this.archive();
    } else if (Date.now() >= end.at + this.#ports.settings.taskRetentionMs) {
      await this.#empty();
    }
  }

  /**
   * Forgets the task, its journal and what history has of it. Only when it has ended; it is put away first, so that whoever
   * has to hear of its end has.
   */
  async delete(): Promise<Result<"deleted", Rejection> | null> {
    const loaded = await this.#parts.runner.ready();
    if (loaded === null) return null;
    const { state } = loaded;
    const { created, end } = state;
    if (end === null) {
      const facts = { task_status: statusOf(state) };
      return err(rejection("invalid_state", "Only a task that has ended can be deleted; cancel it first", { facts }));
    }
    // Once, however many ask: the last of them might find another task already, submitted under its key.
    this.#deleting ??= this.#delete({ v: 1, tenant: created.tenant, task: created.task }).finally(() => {
      this.#deleting = null;
    });
    await this.#deleting;
    return ok("deleted");
  }

  async #delete(name: Deleted): Promise<void> {
    await this.archive();
    await this.#ports.history.remove(name.tenant, name.task);
    await this.#empty();
    this.#storage.kv.put("deleted", name);
    await this.#storage.setAlarm(Date.now() + LIMITS.deleteAgainMs);
  }

  /** Rows that were on their way when the task was deleted have come by now. */
  async #forgetAgain(): Promise<void> {
    // A task may have been submitted under its key meanwhile.
    const name = this.#parts.runner.journal.exists ? undefined : this.#storage.kv.get<Deleted>("deleted");
    if (name === undefined) return;
    await this.#ports.history.remove(name.tenant, name.task);
    await this.#storage.deleteAll();
  }

  async #empty(): Promise<void> {
    this.#parts.feed.close();
    await this.#storage.deleteAll();
    const { runner, notices, projection, children, caching } = this.#parts;
    runner.forget();
    for (const part of [notices, projection, children, caching]) part.startOver();
  }
}
