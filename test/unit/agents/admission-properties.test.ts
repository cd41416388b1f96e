/** What holds for every schedule of asking, letting in, going, verifying and restarting, over thousands of random ones. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Admission,
  keyOfAttempt,
  type AdmissionStore,
  type AttemptName,
  type Allowance,
  type StartAnswer,
} from "../../../src/agents/object/admission.ts";
import type { AgentLimits } from "../../../src/agents/agent.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { memoryStore } from "./admission-store.ts";

const names = fc.record({
  task: fc.constantFrom("t1", "t2", "t3", "t4"),
  step: fc.constantFrom("a", "b", "c", "d", "e"),
  attempt: fc.integer({ min: 1, max: 3 }),
});
const schedules = fc.array(
  fc.record({
    elapsedMs: fc.oneof(fc.constant(0), fc.nat(300), fc.nat(1_500), fc.nat(40_000)),
    move: fc.oneof(
      { weight: 6, arbitrary: fc.record({ type: fc.constant("join" as const), name: names, priority: fc.nat(9) }) },
      {
        weight: 5,
        arbitrary: fc.record({
          type: fc.constant("admit" as const),
          most: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1, 2),
          probes: fc.constantFrom(null, null, null, 1, 2),
        }),
      },
      // Whoever is inside, or in line, at this place among them.
      { weight: 4, arbitrary: fc.record({ type: fc.constant("release" as const), at: fc.nat(30) }) },
      // The call of whoever is inside at this place asks when it may leave, or is about to.
      { weight: 5, arbitrary: fc.record({ type: fc.constant("start" as const), at: fc.nat(30), isLeaving: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("verify" as const, "reload" as const) }) },
    ),
  }),
  { maxLength: 120 },
);
type Schedule = typeof schedules extends fc.Arbitrary<infer T> ? T : never;

const limits: fc.Arbitrary<AgentLimits> = fc.oneof(
  fc.constant({}),
  fc.record({ maxConcurrency: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ rate: fc.record({ count: fc.integer({ min: 1, max: 4 }), perMs: fc.constantFrom(1_000, 10_000) }) }),
  fc.record({
    maxConcurrency: fc.integer({ min: 1, max: 4 }),
    rate: fc.record({ count: fc.integer({ min: 1, max: 4 }), perMs: fc.constantFrom(1_000, 10_000) }),
  }),
);

interface Place extends AttemptName {
  readonly rank: number;
}

interface Inside extends AttemptName {
  readonly isProbe: boolean;
  /** When it was let in, or is to leave after all; not once its call has left. */
  readonly planned: number | null;
}

/** The rules in their plainest form: a list that is sorted whenever somebody joins, and counting. */
class Model {
  line: readonly Place[] = [];
  inside: readonly Inside[] = [];
  /** When calls left, or are about to. */
  readonly starts: number[] = [];
  readonly #limits: AgentLimits;

  constructor(limits: AgentLimits) {
    this.#limits = limits;
  }

  join(name: AttemptName, priority: number, now: number): void {
    if ([...this.inside, ...this.line].some((other) => keyOfAttempt(other) === keyOfAttempt(name))) return;
    const ahead = this.line.filter(({ task }) => task === name.task).length;
    const rank = now - priority * LIMITS.agingMs + ahead * LIMITS.fairnessMs;
    this.line = [...this.line, { ...name, rank }].toSorted((a, b) => a.rank - b.rank || (keyOfAttempt(a) < keyOfAttempt(b) ? -1 : 1));
  }

