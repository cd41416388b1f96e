import { describe, expect, test } from "vitest";
import { Admission, type AttemptName, type Allowance, type Slot, type Waiter } from "../../../src/agents/object/admission.ts";
import type { AgentLimits } from "../../../src/agents/agent.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { memoryStore } from "./admission-store.ts";

const NOW = 1_000_000;
const OPEN: Allowance = { type: "open" };
const attempt = (task: string, step = "a", number = 1): AttemptName => ({ task, step, attempt: number });
const tasksOf = (admitted: readonly Waiter[]): readonly string[] => admitted.map(({ task }) => task);

/** An agent with the limits, and everybody who asked for it in this order, a millisecond apart. */
function line(...asking: readonly (string | readonly [task: string, priority: number])[]) {
  const store = memoryStore();
  const admission = new Admission(store);
  asking.forEach((one, index) => {
    const [task, priority] = typeof one === "string" ? [one, 5] : one;
    admission.join(attempt(task), priority, "work", NOW + index);
  });
  return { admission, store, later: NOW + asking.length };
}
const one: AgentLimits = { maxConcurrency: 1 };

describe("who is let in", () => {
  test("as many as the limits allow, and the next when one goes", () => {
    const { admission, later } = line("a", "b", "c", "d");
    expect(tasksOf(admission.admit({ maxConcurrency: 2 }, OPEN, later))).toEqual(["a", "b"]);
    expect(admission.admit({ maxConcurrency: 2 }, OPEN, later)).toEqual([]);
    admission.release(attempt("a"));
    expect(tasksOf(admission.admit({ maxConcurrency: 2 }, OPEN, later))).toEqual(["c"]);
    expect([admission.held, admission.waiting]).toEqual([2, 1]);
  });

  test("everybody, where nothing limits", () => {
    const { admission, later } = line("a", "b", "c");
    expect(tasksOf(admission.admit(undefined, OPEN, later))).toEqual(["a", "b", "c"]);
  });

  test("no more than are asked for, as by a worker that takes a few", () => {
    const { admission, later } = line("a", "b", "c");
    expect(tasksOf(admission.admit(undefined, OPEN, later, 2))).toEqual(["a", "b"]);
  });

  test("probes on trial, however many are inside from before", () => {
    const { admission, later } = line("a", "b");
    admission.admit(undefined, OPEN, later, 1);
    expect(tasksOf(admission.admit(undefined, { type: "probes", probes: 1 }, later))).toEqual(["b"]);
  });

  test("whoever nobody took along is back at its place, under the grant that was meant only", () => {
    const { admission, later } = line("a", "b", "c");
    const [slot] = admission.admit(undefined, OPEN, later, 1);
    const renewed = admission.renew(attempt("a"), later);
    expect(admission.release(attempt("a"), slot?.grant)).toBeNull();
    admission.putBack(attempt("a"), slot?.grant ?? 0);
    expect(admission.holds(attempt("a"))).toBe(true);
    admission.putBack(attempt("a"), renewed ?? 0);
    expect(admission.position(attempt("a"))).toBe(1);
    expect(admission.renew(attempt("a"), later)).toBeNull();
  });

  test("only a few probes while the agent is on trial, those inside already included", () => {
    const { admission, later } = line("a", "b", "c");
    const probes: Allowance = { type: "probes", probes: 2 };
    expect(tasksOf(admission.admit({ maxConcurrency: 10 }, probes, later))).toEqual(["a", "b"]);
    expect(admission.slot(attempt("a"))).toMatchObject({ isProbe: true });
    admission.release(attempt("b"));
    expect(tasksOf(admission.admit({ maxConcurrency: 10 }, OPEN, later))).toEqual(["c"]);
    expect(admission.slot(attempt("c"))).toMatchObject({ isProbe: false });
  });

  test("so many in a period, whenever the agent is free, and a little more than a period later the next", () => {
    const rate: AgentLimits = { rate: { count: 2, perMs: 1_000 } };
    const { admission } = line("a", "b", "c", "d");
    expect(tasksOf(admission.admit(rate, OPEN, NOW + 10))).toEqual(["a", "b"]);
    for (const task of ["a", "b"]) {
      expect(admission.start(attempt(task), rate, NOW + 10, true)).toEqual({ type: "go", inMs: 0 });
      admission.release(attempt(task));
    }
    const opensAt = NOW + 10 + 1_000 + LIMITS.rateSlackMs;
    expect(admission.admit(rate, OPEN, opensAt - 1)).toEqual([]);
    expect(admission.nextAt(rate, opensAt - 1)).toBe(opensAt);
    expect(tasksOf(admission.admit(rate, OPEN, opensAt))).toEqual(["c", "d"]);
  });

  test("no more in a period that is counted from each start, by a new instance too", () => {
    const rate: AgentLimits = { rate: { count: 2, perMs: 1_000 } };
    const window = 1_000 + LIMITS.rateSlackMs;
    for (const restarts of [false, true]) {
      const { admission, store } = line("a", "b", "c", "d");
      expect(admission.admit(rate, OPEN, NOW + 10, 1)).toHaveLength(1);
      expect(admission.admit(rate, OPEN, NOW + 500)).toHaveLength(1);
      const [first, second] = [NOW + 10 + window, NOW + 500 + window];
      expect(admission.admit(rate, OPEN, first)).toHaveLength(1);
      const next = restarts ? new Admission(store) : admission;
      expect(next.admit(rate, OPEN, second - 1)).toHaveLength(0);
      expect(next.admit(rate, OPEN, second)).toHaveLength(1);
    }
  });

  test("as few as the limits say after they were lowered", () => {
    const { admission, later } = line("a", "b", "c", "d");
    admission.admit({ maxConcurrency: 3 }, OPEN, later);
    for (const task of ["a", "b"]) {
      admission.release(attempt(task));
      expect(admission.admit(one, OPEN, later)).toEqual([]);
    }
    admission.release(attempt("c"));
    expect(tasksOf(admission.admit(one, OPEN, later))).toEqual(["d"]);
  });
});

