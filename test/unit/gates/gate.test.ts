/** Who may run under a key, over thousands of random schedules: against the rules in their plainest form. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entrant, Overlap } from "../../../src/gates/entrant.ts";
import { Gate, type GateLimit, type GateStore } from "../../../src/gates/gate.ts";
import { isBefore, type Member, type Newest } from "../../../src/gates/member.ts";
import { LIMITS } from "../../../src/shared/limits.ts";

/** As text, like the rows that it stands for. */
class Memory implements GateStore {
  readonly rows = new Map<string, string>();
  said: GateLimit | null = null;
  readonly members = (): readonly Member[] => [...this.rows.values()].map((text) => JSON.parse(text) as Member);
  readonly put = (member: Member): void => void this.rows.set(member.task, JSON.stringify(member));
  readonly delete = (task: string): void => void this.rows.delete(task);
  readonly limit = (): GateLimit | null => this.said;
  readonly putLimit = (limit: GateLimit): void => void (this.said = limit);
  last: Newest | null = null;
  readonly newest = (): Newest | null => this.last;
  readonly putNewest = (newest: Newest): void => void (this.last = newest);
}

const NOW = 1_000_000;
const entrant = (task: string, more: Partial<Entrant> = {}): Entrant => ({
  task,
  submittedAt: NOW,
  priority: 5,
  limit: 1,
  overlap: "queue",
  ...more,
});