  admit(now: number, most = Number.POSITIVE_INFINITY, probes = Number.POSITIVE_INFINITY): readonly string[] {
    const { maxConcurrency = Number.POSITIVE_INFINITY, rate } = this.#limits;
    const isProbe = probes !== Number.POSITIVE_INFINITY;
    const places = Math.min(maxConcurrency - this.inside.length, probes - this.inside.filter((one) => one.isProbe).length);
    const planned = this.inside.flatMap((one) => one.planned ?? []);
    const lately = rate === undefined ? 0 : [...this.starts, ...planned].filter((at) => at > now - rate.perMs - LIMITS.rateSlackMs).length;
    const admitted = this.line.slice(0, Math.max(0, Math.min(places, most, (rate?.count ?? Number.POSITIVE_INFINITY) - lately)));
    this.line = this.line.slice(admitted.length);
    this.inside = [...this.inside, ...admitted.map((one) => ({ ...one, isProbe, planned: rate === undefined ? null : now }))];
    return admitted.map(keyOfAttempt);
  }

  start(at: number, now: number, isLeaving: boolean): StartAnswer {
    const { rate } = this.#limits;
    const asking = this.inside[at];
    if (rate === undefined || asking === undefined) return { type: "go", inMs: 0 };
    const [planned, others] = [asking.planned, this.inside.toSpliced(at, 1).flatMap((one) => one.planned ?? [])];
    const taken = [...this.starts, ...others.filter((moment) => moment > now)];
    const window = rate.perMs + LIMITS.rateSlackMs;
    /** No period holds more than it may, wherever it begins. */
    const isFine = (moment: number): boolean =>
      [...taken, moment].every((from) => {
        const inPeriod = [...taken, moment].filter((one) => one >= from && one < from + window);
        return !inPeriod.includes(moment) || inPeriod.length <= rate.count;
      });
    const moments = [now, ...taken.map((one) => one + window).filter((one) => one > now)].toSorted((a, b) => a - b);
    const moment = planned !== null && planned > now ? planned : (moments.find(isFine) as number);
    const type = moment - now <= LIMITS.startNearMs ? "go" : "later";
    if (type === "go" && isLeaving) this.starts.push(moment);
    const changed = type === "later" ? moment : isLeaving ? null : planned;
    this.inside = this.inside.with(at, { ...asking, planned: changed });
    return { type, inMs: moment - now };
  }

  leaves(name: AttemptName): void {
    const others = <T extends AttemptName>(all: readonly T[]) => all.filter((other) => keyOfAttempt(other) !== keyOfAttempt(name));
    this.line = others(this.line);
    this.inside = others(this.inside);
  }
}

interface Played {
  readonly admission: Admission;
  readonly store: AdmissionStore;
  readonly model: Model;
  readonly now: number;
}

function play(schedule: Schedule, limits: AgentLimits, afterEach: (played: Played) => void = () => {}, reloads = true): Played {
  const store = memoryStore();
  const model = new Model(limits);
  let admission = new Admission(store);
  let now = 1_000_000;
  for (const { elapsedMs, move } of schedule) {
    now += elapsedMs;
    switch (move.type) {
      case "join":
        expect(admission.join(move.name, move.priority, "work", now)).toBe(true);
        model.join(move.name, move.priority, now);
        break;
      case "admit": {
        const gate: Allowance = move.probes === null ? { type: "open" } : { type: "probes", probes: move.probes };
        const admitted = admission.admit(limits, gate, now, move.most);
        expect(admitted.map(keyOfAttempt)).toEqual(model.admit(now, move.most, move.probes ?? undefined));
        break;
      }
      case "release": {
        const all = [...model.inside, ...model.line];
        const name = all[move.at % Math.max(1, all.length)];
        if (name === undefined) break;
        const wasInside = admission.holds(name);
        expect(admission.release(name) !== null).toBe(wasInside);
        expect(admission.release(name)).toBeNull();
        model.leaves(name);
        break;
      }
      case "start": {
        const at = move.at % Math.max(1, model.inside.length);
        const name = model.inside[at];
        if (name === undefined) break;
        expect(admission.start(name, limits, now, move.isLeaving)).toEqual(model.start(at, now, move.isLeaving));
        break;
      }
      case "verify":
        for (const slot of admission.toVerify(now)) expect(admission.holds(slot)).toBe(true);
        break;
      case "reload":
        if (reloads) admission = new Admission(store);
        break;
    }
    afterEach({ admission, store, model, now });
  }
  return { admission, store, model, now };
}