describe("a call of an agent with a rate", () => {
  const rate: AgentLimits = { rate: { count: 1, perMs: 1_000 } };
  const windowMs = 1_000 + LIMITS.rateSlackMs;

  /** So many who were let in, a period apart, and whose calls have not left. */
  function letIn(tasks: number, limits: AgentLimits = rate) {
    const names = Array.from({ length: tasks }, (_, index) => `t${index}`);
    const { admission, store } = line(...names);
    const lastAt = NOW + tasks + (tasks - 1) * windowMs;
    for (let now = NOW + tasks; now <= lastAt; now += windowMs) expect(admission.admit(limits, OPEN, now)).toHaveLength(1);
    return { admission, store, names, lastAt };
  }

  test("leaves a period after the last one left, however long ago it was let in", () => {
    const { admission, names, lastAt } = letIn(4);
    const leaving = names.map((task) => admission.start(attempt(task), rate, lastAt, true));
    expect(leaving).toEqual([0, 1, 2, 3].map((index) => ({ type: "go", inMs: index * windowMs })));
    expect(admission.nextAt(rate, lastAt)).not.toBeNull();
    admission.join(attempt("late"), 5, null, lastAt);
    expect(admission.admit(rate, OPEN, lastAt + 4 * windowMs - 1)).toEqual([]);
    expect(admission.admit(rate, OPEN, lastAt + 4 * windowMs)).toHaveLength(1);
  });

  test("keeps its turn when that is far, and takes it when it comes back in time", () => {
    const { admission, names, lastAt } = letIn(8);
    const answers = names.map((task) => admission.start(attempt(task), rate, lastAt, false));
    expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(["go"])); // nobody leaves yet
    for (const [index, task] of names.entries()) {
      const { type, inMs } = admission.start(attempt(task), rate, lastAt, true);
      expect([type, inMs]).toEqual([index * windowMs <= LIMITS.startNearMs ? "go" : "later", index * windowMs]);
    }
    const soon = lastAt + 3 * windowMs;
    for (const [index, task] of [...names.entries()].slice(5)) {
      expect(admission.start(attempt(task), rate, soon, true)).toEqual({ type: "go", inMs: (index - 3) * windowMs });
    }
  });

  test("that comes back too late has to find another moment, and leaves its own to somebody else", () => {
    const { admission, names, lastAt } = letIn(8);
    for (const task of names) admission.start(attempt(task), rate, lastAt, true);
    const late = lastAt + 7.5 * windowMs;
    expect(admission.start(attempt("t7"), rate, late, true)).toEqual({ type: "go", inMs: 0 });
    expect(admission.start(attempt("t6"), rate, late, true)).toEqual({ type: "go", inMs: windowMs });
  });

  test("counts each time that it leaves, also after a restart or when its grant was given again", () => {
    const { admission, store, lastAt } = letIn(1);
    const leave = (by: Admission) => by.start(attempt("t0"), rate, lastAt, true);
    expect(leave(admission)).toEqual({ type: "go", inMs: 0 });
    admission.renew(attempt("t0"), lastAt);
    expect(leave(admission)).toEqual({ type: "go", inMs: windowMs });
    expect(leave(new Admission(store))).toEqual({ type: "go", inMs: 2 * windowMs });
  });

  test("that is not to be made after all takes nothing from the rate", () => {
    const { admission, lastAt } = letIn(1);
    admission.release(attempt("t0"));
    admission.join(attempt("next"), 5, null, lastAt);
    expect(admission.admit(rate, OPEN, lastAt)).toHaveLength(1);
    const { admission: crowded, names, lastAt: now } = letIn(9);
    for (const task of names) crowded.start(attempt(task), rate, now, true);
    for (const task of names.slice(5)) crowded.release(attempt(task));
    crowded.join(attempt("next"), 5, null, now);
    expect(crowded.admit(rate, OPEN, now + 5 * windowMs)).toHaveLength(1);
  });

  test("of an agent without a rate leaves at once", () => {
    const { admission } = line("a");
    expect(admission.start(attempt("a"), one, NOW, true)).toEqual({ type: "go", inMs: 0 });
  });
});

