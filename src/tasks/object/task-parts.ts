/** What a task's object is made of, how the parts know each other, and what each does once something is recorded. */
import { log, messageOf } from "../../shared/log.ts";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { Arrival } from "./arrival.ts";
import { Attempts } from "./attempts.ts";
import { CacheRequests } from "./cache-requests.ts";
import { Children } from "./children.ts";
import { Chronicle } from "./chronicle.ts";
import type { ChildOutcome } from "../contract.ts";
import { Farewell } from "./farewell.ts";
import { GatePass } from "./gate-pass.ts";
import { Lingering } from "./lingering.ts";
import { LiveFeed } from "./live-feed.ts";
import { Outbox } from "./outbox.ts";
import type { TaskPorts } from "../ports.ts";
import { TaskReading, viewsOf } from "../journal/task-reading.ts";
import type { Loaded } from "../journal/load.ts";
import { TaskRunner, type Commit } from "./runner.ts";
import { TaskReader } from "./task-reader.ts";
import { Wakeups } from "./wakeups.ts";

export class TaskParts {
  readonly runner: TaskRunner;
  readonly outbox: Outbox;
  readonly attempts: Attempts;
  readonly feed: LiveFeed;
  readonly chronicle: Chronicle;
  readonly children: Children;
  readonly caching: CacheRequests;
  readonly gate: GatePass;
  readonly farewell: Farewell;
  readonly reader: TaskReader;
  readonly wakeups: Wakeups;
  readonly arrival: Arrival;
  readonly lingering = new Lingering();

  constructor(ctx: DurableObjectState, ports: TaskPorts) {
    this.runner = new TaskRunner(ctx.storage, ports, {
      commit: (loaded, commit) => this.#committed(loaded, commit),
      load: (loaded) => {
        for (const part of [this.outbox, this.children, this.caching, this.gate]) part.recover(loaded);
      },
      calledAt: (step, attempt) => this.outbox.calledAt(step, attempt),
    });
    this.arrival = new Arrival(ports, this.runner);
    this.outbox = new Outbox(ports, this.runner.journal, {
      ready: () => this.runner.ready(),
      replied: (at, outcome) => void this.#applied(this.attempts.replied(at, outcome)),
      agentsRefreshed: () => void this.#applied(this.runner.apply({ type: "look" })),
      granted: async (at) => (await this.attempts.grant([at]))[0] === true,
      declined: (at, reason, retryAt) => this.attempts.decline([at], reason, retryAt),
    });
    this.attempts = new Attempts(ports, this.runner, this.outbox);
    this.feed = new LiveFeed(ctx);
    this.children = new Children(ports, this.runner.journal, {
      ready: () => this.runner.ready(),
      ended: (child, outcome) => this.childEnded(child, outcome),
      dismissed: async (tasks) => void (await this.runner.apply({ type: "dismissed", tasks })),
    });
    this.caching = new CacheRequests(ports, this.runner);
    this.gate = new GatePass(ports, this.runner);
    this.farewell = new Farewell(ports, this.runner.journal, this.children, this.caching, this.gate);
    this.reader = new TaskReader(ports, this.runner, this.caching, this.gate);
    this.chronicle = new Chronicle(ports, this.runner.journal, () => void this.#applied(this.wakeups.archive()));
    this.wakeups = new Wakeups(ctx.storage, ports, this);
  }

  /** What a task that a step of this one had started has come to. */
  async childEnded(task: string, { output, ...outcome }: ChildOutcome): Promise<void> {
    const before = await this.runner.ready();
    if (before === null || !before.state.children.has(task)) return;
    const value = output === null ? null : bytesToJson(output);
    await this.runner.apply(({ state }) => ({
      ...outcome,
      type: "child",
      task,
      output: value === null || !state.children.has(task) ? null : this.runner.journal.write(value),
    }));
    this.children.forget(task);
  }

  #committed(loaded: Loaded, commit: Commit): void {
    for (const part of [this.outbox, this.children, this.caching, this.gate]) part.run(loaded, commit.commands);
    const { events, firstSeq, at } = commit;
    const reading = new TaskReading(loaded, this.runner.journal);
    this.feed.publish(() => viewsOf({ seq: firstSeq + events.length - 1, at, events }), reading);
    this.chronicle.committed(loaded, firstSeq === 1);
    if (loaded.state.end === null) return;
    this.lingering.ended();
    void this.#applied(this.farewell.say(loaded));
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