const holds = (check: (schedule: Schedule, limits: AgentLimits) => void, numRuns = 1_000): void => {
  fc.assert(fc.property(schedules, limits, check), { numRuns });
};

describe("for every schedule", () => {
  test("no more are inside than may be, and no more calls leave during any period than the rate allows", () => {
    holds((schedule, limits) => {
      const { model } = play(schedule, limits, ({ admission }) => {
        expect(admission.held).toBeLessThanOrEqual(limits.maxConcurrency ?? Number.POSITIVE_INFINITY);
      });
      const { count, perMs } = limits.rate ?? { count: Number.POSITIVE_INFINITY, perMs: 1 };
      for (const from of model.starts) {
        expect(model.starts.filter((at) => at >= from && at < from + perMs).length).toBeLessThanOrEqual(count);
      }
    });
  });

  test("as many as may be are let in, in the order of the rule; everybody's place is right, and the store knows it all", () => {
    holds((schedule, limits) => {
      play(schedule, limits, ({ admission, store, model }) => {
        expect([admission.held, admission.waiting]).toEqual([model.inside.length, model.line.length]);
        model.line.forEach((name, index) => expect(admission.position(name)).toBe(index + 1));
        for (const name of model.inside) {
          expect(admission.position(name)).toBeNull();
          expect(admission.holds(name)).toBe(true);
        }
        expect(store.slots().map(keyOfAttempt).toSorted()).toEqual(model.inside.map(keyOfAttempt).toSorted());
        expect(store.waiters().map(keyOfAttempt).toSorted()).toEqual(model.line.map(keyOfAttempt).toSorted());
      });
    }, 300);
  });

  test("restarts change nothing", () => {
    holds((schedule, limits) => {
      const [restarted, steady] = [play(schedule, limits), play(schedule, limits, () => {}, false)];
      expect(restarted.model).toEqual(steady.model);
      expect([...restarted.store.slots(), ...restarted.store.waiters()]).toEqual([...steady.store.slots(), ...steady.store.waiters()]);
    }, 500);
  });

  test("everybody in line is let in after a while, although urgent newcomers keep coming", () => {
    holds((schedule, limits) => {
      const { admission, model, now: then } = play(schedule, limits);
      const patient = new Set(model.line.map(keyOfAttempt));
      let inside: readonly AttemptName[] = model.inside;
      for (let round = 0; patient.size > 0; round++) {
        expect(round).toBeLessThan(1_000);
        const now = then + round * 5_000;
        for (const name of inside) admission.release(name);
        for (const step of ["a", "b", "c", "d", "e"]) admission.join({ task: `urgent${round}`, step, attempt: 1 }, 9, "work", now);
        inside = admission.admit(limits, { type: "open" }, now);
        for (const name of inside) patient.delete(keyOfAttempt(name));
      }
    }, 100);
  });

  test("it wakes in time: while there is room for who is in line, the next moment lets somebody in", () => {
    holds((schedule, limits) => {
      const { admission, model, now: then } = play(schedule, limits);
      admission.admit(limits, { type: "open" }, then);
      const latest = Math.max(then, ...model.starts, ...model.inside.map(({ planned }) => planned ?? then));
      const before = admission.held;
      if (admission.waiting === 0 || before >= (limits.maxConcurrency ?? Number.POSITIVE_INFINITY)) return;
      let now = then;
      while (admission.held === before) {
        const next = admission.nextAt(limits, now) ?? Number.POSITIVE_INFINITY;
        now = Math.max(now + 1, next);
        expect(now - latest).toBeLessThanOrEqual((limits.rate?.perMs ?? 0) + LIMITS.rateSlackMs);
        admission.toVerify(now);
        admission.admit(limits, { type: "open" }, now);
      }
    }, 500);
  });
});