describe("the order of the line", () => {
  test("is that of joining", () => {
    const { admission } = line("c", "a", "b");
    expect(["c", "a", "b"].map((task) => admission.position(attempt(task)))).toEqual([1, 2, 3]);
  });

  test("puts the urgent first, each level worth some waiting", () => {
    const { admission } = line(["usual", 5], ["urgent", 6]);
    admission.join(attempt("urgent but late"), 6, null, NOW + LIMITS.agingMs + 1);
    expect(["urgent", "usual", "urgent but late"].map((task) => admission.position(attempt(task)))).toEqual([1, 2, 3]);
  });

  test("ranks a waiter later for each place that its task has in line", () => {
    const admission = new Admission(memoryStore());
    for (let step = 0; step < 1_000; step++) admission.join(attempt("large", `s${step}`), 5, "work", NOW);
    admission.join(attempt("small"), 5, "work", NOW + 2_500);
    // Three of the large task's had joined so much earlier; the others come after.
    expect(admission.position(attempt("small"))).toBe(1 + Math.floor(2_500 / LIMITS.fairnessMs) + 1);
    admission.join(attempt("small", "b"), 5, "work", NOW + 2_500);
    expect(admission.position(attempt("small", "b"))).toBe((admission.position(attempt("small")) as number) + 2);
  });

  test("counts only places that are still in line", () => {
    const { admission } = line("large");
    admission.admit(one, OPEN, NOW);
    admission.join(attempt("large", "b"), 5, "work", NOW + 5);
    admission.join(attempt("small"), 5, "work", NOW + 6);
    expect(admission.position(attempt("large", "b"))).toBe(1);
  });

  test("makes nobody wait for ever: urgent newcomers overtake for as long as their priority is worth, and no longer", () => {
    const admission = new Admission(memoryStore());
    admission.join(attempt("patient"), 0, "work", NOW);
    let admitted = 0;
    let now = NOW;
    for (let newcomer = 0; !admission.holds(attempt("patient")); newcomer++, admitted++) {
      // Twice as many come as are let in.
      for (const twin of ["x", "y"]) admission.join(attempt(`${twin}${newcomer}`), 9, "work", now);
      for (const { task, step, attempt } of admission.admit(one, OPEN, now))
        if (task !== "patient") admission.release({ task, step, attempt });
      now += 1_000;
    }
    expect(admitted).toBeLessThanOrEqual((2 * (9 * LIMITS.agingMs)) / 1_000 + 3);
  });

  test("is told by position: 1 is next, and who is inside or unknown has none", () => {
    const { admission, later } = line("a", "b", "c");
    admission.admit(one, OPEN, later);
    expect(["a", "b", "c", "d"].map((task) => admission.position(attempt(task)))).toEqual([null, 1, 2, null]);
  });
});