describe("a gate", () => {
  test("lets in as many as the limit says, the next one when somebody leaves", () => {
    const gate = new Gate(new Memory());
    expect(gate.enter(entrant("a"), NOW)).toMatchObject({ type: "admitted" });
    expect(gate.enter(entrant("b", { submittedAt: NOW + 1 }), NOW)).toEqual({ type: "waiting", position: 1 });
    expect(gate.enter(entrant("c", { submittedAt: NOW + 2, priority: 9 }), NOW)).toEqual({ type: "waiting", position: 1 });
    gate.admitted();
    gate.leave("a", NOW);
    expect(gate.admitted().map(({ task }) => task)).toEqual(["c"]);
  });

  test("goes by the limit of the task submitted last, not of the one that came last", () => {
    const gate = new Gate(new Memory());
    gate.enter(entrant("a", { submittedAt: NOW + 10, limit: 3 }), NOW);
    gate.enter(entrant("b", { submittedAt: NOW, limit: 1 }), NOW);
    expect(gate.enter(entrant("c", { submittedAt: NOW + 5, limit: 2 }), NOW)).toMatchObject({ type: "admitted" });
    gate.enter(entrant("d", { submittedAt: NOW + 20, limit: 1 }), NOW);
    gate.leave("a", NOW);
    gate.leave("b", NOW);
    expect(gate.held).toBe(1); // whoever is inside stays, and nobody is let in until there is room
    gate.leave("c", NOW);
    expect(gate.admitted().at(-1)?.task).toBe("d");
  });

  test("is no way around the limit for a number that is out of date", () => {
    const gate = new Gate(new Memory());
    const first = gate.reserve(entrant("a", { overlap: "reject" }), NOW);
    const again = gate.reserve(entrant("a", { overlap: "reject" }), NOW);
    expect([first, again]).toMatchObject([{ isNew: true }, { isNew: false }]);
    if (first.type === "reserved") gate.leave("a", NOW, first.grant);
    expect(gate.reserve(entrant("b", { overlap: "reject" }), NOW)).toEqual({ type: "taken", by: "a" });
  });

  test("cancels by the order of submission: one that comes late is canceled by the newer that is there", () => {
    const gate = new Gate(new Memory());
    gate.enter(entrant("new", { submittedAt: NOW + 10, overlap: "cancel_previous" }), NOW);
    expect(gate.enter(entrant("old", { submittedAt: NOW, overlap: "cancel_previous" }), NOW)).toEqual({ type: "canceled", by: "new" });
    expect(gate.toCancel).toEqual([]);
  });

  test("cancels nobody who waits for the newcomer: others make room, or it is refused", () => {
    const gate = new Gate(new Memory());
    const child = entrant("child", { submittedAt: NOW + 9, overlap: "cancel_previous", above: ["parent", "root"] });
    gate.enter(entrant("root"), NOW);
    expect(gate.enter(child, NOW)).toEqual({ type: "refused", by: "root" });
    expect(gate.enter(child, NOW)).toEqual({ type: "refused", by: "root" });
    expect(gate.toCancel).toEqual([]);
    // Submitted in the same moment, which of them is first says nothing.
    expect(gate.enter({ ...child, task: "a", submittedAt: NOW }, NOW)).toEqual({ type: "refused", by: "root" });
    const wide = new Gate(new Memory());
    wide.enter(entrant("root", { limit: 2 }), NOW);
    wide.enter(entrant("other", { submittedAt: NOW + 1, limit: 2 }), NOW);
    expect(wide.enter({ ...child, limit: 2 }, NOW)).toMatchObject({ type: "waiting" });
    expect(wide.toCancel).toEqual([{ task: "other", by: "child" }]);
    wide.leave("other", NOW);
    expect(wide.admitted().at(-1)?.task).toBe("child");
  });

  test("cancels what is outdated, if that says so, long after the newer one has ended and however it waits", () => {
    const memory = new Memory();
    const gate = new Gate(memory);
    const cancels = { outdated: "cancel" } as const;
    gate.enter(entrant("newer", { submittedAt: NOW + 10, ...cancels }), NOW);
    gate.leave("newer", NOW);
    expect(gate.isEmpty).toBe(true);
    const later = new Gate(memory);
    expect(later.remembersUntil).toBe(NOW + 10 + 365 * 86_400_000);
    expect(later.enter(entrant("held", { submittedAt: NOW, ...cancels }), NOW)).toEqual({ type: "canceled", by: "newer" });
    expect(later.enter(entrant("runs", { submittedAt: NOW }), NOW)).toMatchObject({ type: "admitted" });
    later.enter(entrant("waits", { submittedAt: NOW + 20, ...cancels }), NOW);
    later.enter(entrant("waits anyway", { submittedAt: NOW + 21 }), NOW);
    later.enter(entrant("urgent", { submittedAt: NOW + 30, priority: 9, ...cancels }), NOW);
    later.leave("runs", NOW);
    expect(later.admitted().map(({ task }) => task)).toEqual(["runs", "urgent"]);
    expect(later.toCancel).toEqual([{ task: "waits", by: "urgent" }]);
    expect(later.position("waits anyway")).toBe(1);
  });

  test("counts a place that was kept for a task once that has begun", () => {
    const gate = new Gate(new Memory());
    const newer = entrant("newer", { submittedAt: NOW + 10, overlap: "reject", outdated: "cancel" });
    gate.reserve(newer, NOW);
    expect(gate.remembersUntil).toBe(0);
    gate.enter(newer, NOW);
    gate.leave("newer", NOW);
    expect(gate.enter(entrant("held", { outdated: "cancel" }), NOW)).toEqual({ type: "canceled", by: "newer" });
  });

  test("cancels no more than the limit makes necessary", () => {
    const gate = new Gate(new Memory());
    for (const [index, task] of ["a", "b", "c"].entries()) {
      gate.enter(entrant(task, { submittedAt: NOW + index, limit: 3, overlap: "cancel_previous" }), NOW);
    }
    expect(gate.toCancel).toEqual([]);
    expect(gate.enter(entrant("d", { submittedAt: NOW + 9, limit: 3, overlap: "cancel_previous" }), NOW)).toMatchObject({
      type: "waiting",
    });
    expect(gate.toCancel).toEqual([{ task: "a", by: "d" }]);
    gate.leave("a", NOW);
    expect(gate.admitted().at(-1)?.task).toBe("d");
  });
});

const tasks = fc.constantFrom("t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7");
const outdated = { outdated: fc.constantFrom("cancel" as const, undefined) };
const moves = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom("enter" as const, "enter" as const, "reserve" as const),
      task: tasks,
      priority: fc.nat(9),
      limit: fc.integer({ min: 1, max: 4 }),
      overlap: fc.constantFrom<Overlap>("queue", "queue", "reject", "cancel_previous", "return_existing"),
      ...outdated,
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("leave" as const), task: tasks }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("reload" as const, "verify" as const, "heard" as const), task: tasks }) },
);
const schedules = fc.array(fc.record({ elapsedMs: fc.oneof(fc.constant(0), fc.nat(2_000), fc.nat(90_000)), move: moves }), {
  maxLength: 60,
});

type Schedule = typeof schedules extends fc.Arbitrary<infer T> ? T : never;

interface Told {
  readonly gate: Gate;
  readonly before: ReadonlySet<string>;
  readonly limit: number;
  readonly admitted: readonly string[];
}

