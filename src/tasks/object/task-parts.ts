/** What a task's object is made of, how the parts know each other, and what each does once something is recorded. */
import type { Command } from "../../engine/facts/command.ts";
import { earliest } from "../../objects/alarm.ts";
import { aside, Errands } from "../../objects/errands.ts";
import { Feed } from "../../objects/feed.ts";
import type { Loaded } from "../journal/load.ts";
import { TaskReading, viewsOf } from "../journal/task-reading.ts";
import { LIMITS } from "../limits.ts";
import type { TaskPorts } from "../ports.ts";
import { isLastEvent, type EventView } from "../views/event-view.ts";
import { Agents } from "./agents.ts";
import { AlarmWork } from "./alarm-work.ts";
import { Archiver } from "./archiver.ts";
import { Attempts } from "./attempts.ts";
import { Creation } from "./creation.ts";
import { Deletion } from "./deletion.ts";
import type { Commit } from "./effects.ts";
import { EndNotices } from "./end-notices.ts";
import { EndWaiters } from "./end-waiters.ts";
import { AgentRefresh } from "./errands/agent-refresh.ts";
import { AwaitedCalls } from "./errands/awaited-calls.ts";
import { CacheQuestions } from "./errands/cache-questions.ts";
import { CallPool } from "./errands/call-pool.ts";
import { CancelRequests } from "./errands/cancel-requests.ts";
import { Children } from "./errands/children.ts";
import { GateEntry } from "./errands/gate-entry.ts";
import { Invalidations } from "./errands/invalidations.ts";
import { Orphans } from "./errands/orphans.ts";
import { outcomeReports } from "./errands/outcome-reports.ts";
import { QueueConsumers } from "./errands/queue-consumers.ts";
import { QueueMessages } from "./errands/queue-messages.ts";
import { SlotReleases } from "./errands/slot-releases.ts";
import { SlotRequests } from "./errands/slot-requests.ts";
import { HistoryProjection } from "./history-projection.ts";
import { Relisting } from "./relisting.ts";
import { Queries } from "./queries.ts";
import { TaskRunner } from "./runner.ts";
import { Steering } from "./steering.ts";

export class TaskParts {
  readonly runner: TaskRunner;
  readonly errands: Errands<Loaded, Command>;
  readonly agents: Agents;
  readonly attempts: Attempts;
  readonly agentRefresh: AgentRefresh;
  readonly children: Children;
  readonly cache: CacheQuestions;
  readonly gate: GateEntry;
  readonly feed: Feed<EventView>;
  readonly projection: HistoryProjection;
  readonly waiters: EndWaiters;
  readonly archiver: Archiver;
  readonly deletion: Deletion;
  readonly alarmWork: AlarmWork;
  readonly creation: Creation;
  readonly steering: Steering;
  readonly queries: Queries;
  readonly relisting: Relisting;

  constructor(ctx: DurableObjectState, ports: TaskPorts) {
    this.runner = new TaskRunner(ctx.storage, ports, {
      committed: (loaded, commit) => this.#committed(loaded, commit),
      loaded: (loaded) => {
        if (loaded.state.archivedAt === null) this.errands.again(loaded, Date.now());
      },
      owedAt: (state, now) => earliest(this.errands.nextAt({ state }, now), this.projection.nextAt({ state }, now)),
      calledAt: (step, attempt) => calls.calledAt(step, attempt),
      relayFor: (tenant) => calls.relayFor(tenant),
    });
    const { runner } = this;

    // Each knows those above it only.
    this.agents = new Agents(ports);
    const releases = new SlotReleases(ports.agents);
    const messages = new QueueMessages(ports.agents);
    const consumers = new QueueConsumers(runner);
    this.attempts = new Attempts(ports, runner, this.agents, { messages, consumers, releases });
    const pool = new CallPool(ports.settings.inlineCalls);
    const calls = new AwaitedCalls(ports, runner, this.agents, this.attempts, pool);
    const cancellations = new CancelRequests(ports, this.agents, releases, pool);
    const outcomes = outcomeReports(ports.agents);
    const slots = new SlotRequests(ports.agents, this.attempts, releases);
    this.agentRefresh = new AgentRefresh(this.agents, runner);
    this.children = new Children(ports.tasks, runner);
    const orphans = new Orphans(ports.tasks, runner, this.children);
    const invalidations = new Invalidations(ports.cache, runner);
    this.cache = new CacheQuestions(ports.cache, runner, invalidations);
    this.gate = new GateEntry(ports.gates, runner);

    const { agentRefresh, children, cache, gate } = this;
    this.errands = new Errands<Loaded, Command>(
      // What is out of date is dropped before anything is asked: a step that follows must not get it.
      // What is given back is given back before more is asked for.
      [calls, messages, consumers, cancellations, outcomes, releases, slots, agentRefresh, children, orphans, invalidations, cache, gate],
      {
        dispatch: [calls, messages],
        abandon: [calls, messages, consumers, cancellations, outcomes, slots, releases],
        settled: [calls, messages, consumers, outcomes, slots, releases],
        ask_slot: [slots],
        ask_slots: [slots],
        refresh_agents: [agentRefresh],
        start_child: [children],
        steer_children: [children],
        cancel_children: [orphans],
        invalidate_cache: [invalidations],
        ask_cache: [cache],
        fill_cache: [cache],
        free_cache: [cache],
        enter_gate: [gate],
      },
    );

    this.feed = new Feed(ctx, isLastEvent);
    this.projection = new HistoryProjection(ctx.storage.kv, ports, runner.journal);
    this.waiters = new EndWaiters(() => calls.isAwaiting);
    this.archiver = new Archiver(
      ctx.storage,
      runner,
      new EndNotices(ports, runner.journal, orphans, invalidations, gate),
      this.projection,
      cancellations,
    );
    this.deletion = new Deletion(ctx.storage, ports.history, runner, this.archiver, () => this.#startOver());
    this.alarmWork = new AlarmWork(ctx.storage, ports.settings.taskRetentionMs, this);
    this.creation = new Creation(ports, runner, this.waiters, this.deletion);
    this.steering = new Steering(runner, this.creation);
    this.queries = new Queries(ports, runner, cache, gate);
    this.relisting = new Relisting(runner, this.projection);
  }

  #committed(loaded: Loaded, { commands, events, firstSeq, at }: Commit): void {
    this.errands.run(loaded, commands);
    const reading = new TaskReading(loaded, this.runner.journal);
    this.feed.publish(() => viewsOf({ seq: firstSeq + events.length - 1, at, events }, loaded.state.created), reading);
    this.projection.committed(loaded, firstSeq === 1);
    if (loaded.state.end === null) return;
    this.waiters.ended();
    if (loaded.state.archivedAt === null) void aside("not archived, the alarm will", this.archiver.archive(LIMITS.archiveDelayMs));
  }

  /** The storage was emptied; another task may come under this one's id. */
  #startOver(): void {
    this.feed.close();
    this.runner.forget();
    for (const part of [this.archiver, this.projection, this.errands]) part.startOver();
  }
}