describe("joining and leaving", () => {
  test("twice is once", () => {
    const { admission, later } = line("a", "b");
    const place = admission.position(attempt("a"));
    expect(admission.join(attempt("a"), 9, "work", later)).toBe(true);
    expect([admission.waiting, admission.position(attempt("a"))]).toEqual([2, place]);
    admission.admit(one, OPEN, later);
    expect(admission.join(attempt("a"), 9, "work", later)).toBe(true);
    expect([admission.held, admission.waiting]).toEqual([1, 1]);
    expect(admission.release(attempt("a"))).toMatchObject({ task: "a", grantedAt: later });
    expect(admission.release(attempt("a"))).toBeNull();
    expect([admission.held, admission.waiting]).toEqual([0, 1]);
  });

  test("is possible from the middle of the line", () => {
    const { admission, later } = line("a", "b", "c");
    expect(admission.release(attempt("b"))).toBeNull();
    expect(tasksOf(admission.admit(undefined, OPEN, later))).toEqual(["a", "c"]);
  });

  test("tells attempts at a step apart", () => {
    const admission = new Admission(memoryStore());
    for (const number of [1, 2]) admission.join(attempt("a", "s", number), 5, "work", NOW + number);
    admission.admit(one, OPEN, NOW + 10);
    expect([1, 2].map((number) => admission.holds(attempt("a", "s", number)))).toEqual([true, false]);
  });

  test("is refused where the line is full, and changes nothing", () => {
    const admission = new Admission(memoryStore());
    for (let task = 0; task < LIMITS.waitersPerAgent; task++) expect(admission.join(attempt(`t${task}`), 5, null, NOW)).toBe(true);
    expect(admission.join(attempt("late"), 9, null, NOW)).toBe(false);
    expect([admission.waiting, admission.position(attempt("late"))]).toEqual([LIMITS.waitersPerAgent, null]);
    expect(admission.join(attempt("t7"), 5, null, NOW)).toBe(true);
    admission.release(attempt("t7"));
    expect(admission.join(attempt("late"), 9, null, NOW)).toBe(true);
  });

  test("happens to all at once when the agent closes", () => {
    const { admission, store, later } = line("a", "b", "c");
    admission.admit(one, OPEN, later);
    expect(tasksOf(admission.dismiss())).toEqual(["b", "c"]);
    expect([admission.held, admission.waiting, store.waiters().length]).toEqual([1, 0, 0]);
  });
});

describe("a slot", () => {
  test("is asked about now and then, and by a new instance again", () => {
    const { admission, store, later } = line("a", "b");
    admission.admit(one, OPEN, later);
    const due = later + LIMITS.slotVerifyMs;
    expect(admission.nextAt(one, later)).toBe(due);
    expect(admission.toVerify(due - 1)).toEqual([]);
    expect(admission.toVerify(due)).toMatchObject([{ task: "a" }]);
    expect(admission.toVerify(due)).toEqual([]);
    expect(admission.toVerify(due + LIMITS.slotVerifyMs)).toMatchObject([{ task: "a" }]);
    expect(new Admission(store).toVerify(due)).toMatchObject([{ task: "a" }]);
  });

  test("whose holder cannot be asked for an hour is taken back, and not if it answers once meanwhile", () => {
    for (const answers of [false, true]) {
      const { admission, store, later } = line("a", "b");
      const [slot] = admission.admit(one, OPEN, later) as readonly [Slot];
      expect(admission.doubt(slot, later)).toBe(false);
      if (answers) admission.trust(slot);
      const after = new Admission(store);
      expect(after.doubt(slot, later + LIMITS.slotDoubtMs - 1)).toBe(false);
      expect(after.doubt(slot, later + LIMITS.slotDoubtMs)).toBe(!answers);
      expect(after.holds(slot)).toBe(answers);
      expect(after.doubt({ ...slot, grant: slot.grant - 1 }, later + 3 * LIMITS.slotDoubtMs)).toBe(false);
    }
  });

  test("that nobody has needs no waking", () => {
    const { admission, later } = line("a");
    expect(admission.nextAt(one, later)).toBeNull();
    admission.admit(one, OPEN, later);
    admission.release(attempt("a"));
    expect(admission.nextAt(one, later)).toBeNull();
  });
});
