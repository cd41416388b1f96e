/** What holds for every workflow and every history, over thousands of random ones. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../../src/shared/money.ts";
import { RUN_IF } from "../../../src/language/step-definition.ts";
import { commandsFor } from "../../../src/engine/rules/commands.ts";
import { waitersFor } from "../../../src/engine/state/state.ts";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { decide, type NeedCounts } from "../../../src/engine/rules/run-if.ts";
import { isSettled } from "../../../src/engine/state/step-state.ts";
import { stepViews } from "../../../src/tasks/views/step-view.ts";
import { nextWakeAt } from "../../../src/engine/rules/wake.ts";
import type { AgentChoice } from "../../../src/engine/world.ts";
import { spending } from "./arbitrary-budget.ts";
import { essence } from "./essence.ts";
import { runs } from "../runs.ts";
import { completes, decides, fails, Scenario, STARTED_AT, type Options, type Steps } from "./scenario.ts";

const SIZE = 7;
const idOf = (index: number): string => `s${index}`;

const workflows: fc.Arbitrary<Steps> = fc.integer({ min: 1, max: SIZE }).chain((size) =>
  fc.tuple(
    ...Array.from({ length: size }, (_, index) =>
      fc
        .record({
          needs: fc.subarray(Array.from({ length: index }, (_, earlier) => idOf(earlier))),
          run_if: fc.constantFrom(...RUN_IF),
          when: fc.constantFrom(undefined, undefined, undefined, "true", "false", "input.missing"),
          on_error: fc.constantFrom(undefined, undefined, "continue", { output: 0 }),
          capability: fc.constantFrom("work", "work", "rare"),
          retry: fc.record({
            max_attempts: fc.integer({ min: 1, max: 3 }),
            delay: fc.constantFrom("0s", "1s", "7s"),
            on: fc.constantFrom("same", "another"),
          }),
          timeout: fc.constantFrom("1s", "30s"),
          cache: fc.constantFrom(undefined, undefined, undefined, { ttl: "1h" }, { ttl: "1m", key: "input", tags: ["t"] }),
          invalidates: fc.constantFrom(undefined, undefined, ["t"]),
          fallback: fc.constantFrom(undefined, undefined, undefined, [{ capability: "rare" }, { agent: "agent_9" }]),
          several: fc.constantFrom(
            {},
            {},
            {},
            { hedge: { after: "500ms", max_share: 1 } },
            { ensemble: { agents: 2, mode: "first" } },
            { ensemble: { agents: 2, mode: "all" } },
            { ensemble: { agents: 3, mode: "quorum" } },
            { ensemble: { agents: 3, mode: "best", score: "output.n" } },
          ),
        })
        .map(({ run_if, when, on_error, fallback, several, cache, invalidates, ...rest }) => ({
          ...rest,
          ...(cache !== undefined && { cache }),
          ...(invalidates !== undefined && { invalidates }),
          ...several,
          // Several agents at once cannot be one by name.
          ...(fallback !== undefined && { fallback: "ensemble" in several ? fallback.slice(0, 1) : fallback }),
          id: idOf(index),
          run_if: rest.needs.length === 0 ? "all_settled" : run_if,
          ...(when !== undefined && { when }),
          ...(on_error !== undefined && { on_error }),
        })),
    ),
  ),
);

const GATE = { key: "k", limit: 2, overlap: "queue" } as const;
const plain = fc.record({
  deadlineMs: fc.constantFrom(60_000, 3_600_000, 86_400_000),
  queueTtlMs: fc.constantFrom(5_000, 120_000),
  onNoAgent: fc.constantFrom("wait", "fail"),
  failFast: fc.boolean(),
  missing: fc.constantFrom([], ["rare"]),
  held: fc.constantFrom<NonNullable<Options["held"]>>(
    {},
    {},
    {},
    { start_at: STARTED_AT + 20_000 },
    { gate: GATE },
    { gate: GATE, start_at: STARTED_AT + 1_000 },
    { gate: GATE, debounce: { key: "k", due_at: STARTED_AT + 2_000, latest_at: STARTED_AT + 10_000 } },
  ),
  agents: fc.constantFrom(["agent_1"], ["agent_1", "agent_2", "agent_3"]),
  agent: fc.constantFrom<Partial<AgentChoice>>(
    { way: "inline" },
    { way: "queue" },
    { way: "relay" },
    { way: null },
    { way: "inline", needsSlot: true },
    { way: "pull", needsSlot: true, timeoutMs: 5_000 },
  ),
});
const options: fc.Arbitrary<Options> = fc.tuple(plain, spending).map(([all, some]) => ({ ...all, ...some }));

const ofAttempt = { step: fc.nat(SIZE - 1).map(idOf), attempt: fc.integer({ min: 1, max: 5 }) };
const inputs: fc.Arbitrary<TaskInput> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<TaskInput>({ type: "wake" }) },
  { weight: 1, arbitrary: fc.constant<TaskInput>({ type: "look" }) },
  { weight: 9, arbitrary: fc.record(ofAttempt).map(({ step, attempt }) => completes(step, { n: 1 }, attempt)) },
  {
    weight: 4,
    arbitrary: fc
      .record({ ...ofAttempt, retryable: fc.boolean() })
      .map(({ step, attempt, retryable }) => fails(step, { retryable }, attempt)),
  },
  { weight: 4, arbitrary: fc.record({ ...ofAttempt, delivery: fc.nat(5) }).map((rest): TaskInput => ({ type: "claim", ...rest })) },
  { weight: 2, arbitrary: fc.record(ofAttempt).map((rest): TaskInput => ({ type: "accept", ...rest })) },
  { weight: 2, arbitrary: fc.record(ofAttempt).map((rest): TaskInput => ({ type: "heartbeat", ...rest })) },
  { weight: 1, arbitrary: fc.record(ofAttempt).map((rest): TaskInput => ({ type: "lose", ...rest })) },
  { weight: 5, arbitrary: fc.record({ ...ofAttempt, isPull: fc.boolean() }).map((rest): TaskInput => ({ type: "grant", ...rest })) },
  { weight: 1, arbitrary: fc.record(ofAttempt).map((rest): TaskInput => ({ type: "decline", ...rest, reason: "full", retryAt: 0 })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ step: ofAttempt.step })
      .map((rest): TaskInput => ({ type: "cached", ...rest, output: { value: { n: 1 } }, task: "task_0", madeAt: 1 })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ step: ofAttempt.step, reason: fc.constantFrom("first", "skipped", "unavailable") })
      .map((rest): TaskInput => ({ type: "uncached", ...rest })),
  },
  { weight: 2, arbitrary: fc.subarray([idOf(0), idOf(1), idOf(2)]).map((steps): TaskInput => ({ type: "invalidated", steps })) },
  { weight: 3, arbitrary: fc.constantFrom<TaskInput>({ type: "admit" }, { type: "admit" }, { type: "refuse", by: "task_2" }) },
  {
    weight: 1,
    arbitrary: fc.nat(20_000).map((ms): TaskInput => ({ type: "replace", input: { value: { ms } }, until: STARTED_AT + ms })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ approval: fc.integer({ min: 1, max: 3 }), isApproved: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0) })
      .map(({ approval, isApproved }): TaskInput => decides(approval, isApproved ? "approve" : "reject")),
  },
  { weight: 1, arbitrary: fc.constantFrom<TaskInput>({ type: "pause" }, { type: "resume" }, { type: "cancel" }) },
);

interface Move {
  readonly elapsedMs: number;
  readonly inputs: readonly TaskInput[];
  /** Whether an agent for everything registers now. */
  readonly registers: boolean;
}
const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.record({
    elapsedMs: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(100_000)),
    inputs: fc.array(inputs, { minLength: 1, maxLength: 3 }),
    registers: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  }),
  { maxLength: 40 },
);

