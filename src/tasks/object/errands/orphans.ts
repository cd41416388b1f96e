/**
 * Tasks that this one has started and that nobody wants any more: they are canceled, and told so until they have heard it.
 * Whoever may be about to begin, because it was asked to, does not count as told: it is told again.
 */
import type { TaskCreated } from "../../../engine/facts/created.ts";
import { againAt, tryToTell } from "../../../objects/errands.ts";
import { Unavailable } from "../../../shared/errors.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { TasksPort } from "../../ports.ts";
import type { TaskRunner } from "../runner.ts";
import type { Children } from "./children.ts";
import type { TaskErrand } from "./task-errand.ts";

export class Orphans implements TaskErrand {
  readonly #tasks: TasksPort;
  readonly #runner: TaskRunner;
  readonly #children: Children;
  /** Those that this instance is telling, and those that have heard it. */
  readonly #telling = new Map<string, { readonly at: number; readonly heard: Promise<void> }>();
  readonly #told = new Set<string>();

  constructor(tasks: TasksPort, runner: TaskRunner, children: Children) {
    this.#tasks = tasks;
    this.#runner = runner;
    this.#children = children;
  }

  run(loaded: Loaded): void {
    void this.#cancelAll(loaded);
  }

  again(loaded: Loaded): void {
    if (loaded.state.orphans.size > 0) void this.#cancelAll(loaded);
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.orphans.size > 0 ? againAt(state.orphansAt, now) : null;
  }

  startOver(): void {
    this.#telling.clear();
    this.#told.clear();
  }

  /** All of them have been told. Throws where one does not answer, or may be about to begin. */
  async dismiss(loaded: Loaded): Promise<void> {
    const untold = this.#untold(loaded);
    await Promise.all(untold.map(([task, reason]) => this.#cancel(loaded, task, reason)));
    if (untold.some(([task]) => !this.#told.has(task))) throw new Unavailable("A task that nobody wants may be about to begin", null);
  }

  async #cancelAll(loaded: Loaded): Promise<void> {
    const untold = this.#untold(loaded);
    await Promise.all(untold.map(([task, reason]) => tryToTell("child not canceled", () => this.#cancel(loaded, task, reason))));
    const { state } = (await this.#runner.ready()) ?? loaded;
    const tasks = [...state.orphans.keys()].filter((task) => this.#told.has(task));
    if (tasks.length === 0 || state.end !== null) return; // nothing is recorded of a task that has ended
    await this.#runner.apply({ type: "dismissed", tasks }).catch((error: unknown) => {
      log("info", "not recorded, the alarm will", { error: messageOf(error) });
    });
  }

  #untold({ state }: Loaded): readonly (readonly [task: string, reason: string])[] {
    return [...state.orphans].filter(([task]) => !this.#told.has(task));
  }

  /** Once at a time, but nobody waits for ever for an answer that does not come. */
  #cancel({ state }: Loaded, task: string, reason: string): Promise<void> {
    const now = Date.now();
    const before = this.#telling.get(task);
    if (before !== undefined && now - before.at < LIMITS.unclaimedMs) return before.heard;
    const heard = this.#tell(state.created, task, reason);
    this.#telling.set(task, { at: now, heard });
    return heard;
  }

  async #tell({ tenant, task: parent }: TaskCreated, task: string, reason: string): Promise<void> {
    try {
      await this.#tasks.cancel(tenant, task, reason, { type: "task", id: parent });
    } catch (error) {
      this.#telling.delete(task);
      throw error;
    }
    if (this.#children.isStarting(task)) this.#telling.delete(task);
    else this.#told.add(task);
  }
}
