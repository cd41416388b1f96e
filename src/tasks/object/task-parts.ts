/** What a task's object is made of, how the parts know each other, and what each does once something is recorded. */
import { log, messageOf } from "../../shared/log.ts";
import { Attempts } from "./attempts.ts";
import { CacheRequests } from "./cache-requests.ts";
import { Children } from "./children.ts";
import { Creation } from "./creation.ts";
import { EndNotices } from "./end-notices.ts";
import { EndWaiters } from "./end-waiters.ts";
import { GatePass } from "./gate-pass.ts";
import { HistoryProjection } from "./history-projection.ts";
import { LiveFeed } from "./live-feed.ts";
import { Outbox } from "./outbox.ts";
import { Queries } from "./queries.ts";
import { TaskRunner, type Commit } from "./runner.ts";
import { Steering } from "./steering.ts";
import { Wakeups } from "./wakeups.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import { TaskReading, viewsOf } from "../journal/task-reading.ts";

export class TaskParts {
  readonly runner: TaskRunner;
  readonly outbox: Outbox;
  readonly attempts: Attempts;
  readonly feed: LiveFeed;
  readonly projection: HistoryProjection;
  readonly children: Children;
  readonly caching: CacheRequests;
  readonly gate: GatePass;
  readonly notices: EndNotices;
  readonly queries: Queries;
  readonly wakeups: Wakeups;
  readonly waiters: EndWaiters;
  readonly creation: Creation;
  readonly steering: Steering;

  constructor(ctx: DurableObjectState, ports: TaskPorts) {
    this.runner = new TaskRunner(ctx.storage, ports, {
      commit: (loaded, commit) => this.#committed(loaded, commit),
      load: (loaded) => {
        for (const part of [this.outbox, this.children, this.caching, this.gate]) part.recover(loaded);
      },
      calledAt: (step, attempt) => this.outbox.calledAt(step, attempt),
    });
    this.outbox = new Outbox(ports, this.runner.journal, {
      ready: () => this.runner.ready(),
      replied: (at, outcome) => void this.#applied(this.attempts.replied(at, outcome)),
      agentsRefreshed: () => void this.#applied(this.runner.apply({ type: "look" })),
      granted: async (at) => (await this.attempts.grant([at]))[0] === true,
      declined: (at, reason, retryAt) => this.attempts.decline([at], reason, retryAt),
    });
    this.attempts = new Attempts(ports, this.runner, this.outbox);
    this.feed = new LiveFeed(ctx);
    this.children = new Children(ports, this.runner);
    this.caching = new CacheRequests(ports, this.runner);
    this.gate = new GatePass(ports, this.runner);
    this.notices = new EndNotices(ports, this.runner.journal, this.children, this.caching, this.gate);
    this.queries = new Queries(ports, this.runner, this.caching, this.gate);
    this.projection = new HistoryProjection(ports, this.runner.journal, () => void this.#applied(this.wakeups.archive()));
    this.wakeups = new Wakeups(ctx.storage, ports, this);
    this.waiters = new EndWaiters(() => this.outbox.isAwaiting);
    this.creation = new Creation(ports, this.runner, this.waiters, () => this.wakeups.wasDeleted);
    this.steering = new Steering(this.runner, this.creation);
  }

  #committed(loaded: Loaded, commit: Commit): void {
    for (const part of [this.outbox, this.children, this.caching, this.gate]) part.run(loaded, commit.commands);
    const { events, firstSeq, at } = commit;
    const reading = new TaskReading(loaded, this.runner.journal);
    this.feed.publish(() => viewsOf({ seq: firstSeq + events.length - 1, at, events }), reading);
    this.projection.committed(loaded, firstSeq === 1);
    if (loaded.state.end === null) return;
    this.waiters.ended();
    void this.#applied(this.notices.send(loaded));
  }

  /** Nobody waits for this answer: a failure is found again by the alarm, from the journal. */
  async #applied(answer: Promise<unknown>): Promise<void> {
    try {
      await answer;
    } catch (error) {
      log("warn", "input not applied, the alarm repairs it", { error: messageOf(error) });
    }
  }
}