function play(
  steps: Steps,
  with_: Options,
  schedule: readonly Move[],
  afterEach: (task: Scenario, move: Move | null) => void = () => {},
): Scenario {
  const task = new Scenario(steps, with_);
  afterEach(task, null);
  for (const move of schedule) {
    if (move.registers) task.missing.clear();
    task.now += move.elapsedMs;
    task.when(...move.inputs);
    afterEach(task, move);
  }
  return task;
}

const holds = (check: (steps: Steps, with_: Options, schedule: readonly Move[]) => void, usual = 300): void =>
  fc.assert(fc.property(workflows, options, moves, check), { numRuns: runs(usual) });

describe("for every workflow and history", () => {
  test("the same history gives the same journal", () => {
    holds((steps, with_, schedule) => {
      expect(play(steps, with_, schedule).journal).toEqual(play(steps, with_, schedule).journal);
    }, 150);
  });

  test("the journal rebuilds the state", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      expect(essence(task.rebuilt())).toEqual(essence(task.state));
    });
  });

  test("played again from its journal alone, every fact follows", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      expect(task.replayed()).toEqual({ events: task.state.seq, divergence: null });
    });
  });

  test("whoever checks the journal finds nothing wrong with it", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      const { wrong, state } = task.checked();
      expect(wrong).toBeNull();
      expect(essence(state)).toEqual(essence(task.state));
    });
  });

  test("a journal that lacks a fact is found out or can be read all the same", () => {
    fc.assert(
      fc.property(workflows, options, moves, fc.nat(), (steps, with_, schedule, pick) => {
        const task = play(steps, with_, schedule);
        const rows = task.rows();
        const lost = 2 + (pick % Math.max(1, task.state.seq - 1));
        const without = rows.map(({ at, events, seq }) => {
          const first = seq - events.length + 1;
          return { at, seq: lost <= seq ? seq - 1 : seq, events: events.filter((_, index) => first + index !== lost) };
        });
        const { wrong, state } = task.checked(without);
        if (wrong !== null) expect(wrong.seq).toBeGreaterThanOrEqual(lost);
        else expect(() => stepViews(state, 0, state.steps.length)).not.toThrow();
      }),
      { numRuns: runs(150) },
    );
  });

  test("a rebuilt task goes on exactly like the one that was never interrupted", () => {
    holds((steps, with_, schedule) => {
      const half = schedule.slice(0, schedule.length >> 1);
      const task = play(steps, with_, half);
      const interrupted = play(steps, with_, half);
      interrupted.last = { ...interrupted.last, state: interrupted.rebuilt() };
      for (const move of schedule.slice(half.length)) {
        for (const one of [task, interrupted]) {
          one.now += move.elapsedMs;
          // A look at missing agents is not recorded, so who was interrupted looks once more.
          one.when({ type: "look" }, ...move.inputs);
        }
      }
      expect(interrupted.journal).toEqual(task.journal);
    });
  });

  test("what the task asks of the world follows from its facts", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, (task) => expect(task.last.commands).toEqual(task.last.events.flatMap(commandsFor)));
    }, 100);
  });

  test("no attempt is started twice, and none at a step that has settled", () => {
    holds((steps, with_, schedule) => {
      const started = new Set<string>();
      const settled = new Set<string>();
      for (const event of play(steps, with_, schedule).journal.flatMap(({ events }) => events)) {
        if (event.type === "attempt.started") {
          expect(started.has(`${event.step}#${event.attempt}`)).toBe(false);
          expect(settled.has(event.step)).toBe(false);
          started.add(`${event.step}#${event.attempt}`);
        }
        if (isSettling(event)) settled.add(event.step);
      }
    });
  });

  test("an attempt ends once, and only after it began or stood in line", () => {
    holds((steps, with_, schedule) => {
      const open = new Set<string>();
      for (const event of play(steps, with_, schedule).journal.flatMap(({ events }) => events)) {
        if (!("attempt" in event) || event.attempt === undefined) continue;
        const key = `${event.step}#${event.attempt}`;
        if (event.type === "attempt.started" || event.type === "step.waiting") open.add(key);
        const isEnd = ["attempt.failed", "attempt.canceled", "attempt.declined", "attempt.completed"].includes(event.type);
        if (isEnd || (event.type === "step.completed" && event.agent !== undefined)) expect(open.delete(key), key).toBe(true);
      }
    });
  });

  test("whoever held a slot or stood in line is let go of, once", () => {
    holds((steps, with_, schedule) => {
      const held = new Set<string>();
      const task = play(steps, with_, schedule);
      for (const event of task.journal.flatMap(({ events }) => events)) {
        if (event.type === "step.waiting" && "attempt" in event) held.add(`${event.step}#${event.attempt}`);
        if (event.type === "attempt.declined") held.delete(`${event.step}#${event.attempt}`);
        for (const command of commandsFor(event)) {
          if ((command.type !== "settled" && command.type !== "abandon") || !command.slot) continue;
          expect(held.delete(`${command.step}#${command.attempt}`)).toBe(true);
        }
      }
      const live = task.state.steps.flatMap(({ phase }, index) =>
        phase.status === "running" ? phase.live.filter(({ slot }) => slot).map(({ number }) => `${idOf(index)}#${number}`) : [],
      );
      expect([...held].toSorted()).toEqual(live.toSorted());
    });
  });

  test("who was to bring a result for the cache, or waited for one, says what became of that, once", () => {
    holds((steps, with_, schedule) => {
      const owed = new Set<string>();
      const task = play(steps, with_, schedule);
      for (const event of task.journal.flatMap(({ events }) => events)) {
        if (event.type === "step.waiting" && event.waiting_on.type === "cache") owed.add(event.step);
        const isGoingOn = event.type === "cache.missed" && ["skipped", "unavailable"].includes(event.reason);
        if (isGoingOn || (event.type === "step.completed" && event.cached !== undefined)) expect(owed.delete(event.step)).toBe(true);
        for (const command of commandsFor(event)) {
          if (command.type !== "fill_cache" && command.type !== "free_cache") continue;
          expect(owed.delete(command.step)).toBe(true);
          if (command.type === "fill_cache") expect(event).toMatchObject({ type: "step.completed", cache: "fill" });
          if (event.type === "step.completed" && event.degraded !== undefined) expect(command.type).toBe("free_cache");
        }
      }
      const { cache, steps: all } = task.state;
      const first = all.filter(({ index, settledSeq }) => cache.asked.get(index)?.isFirst === true && settledSeq === null);
      expect([...owed].toSorted()).toEqual(
        [...[...waitersFor(task.state, "cache")].map(idOf), ...first.map(({ path }) => path)].toSorted(),
      );
    });
  });

  test("a step settles once", () => {
    holds((steps, with_, schedule) => {
      const settled = play(steps, with_, schedule).journal.flatMap(({ events }) => events.filter(isSettling).map((event) => event.step));
      expect(new Set(settled).size).toBe(settled.length);
    });
  });

  test("no step starts before its needs let it", () => {
    holds((steps, with_, schedule) => {
      const outcomes = new Map<string, keyof NeedCounts>();
      const named = (id: string) => steps.find((one) => one.id === id) as unknown as { needs: string[]; run_if: (typeof RUN_IF)[number] };
      const countsFor = (id: string): NeedCounts => {
        const counts: NeedCounts = { unsettled: 0, completed: 0, failed: 0, absent: 0 };
        for (const need of named(id).needs) counts[outcomes.get(need) ?? "unsettled"]++;
        return counts;
      };
      const decideFor = (id: string) => decide(named(id).run_if, countsFor(id));
      for (const event of play(steps, with_, schedule).journal.flatMap(({ events }) => events)) {
        if (event.type === "step.started") expect(decideFor(event.step)).toBe("run");
        if (event.type === "step.completed") outcomes.set(event.step, "completed");
        else if (event.type === "step.failed") outcomes.set(event.step, "failed");
        else if (event.type === "step.canceled") outcomes.set(event.step, "absent");
        else if (event.type === "step.skipped") {
          if (event.reason === "needs") expect(decideFor(event.step)).toBe("skip");
          outcomes.set(event.step, event.reason === "needs" && countsFor(event.step).failed > 0 ? "failed" : "absent");
        }
      }
    });
  });

  test("an input that comes twice does nothing the second time", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, (task, move) => {
        const input = move?.inputs.at(-1);
        // A word of the gate may come before the task is in its line.
        // Losing an attempt twice is losing it twice, a heartbeat with news is news, and so is an input; verbs are refused the second time.
        if (input === undefined || ["lose", "heartbeat", "look", "replace", "admit", "refuse"].includes(input.type)) return;
        // What the cache says before it is asked is no answer.
        const wasHeard = task.last.answers.at(-1);
        if (["cached", "uncached"].includes(input.type) && wasHeard?.ok === true && wasHeard.value === "unchanged") return;
        const before = task.state.seq;
        task.when(input);
        expect(task.state.seq).toBe(before);
      });
    });
  });

  test("a finished task never moves", () => {
    holds((steps, with_, schedule) => {
      let ended = false;
      play(steps, with_, schedule, (task) => {
        if (ended) expect(task.last.events).toEqual([]);
        ended = task.state.end !== null;
      });
    });
  });

  test("a live task has something in flight, something to wake for, or is paused", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, ({ state, now, last }) => {
        const wakeAt = nextWakeAt(state);
        if (state.end === null && !state.paused) expect(state.live > 0 || wakeAt !== null).toBe(true);
        // A refused input changes nothing, not even what is due.
        if (wakeAt !== null && last.answers.at(-1)?.ok) expect(wakeAt).toBeGreaterThan(now);
      });
    });
  });

  test("a budget is never overdrawn, and whoever waits for it waits for somebody", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, ({ state }) => {
        const { budget } = state;
        if (budget === null) return;
        for (const resource of RESOURCES) {
          expect(budget.spent[resource] + budget.reserved[resource]).toBeLessThanOrEqual(budget.limits[resource] ?? Infinity);
          expect(budget.reserved[resource]).toBe([...budget.open.values()].reduce((sum, one) => sum + one[resource], 0));
        }
        const live = state.steps.flatMap(({ phase }) => (phase.status === "running" ? phase.live : []));
        expect(budget.open.size).toBe(live.length);
        if (state.end === null && !state.paused && waitersFor(state, "budget").size > 0) {
          expect(budget.open.size > 0 || budget.asked !== null).toBe(true);
        }
      });
    });
  });

  test("the counters agree with the steps", () => {
    holds((steps, with_, schedule) => {
      const { state } = play(steps, with_, schedule);
      const live = state.steps.flatMap(({ phase }) => (phase.status === "running" ? phase.live : []));
      expect(state.live).toBe(live.filter(({ way }) => way !== null).length);
      expect(state.queued).toBe(live.filter(({ way }) => way === null).length);
      const busy = [...state.busyByAgent].reduce((sum, [, count]) => sum + count, 0);
      expect(busy).toBe(live.length);
      expect(state.unclaimed).toBe(live.filter(({ claim, way }) => claim === null && way !== null).length);
      expect(state.inline).toBe(live.filter(({ claim, way }) => claim === null && way === "inline").length);
      const relayed = live.filter(({ claim, relay }) => claim === null && relay !== null);
      expect(state.relayed).toBe(relayed.length);
      const byRelay = Map.groupBy(relayed, ({ relay }) => `${relay}`);
      expect(Object.fromEntries(state.relays)).toEqual(Object.fromEntries([...byRelay].map(([relay, calls]) => [relay, calls.length])));
      expect(state.root.unsettled).toBe(state.steps.filter(({ phase }) => !isSettled(phase)).length);
    });
  });

  test("alarms alone finish every task whose agents have gone silent", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      if (task.state.paused && task.state.end === null) task.when({ type: "resume" });
      for (let rounds = 0; task.state.end === null; rounds++) {
        expect(rounds).toBeLessThan(2_000);
        // Whatever is dispatched arrives, and then nothing more is heard of it.
        const arrivals = task.state.steps.flatMap(({ phase }, index): TaskInput[] => {
          if (phase.status !== "running") return [];
          return (
            phase.live
              .filter(({ claim }) => claim === null)
              // Nobody lets in who is in line.
              .filter(({ way }) => way !== null)
              .map(({ number, way }) =>
                way === "queue"
                  ? { type: "claim", step: idOf(index), attempt: number, delivery: 1_000 + rounds }
                  : { type: "accept", step: idOf(index), attempt: number },
              )
          );
        });
        if (arrivals.length > 0) task.when(...arrivals);
        else task.untilWake();
      }
    }, 150);
  });
});

function isSettling(
  event: TaskEvent,
): event is Extract<TaskEvent, { readonly type: "step.completed" | "step.failed" | "step.skipped" | "step.canceled" }> {
  return ["step.completed", "step.failed", "step.skipped", "step.canceled"].includes(event.type);
}
