/** Results that a step's completion made out of date: the cache drops them, and is told until it has. */
import { againAt, tryToTell } from "../../../objects/errands.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { TaskPorts } from "../../ports.ts";
import type { TaskRunner } from "../runner.ts";
import type { TaskErrand } from "./task-errand.ts";

export class Invalidations implements TaskErrand {
  readonly #cache: TaskPorts["cache"];
  readonly #runner: TaskRunner;
  #last: Promise<boolean> = Promise.resolve(true);
  /** What this instance knows to be dropped, though a task that has ended records it no more. */
  readonly #dropped = new Set<string>();

  constructor(cache: TaskPorts["cache"], runner: TaskRunner) {
    this.#cache = cache;
    this.#runner = runner;
  }

  run(loaded: Loaded): void {
    void this.invalidate(loaded);
  }

  again(loaded: Loaded): void {
    if (loaded.state.cache.outdated.size > 0) void this.invalidate(loaded);
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.cache.outdated.size > 0 ? againAt(state.cache.outdatedAt, now) : null;
  }

  startOver(): void {
    this.#dropped.clear();
  }

  /** Whether the cache has dropped all that it was told to. */
  get settled(): Promise<boolean> {
    return this.#last;
  }

  /** Has the cache drop what is out of date; whether it has. One at a time, so that nothing new is taken for heard. */
  invalidate(loaded: Loaded): Promise<boolean> {
    return (this.#last = this.#last.then(() => this.#drop(loaded)));
  }

  async #drop({ state }: Loaded): Promise<boolean> {
    const steps = [...state.cache.outdated.keys()].filter((step) => !this.#dropped.has(step));
    if (steps.length === 0) return true;
    const tags = [...new Set(steps.flatMap((step) => state.cache.outdated.get(step) ?? []))];
    const isHeard = await tryToTell("the cache does not know what is out of date", async () => {
      for (let from = 0; from < tags.length; from += LIMITS.cacheNames) {
        const some = tags.slice(from, from + LIMITS.cacheNames);
        await this.#cache.invalidate(state.created.tenant, { tags: some, keys: [], capabilities: [] });
      }
    });
    if (!isHeard) return false;
    for (const step of steps) this.#dropped.add(step);
    await this.#runner.apply({ type: "invalidated", steps }).catch((error: unknown) => {
      log("info", "it is not recorded that the cache knows, which is told again", { task: state.created.task, error: messageOf(error) });
    });
    return true;
  }
}