/** Plays a schedule; `afterEach` sees who was inside before, and who was let in by the move. */
function play(schedule: Schedule, afterEach: (told: Told) => void): void {
  const memory = new Memory();
  let gate = new Gate(memory);
  let now = NOW;
  const submittedAt = new Map<string, number>();
  const inside = (): Set<string> => new Set(memory.members().flatMap(({ state, task }) => (state === "holding" ? [task] : [])));
  for (const { elapsedMs, move } of schedule) {
    now += elapsedMs;
    const before = inside();
    if (move.type === "reload") gate = new Gate(memory);
    else if (move.type === "verify") for (const place of gate.toVerify(now)) gate.leave(place.task, now, place.grant);
    else if (move.type === "heard") gate.dismissed(move.task);
    else if (!("overlap" in move)) {
      gate.leave(move.task, now);
      submittedAt.delete(move.task);
    } else {
      const at = submittedAt.get(move.task) ?? now;
      submittedAt.set(move.task, at);
      const { type, outdated, ...said } = move;
      const terms = { ...said, ...(outdated !== undefined && { outdated }) };
      if (type === "enter") gate.enter({ ...terms, submittedAt: at }, now);
      else if (type === "reserve") gate.reserve({ ...terms, submittedAt: at }, now);
    }
    gate.admitted();
    const after = inside();
    afterEach({ gate, before, limit: memory.said?.limit ?? 1, admitted: [...after].filter((task) => !before.has(task)) });
  }
}

const holds = (check: (told: Told) => void): void =>
  fc.assert(
    fc.property(schedules, (schedule) => play(schedule, check)),
    { numRuns: 1_000 },
  );

describe("for every schedule", () => {
  test("nobody is let in beyond the limit", () => {
    holds(({ gate, limit, admitted }) => {
      if (admitted.length > 0) expect(gate.held).toBeLessThanOrEqual(limit);
    });
  });

  test("nobody waits while there is room", () => {
    holds(({ gate, limit }) => {
      const isSomebodyWaiting = Array.from({ length: 8 }, (_, index) => gate.position(`t${index}`)).some((position) => position !== null);
      if (isSomebodyWaiting) expect(gate.held).toBeGreaterThanOrEqual(limit);
    });
  });

  test("what an evicted gate remembers is what it knew", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const answers = (withReloads: boolean) => {
          const seen: unknown[] = [];
          const moves: Schedule = withReloads
            ? schedule.flatMap((one): Schedule => [one, { elapsedMs: 0, move: { type: "reload", task: "t0" } }])
            : schedule;
          play(moves, ({ gate, admitted }) =>
            seen.push([admitted, gate.toCancel.toSorted((a, b) => (a.task < b.task ? -1 : 1)), gate.position("t1"), gate.position("t2")]),
          );
          return withReloads ? seen.filter((_, index) => index % 2 === 0) : seen;
        };
        // When to ask again is not stored: a new instance asks at once.
        fc.pre(schedule.every(({ move }) => move.type !== "verify"));
        expect(answers(true)).toEqual(answers(false));
      }),
      { numRuns: 500 },
    );
  });

  test("of those that cancel, the newest are left", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"], { minLength: 1 }),
        fc.integer({ min: 1, max: 3 }),
        (order, limit) => {
          const gate = new Gate(new Memory());
          const members = order.map((task) =>
            entrant(task, { submittedAt: NOW + Number(task.slice(1)), limit, overlap: "cancel_previous" }),
          );
          const ends = new Set<string>();
          for (const member of members) if (gate.enter(member, NOW + 100).type === "canceled") ends.add(member.task);
          for (const { task } of gate.toCancel) ends.add(task);
          const newest = members.toSorted((a, b) => (isBefore(a, b) ? 1 : -1)).slice(0, limit);
          const left = order.filter((task) => !ends.has(task)).toSorted();
          expect(left).toEqual(newest.map(({ task }) => task).toSorted());
        },
      ),
    );
  });

  test("priority ages: nobody is overtaken by what is submitted much later", () => {
    const gate = new Gate(new Memory());
    gate.enter(entrant("a"), NOW);
    gate.enter(entrant("patient", { priority: 0 }), NOW);
    const position = gate.enter(
      entrant("urgent", { priority: 9, submittedAt: NOW + 9 * LIMITS.agingMs + 1 }),
      NOW + 9 * LIMITS.agingMs + 1,
    );
    expect(position).toEqual({ type: "waiting", position: 2 });
  });
});
