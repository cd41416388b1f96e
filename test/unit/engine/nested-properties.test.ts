/** What holds for workflows of every kind of step, nested in each other, over thousands of random histories. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../../src/shared/money.ts";
import { commandsFor } from "../../../src/engine/rules/commands.ts";
import { waitersFor } from "../../../src/engine/state/state.ts";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { isSettled } from "../../../src/engine/state/step-state.ts";
import { stepViews } from "../../../src/tasks/views/step-view.ts";
import { nextWakeAt } from "../../../src/engine/rules/wake.ts";
import { spending } from "./arbitrary-budget.ts";
import { essence } from "./essence.ts";
import { runs } from "../runs.ts";
import { completes, fails, Scenario, type Options, type Steps } from "./scenario.ts";

type Draft = Record<string, unknown>;

/** Ids are given when the whole is known: unique, and needs point backwards within their block. */
const { list } = fc.letrec<{ list: Draft[]; step: Draft }>((tie) => ({
  list: fc.array(tie("step"), { minLength: 1, maxLength: 3 }),
  step: fc.oneof(
    { maxDepth: 3, depthIdentifier: "blocks" },
    {
      weight: 4,
      arbitrary: fc.record({
        capability: fc.constantFrom("work", "work", "rare"),
        retry: fc.constantFrom({ max_attempts: 2, delay: "1s" }, { max_attempts: 1 }),
        compensate: fc.constantFrom(undefined, undefined, { capability: "work", retry: { max_attempts: 1 } }),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Draft>({ type: "transform", output: { n: 1 } }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("wait"), for: fc.constantFrom("0s", "5s", "2h") }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant("signal"),
        name: fc.constantFrom("go", "stop"),
        timeout: fc.constantFrom(undefined, "1m"),
        match: fc.constantFrom(undefined, "signal.n == 1"),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant("approval"),
        title: fc.constant("Go?"),
        due: fc.constant("1h"),
        quorum: fc.constantFrom(1, 2),
        on_expiry: fc.constantFrom("fail", "approve"),
        escalate_to: fc.constantFrom(undefined, ["role:admin"]),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Draft>({ type: "workflow", workflow: "study" }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant("end"),
        status: fc.constantFrom("completed", "failed"),
        when: fc.constantFrom("false", "input.ends"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("map"),
        over: fc.constantFrom([], [1], [1, 2, 3], "input.list", "input.none"),
        steps: tie("list"),
        concurrency: fc.constantFrom(undefined, 1, 2),
        tolerate: fc.constantFrom(undefined, 1, "50%"),
        on_item_failure: fc.constantFrom(undefined, "finish", "cancel"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("switch"),
        cases: fc.array(fc.record({ when: fc.constantFrom("true", "false", "input.missing"), steps: tie("list") }), {
          minLength: 1,
          maxLength: 2,
        }),
        default: fc.oneof(fc.constant(undefined), fc.record({ steps: tie("list") })),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("repeat"),
        steps: tie("list"),
        max: fc.integer({ min: 1, max: 3 }),
        until: fc.constantFrom(undefined, "iteration == 2", "false"),
        delay: fc.constantFrom(undefined, "3s"),
      }),
    },
  ),
}));

const seeds = fc.array(fc.nat(), { minLength: 40, maxLength: 40 });

function numbered(drafts: readonly Draft[], seed: readonly number[], counter = { ids: 0 }): Steps {
  const ids: string[] = [];
  return drafts.map((draft) => {
    const id = `s${counter.ids++}`;
    const dice = seed[counter.ids % seed.length] ?? 0;
    const needs = ids.filter((_, index) => (dice >> index) % 2 === 1);
    ids.push(id);
    const inner = (steps: unknown): Steps => numbered(steps as Draft[], seed, counter);
    const run_if = needs.length === 0 ? undefined : (["all_completed", "all_settled", "none_failed", "any_completed"] as const)[dice % 4];
    const on_error = [undefined, undefined, "continue", { output: 0 }][(dice >> 3) % 4];
    return {
      ...draft,
      id,
      ...(needs.length > 0 && { needs }),
      ...(run_if && { run_if }),
      ...(on_error !== undefined && { on_error }),
      ...("steps" in draft && { steps: inner(draft["steps"]) }),
      ...("cases" in draft && { cases: (draft["cases"] as Draft[]).map((one) => ({ ...one, steps: inner(one["steps"]) })) }),
      ...(draft["default"] !== undefined && { default: { steps: inner((draft["default"] as Draft)["steps"]) } }),
    };
  });
}

const workflows: fc.Arbitrary<Steps> = fc.tuple(list, seeds).map(([drafts, seed]) => numbered(drafts, seed));

const plain = fc.record({
  input: fc.constantFrom({ list: [1, 2], ends: true }, { list: [1, 2], ends: false }),
  deadlineMs: fc.constantFrom(60_000, 86_400_000),
  queueTtlMs: fc.constantFrom(5_000, 120_000),
  failFast: fc.boolean(),
  missing: fc.constantFrom([], ["rare"]),
});
const options: fc.Arbitrary<Options> = fc.tuple(plain, spending).map(([all, some]) => ({ ...all, ...some }));

interface Move {
  readonly elapsedMs: number;
  readonly kind: number;
  readonly pick: number;
  readonly attempt: number;
}
const moves = fc.array(
  fc.record({
    elapsedMs: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(100_000)),
    kind: fc.nat(19),
    pick: fc.nat(1_000),
    attempt: fc.integer({ min: 1, max: 2 }),
  }),
  { maxLength: 40 },
);

/** The input that a move means where the task stands. */
function inputOf({ state }: Scenario, { kind, pick, attempt }: Move): TaskInput {
  const step = state.steps[pick % state.steps.length]?.path ?? "";
  const child = [...state.children.keys()][pick % Math.max(1, state.children.size)] ?? "task_none";
  const decision = pick % 3 === 0 ? "reject" : "approve";
  const inputs: readonly TaskInput[] = [
    { type: "wake" },
    completes(step, { n: 1 }, attempt),
    fails(step, { retryable: pick % 2 === 0 }, attempt),
    { type: "signal", name: pick % 2 === 0 ? "go" : "stop", payload: { n: pick % 3 }, key: `${pick}` },
    { type: "decide", approval: 1 + (pick % 3), decision, by: `p${pick % 4}`, roles: ["operator"] },
    {
      type: "child",
      task: child,
      status: pick % 3 === 0 ? "failed" : "completed",
      output: { value: 1 },
      error: null,
      failedItems: 0,
      ...(pick % 2 === 0 && { undo: { value: { steps: [] } } }),
    },
    { type: "pause" },
    { type: "resume" },
    { type: "cancel" },
  ];
  const weighted = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8];
  return inputs[weighted[kind] ?? 0] as TaskInput;
}

function play(
  steps: Steps,
  with_: Options,
  schedule: readonly Move[],
  afterEach: (task: Scenario, input: TaskInput | null) => void = () => {},
): Scenario {
  const task = new Scenario(steps, with_);
  afterEach(task, null);
  for (const move of schedule) {
    task.now += move.elapsedMs;
    const input = inputOf(task, move);
    task.when(input);
    afterEach(task, input);
  }
  return task;
}

const holds = (check: (steps: Steps, with_: Options, schedule: readonly Move[]) => void, usual = 200): void =>
  fc.assert(fc.property(workflows, options, moves, check), { numRuns: runs(usual) });

const eventsOf = (task: Scenario): readonly TaskEvent[] => task.journal.flatMap(({ events }) => events);
const isSettling = ({ type }: TaskEvent): boolean => ["step.completed", "step.failed", "step.skipped", "step.canceled"].includes(type);

describe("for every nested workflow and history", () => {
  test("a budget is never overdrawn, by tasks that steps start neither, but to undo something", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, ({ state }) => {
        const { budget, ending } = state;
        if (budget === null || ending !== null) return;
        for (const resource of RESOURCES) {
          expect(budget.spent[resource] + budget.reserved[resource]).toBeLessThanOrEqual(budget.limits[resource] ?? Infinity);
        }
        if (state.end === null && !state.paused && waitersFor(state, "budget").size > 0) {
          expect(budget.open.size > 0 || budget.asked !== null).toBe(true);
        }
      });
    });
  });

  test("the journal rebuilds the state, and the same history gives the same journal", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      expect(essence(task.rebuilt())).toEqual(essence(task.state));
      expect(play(steps, with_, schedule).journal).toEqual(task.journal);
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
      { numRuns: runs(100) },
    );
  });

  test("a rebuilt task goes on exactly like the one that was never interrupted", () => {
    holds((steps, with_, schedule) => {
      const half = schedule.slice(0, schedule.length >> 1);
      const [task, interrupted] = [play(steps, with_, half), play(steps, with_, half)];
      interrupted.last = { ...interrupted.last, state: interrupted.rebuilt() };
      for (const move of schedule.slice(half.length)) {
        const input = inputOf(task, move);
        for (const one of [task, interrupted]) {
          one.now += move.elapsedMs;
          one.when({ type: "look" }, input);
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

  test("a step settles once, a branch ends once, and no task is started twice", () => {
    holds((steps, with_, schedule) => {
      const events = eventsOf(play(steps, with_, schedule));
      const unique = (keys: readonly string[]): void => expect(new Set(keys).size).toBe(keys.length);
      unique(events.filter(isSettling).map((event) => ("step" in event ? event.step : "")));
      unique(
        events.flatMap((event) =>
          event.type === "branch.completed" || event.type === "branch.failed" ? [`${event.step}[${event.branch}]`] : [],
        ),
      );
      unique(events.flatMap((event) => (event.type === "child.started" ? [event.task] : [])));
      unique(events.flatMap((event) => (event.type === "compensation.started" ? [event.step] : [])));
    });
  });

  test("nothing inside a step is at work once the step has settled", () => {
    holds((steps, with_, schedule) => {
      const { state } = play(steps, with_, schedule);
      for (const step of state.steps) {
        const { owner, branch } = step.frame;
        if (owner !== null && branch !== null && isSettled(owner.phase)) expect(isSettled(step.phase), step.path).toBe(true);
      }
      for (const { step, undoes } of state.children.values())
        if (undoes === undefined) expect(state.steps[step]?.phase.status).toBe("open");
      if (state.end !== null) expect([state.live, state.children.size, state.open.size, state.waiting.size]).toEqual([0, 0, 0, 0]);
    });
  });

  test("whatever completed and can be undone is undone if the task does not complete, in the reverse order", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      const events = eventsOf(task);
      const undoable = events.flatMap((event) =>
        (event.type === "step.completed" && event.degraded === undefined && task.state.stepByPath.get(event.step)?.node.undo) ||
        (event.type === "child.ended" && event.undo !== undefined)
          ? [event.step]
          : [],
      );
      const undone = events.flatMap((event) => (event.type === "compensation.started" ? [event.step] : []));
      expect(undone).toEqual(undoable.toReversed().slice(0, undone.length));
      const status = task.state.end?.status;
      if (status === "completed") expect(undone).toEqual([]);
      if (status === "failed" || status === "canceled" || status === "timed_out") expect(undone).toHaveLength(undoable.length);
    });
  });

  test("an input that comes twice does nothing the second time", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, (task, input) => {
        // A person's second word is refused, and so is a verb; neither changes anything.
        if (input === null) return;
        const before = task.state.seq;
        task.when(input);
        expect(task.state.seq).toBe(before);
      });
    });
  });

  test("a live task has something in flight, something to wake for, waits for somebody, or is paused", () => {
    holds((steps, with_, schedule) => {
      play(steps, with_, schedule, ({ state, now, last }) => {
        if (state.end !== null || state.paused) return;
        const wakeAt = nextWakeAt(state);
        const waits =
          state.live + state.children.size > 0 || [...state.waiting].some((index) => state.steps[index]?.phase.status === "waiting");
        expect(waits || wakeAt !== null).toBe(true);
        if (wakeAt !== null && last.answers.at(-1)?.ok) expect(wakeAt).toBeGreaterThan(now);
      });
    });
  });

  test("with agents, children and people that answer, every task comes to its end", () => {
    holds((steps, with_, schedule) => {
      const task = play(steps, with_, schedule);
      if (task.state.paused && task.state.end === null) task.when({ type: "resume" });
      for (let rounds = 0; task.state.end === null; rounds++) {
        expect(rounds).toBeLessThan(3_000);
        const answers = task.state.steps.flatMap((step): TaskInput[] => {
          const { phase, path } = step;
          if (phase.status === "running")
            return phase.live.filter(({ way }) => way !== null).map(({ number }) => completes(path, {}, number));
          if (phase.status === "waiting" && phase.on.type === "signal")
            return [{ type: "signal", name: phase.on.name, payload: { n: 1 }, key: `${path} ${task.now}` }];
          return [];
        });
        const children = [...task.state.children.keys()].map((one): TaskInput => ({
          type: "child",
          task: one,
          status: "completed",
          output: { value: [] },
          error: null,
          failedItems: 0,
        }));
        if (answers.length + children.length > 0) task.when(...answers, ...children);
        else task.untilWake();
      }
    }, 300);
  });
});
