/**
 * Who hears of a task's end: its parent, the next under its key, what its workflow chains to it, and whoever wants to know.
 * All of it is safe to repeat, and is repeated until everybody has answered; only then is the task put away.
 */
import type { Chained } from "../../engine/facts/created.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import { readValue } from "../../engine/facts/value.ts";
import { errorView } from "../views/waiting-view.ts";
import { LIMITS } from "../limits.ts";
import { Unavailable } from "../../shared/errors.ts";
import { assert } from "../../shared/result.ts";
import { outcomeOf } from "../child-outcome.ts";
import type { GateEntry } from "./errands/gate-entry.ts";
import type { Invalidations } from "./errands/invalidations.ts";
import type { Orphans } from "./errands/orphans.ts";
import { ChildSubmissions } from "../submission/child-submission.ts";
import type { Journal } from "./journal.ts";
import { startTurn } from "./start-turns.ts";
import type { EndedTask, TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";

export class EndNotices {
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  readonly #orphans: Orphans;
  readonly #invalidations: Invalidations;
  readonly #submissions: ChildSubmissions;
  readonly #gate: GateEntry;
  #hasParentHeard = false;

  constructor(ports: TaskPorts, journal: Journal, orphans: Orphans, invalidations: Invalidations, gate: GateEntry) {
    this.#ports = ports;
    this.#journal = journal;
    this.#orphans = orphans;
    this.#invalidations = invalidations;
    this.#gate = gate;
    this.#submissions = new ChildSubmissions(journal);
  }

  /** The task was deleted; there may be another one under its id. */
  startOver(): void {
    this.#hasParentHeard = false;
  }

  /**
   * What was started in a chain, once everybody has heard. All at once: that one of them cannot be told keeps nobody else
   * waiting. Throws where somebody did not answer; sending again is trying again. `givenUp`: why nothing is started.
   */
  async send(loaded: Loaded, givenUp: Failure | null): Promise<readonly Chained[]> {
    // A part of a map's items is nobody's task but its parent's.
    const isPart = loaded.state.created.spread !== undefined;
    const [chained, ...others] = await Promise.allSettled([
      isPart ? [] : this.#chain(loaded, givenUp),
      this.#tellParent(loaded),
      this.#orphans.dismiss(loaded),
      this.#dropOutdated(loaded),
      this.#gate.leave(loaded),
      isPart ? undefined : this.#ports.webhooks.notify(loaded.state.created.tenant, this.#ended(loaded)),
    ]);
    for (const other of others) if (other.status === "rejected") throw other.reason;
    if (chained.status === "rejected") throw chained.reason;
    return chained.value;
  }

  async #tellParent(loaded: Loaded): Promise<void> {
    const { tenant, task, parent } = loaded.state.created;
    if (parent === undefined || this.#hasParentHeard) return;
    await this.#ports.tasks.ended(tenant, parent.task, task, outcomeOf(loaded, this.#journal));
    this.#hasParentHeard = true;
  }

  async #dropOutdated(loaded: Loaded): Promise<void> {
    if (loaded.state.cache.outdated.size === 0 || (await this.#invalidations.invalidate(loaded))) return;
    throw new Error("the cache did not answer");
  }

  async #chain(loaded: Loaded, givenUp: Failure | null): Promise<readonly Chained[]> {
    const { end, graph } = loaded.state;
    const chains =
      end?.status === "completed" ? graph.onCompleted : end?.status === "failed" || end?.status === "timed_out" ? graph.onFailed : [];
    if (givenUp !== null) return chains.map(({ workflow }) => ({ workflow, error: givenUp }));
    return Promise.all(
      chains.map(async (chain, index): Promise<Chained> => {
        const submission = this.#submissions.chained(loaded, chains, index, end?.at ?? 0);
        if (!submission.ok) return { workflow: chain.workflow, error: submission.error };
        if (!(await startTurn(loaded.state))) throw new Unavailable("A chained task is not started yet", "others of its family come first");
        await this.#ports.tasks.start(submission.value, false);
        return { workflow: chain.workflow, task: submission.value.task };
      }),
    );
  }

  #ended({ state }: Loaded): EndedTask {
    const { created, end, createdAt } = state;
    assert(end !== null, "only a task that has ended tells of its end");
    const bytes = end.output?.bytes ?? 0;
    const text = end.output === null || bytes > LIMITS.webhookBodyBytes ? null : JSON.stringify(readValue(end.output, this.#journal));
    return {
      id: created.task,
      type: created.task_type ?? null,
      workflow: created.workflow,
      status: end.status,
      outputText: text,
      outputBytes: text?.length ?? bytes,
      error: errorView(end.error),
      tags: created.tags,
      ...(created.parent && { parent: { task: created.parent.task, step: created.parent.step } }),
      ...(created.chain && { chainedFrom: created.chain.from }),
      createdAt,
      ...(created.rules !== undefined && { life: createdAt }),
      finishedAt: end.at,
      ...(created.webhook && { webhook: created.webhook }),
    };
  }
}
