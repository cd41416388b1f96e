/**
 * A task and its relays over a line that fails: questions that do not arrive, reports that get lost, both twice or late;
 * relays and the task's object that die and come back without their memory.
 */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Outcome } from "../../../src/agents/transports/protocol.ts";
import { HeldCalls } from "../../../src/relays/held-calls.ts";
import { LIMITS } from "../../../src/relays/limits.ts";
import { RelayChannel } from "../../../src/relays/relay-channel.ts";
import type { RelayQuestion, RelayReport } from "../../../src/relays/relay-contract.ts";
import { callNamed, completed } from "./calls.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "info").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Trouble = "none" | "not_delivered" | "report_lost" | "twice" | "late";
type Happening = { readonly at: number } & (
  | { readonly type: "relay_dies"; readonly relay: number }
  | { readonly type: "task_dies" | "outage" }
  | { readonly type: "hung_up"; readonly call: number }
);

/** Until then everything is over, whatever happens. */
const LONGEST_S = 1_200;

/** So long nothing that is asked arrives: longer than it takes to give up a relay. */
const OUTAGE_MS = 2 * LIMITS.relayDeadMs;

/** One relay after the other under a name: when it dies its requests are cut off. */
class Relay {
  calls: HeldCalls;
  #underWay = new Set<() => void>();
  readonly #world: World;
  deaths = 0;

  constructor(world: World) {
    this.#world = world;
    this.calls = this.#begin();
  }

  die(): void {
    this.deaths++;
    for (const cut of this.#underWay) cut();
    this.#underWay = new Set();
    this.calls = this.#begin();
  }

  #begin(): HeldCalls {
    const underWay = this.#underWay;
    const life = this.deaths;
    return new HeldCalls(({ stepId }, controller) => {
      // What a dead one does is not done.
      if (life !== this.deaths) return new Promise(() => undefined);
      const end = this.#world.called(stepId);
      underWay.add(end);
      expect(underWay.size).toBeLessThanOrEqual(LIMITS.relayCalls);
      return new Promise<Outcome>((resolve) => {
        const over = (outcome: Outcome): void => {
          end();
          underWay.delete(end);
          resolve(outcome);
        };
        controller.signal.addEventListener("abort", () => over({ type: "lost", message: "hung up" }));
        setTimeout(() => over(completed(stepId)), this.#world.takesMs(stepId));
      });
    });
  }
}

/** What the agents see. */
class World {
  readonly durations: readonly number[];
  readonly open = new Set<string>();
  readonly asked = new Map<string, number>();
  /** Whose answer is recorded, or wanted by nobody. */
  isSettled: (step: string) => boolean = () => false;

  constructor(durations: readonly number[]) {
    this.durations = durations;
  }

  takesMs(step: string): number {
    return this.durations[Number(step.slice(1)) % this.durations.length] ?? 0;
  }

  called(step: string): () => void {
    expect(this.open.has(step), `${step} has two callers`).toBe(false);
    expect(this.isSettled(step), `${step} is called after its end`).toBe(false);
    this.open.add(step);
    this.asked.set(step, (this.asked.get(step) ?? 0) + 1);
    return () => this.open.delete(step);
  }
}

/** The task: what it has recorded outlives its object. */
class Task {
  readonly #line: (relay: number, question: RelayQuestion) => Promise<RelayReport>;
  readonly results = new Map<string, string>();
  readonly attempts = new Map<string, { relay: number; losses: number }>();
  readonly #unwanted = new Set<string>();
  #channels = new Map<number, RelayChannel>();
  #controllers = new Map<string, AbortController>();
  #life = 0;
  losses = 0;

  constructor(steps: readonly string[], line: (relay: number, question: RelayQuestion) => Promise<RelayReport>) {
    this.#line = line;
    steps.forEach((step, index) => this.attempts.set(step, { relay: Math.floor(index / LIMITS.relayCalls), losses: 0 }));
  }

  start(): void {
    for (const step of this.attempts.keys()) if (!this.results.has(step) && !this.#unwanted.has(step)) void this.#call(step, this.#life);
  }

  /** Its object comes back, and calls again whatever it has no answer to. */
  die(): void {
    this.#life++;
    this.#channels = new Map();
    this.#controllers = new Map();
    setTimeout(() => this.start(), 1_000);
  }

  hangUp(step: string): void {
    if (this.results.has(step)) return;
    this.#unwanted.add(step);
    this.#controllers.get(step)?.abort();
  }

  isSettled(step: string): boolean {
    return this.results.has(step) || this.#unwanted.has(step);
  }

  get isOver(): boolean {
    return [...this.attempts.keys()].every((step) => this.isSettled(step));
  }

  async #call(step: string, life: number): Promise<void> {
    const attempt = this.attempts.get(step) as { relay: number; losses: number };
    const controller = new AbortController();
    this.#controllers.set(step, controller);
    const call = { ...callNamed(step), key: `${step}/${attempt.losses}` };
    const outcome = await this.#channel(attempt.relay, life).call(call, controller.signal);
    if (life !== this.#life || this.#unwanted.has(step)) return;
    if (outcome.type === "lost") {
      this.losses++;
      // In an outage every question fails at once: one loss a second, for as long as it all may take.
      expect(++attempt.losses).toBeLessThan(LONGEST_S);
      attempt.relay += 10;
      setTimeout(() => void (life === this.#life && this.#call(step, life)), 100);
      return;
    }
    this.results.set(step, outcome.type);
    this.#channel(attempt.relay, life).recorded(call.key);
  }

  #channel(relay: number, life: number): RelayChannel {
    let channel = this.#channels.get(relay);
    // What an instance that is gone would say is not said.
    const say = (question: RelayQuestion): Promise<RelayReport> =>
      life === this.#life ? this.#line(relay, question) : new Promise(() => undefined);
    if (channel === undefined) this.#channels.set(relay, (channel = new RelayChannel(say)));
    return channel;
  }
}

const happenings = fc.array(
  fc.oneof(
    fc.record({ at: fc.nat(90_000), type: fc.constant("relay_dies" as const), relay: fc.nat(2) }),
    fc.record({ at: fc.nat(90_000), type: fc.constantFrom("task_dies" as const, "outage" as const) }),
    fc.record({ at: fc.nat(90_000), type: fc.constant("hung_up" as const), call: fc.nat(15) }),
  ),
  { maxLength: 5 },
);
const troubles = fc.array(fc.constantFrom<Trouble>("none", "none", "none", "not_delivered", "report_lost", "twice", "late"), {
  maxLength: 40,
});

async function play(size: number, durations: readonly number[], line: readonly Trouble[], events: readonly Happening[]) {
  const world = new World(durations);
  const relays = new Map<number, Relay>();
  let questions = 0;
  let outageUntil = 0;
  const relayOf = (relay: number): Relay => {
    let found = relays.get(relay);
    if (found === undefined) relays.set(relay, (found = new Relay(world)));
    return found;
  };
  const ask = async (relay: number, question: RelayQuestion): Promise<RelayReport> => {
    const trouble = line[questions++] ?? "none";
    await new Promise((resolve) => setTimeout(resolve, trouble === "late" ? 12_000 : 1));
    if (trouble === "not_delivered" || Date.now() < outageUntil) throw new Error("Network connection lost.");
    const target = relayOf(relay);
    const { deaths } = target;
    if (trouble === "twice") void target.calls.exchange(question);
    const report = target.calls.exchange(question);
    const died = new Promise<never>((_, reject) => {
      const look = (): void => {
        if (target.deaths !== deaths) reject(new Error("The script's code was updated."));
        else if (!task.isOver) setTimeout(look, 500);
      };
      look();
    });
    const told = await Promise.race([report, died]);
    if (trouble === "report_lost") throw new Error("Network connection lost.");
    return told;
  };
  const steps = Array.from({ length: size }, (_, index) => `s${index}`);
  const task = new Task(steps, ask);
  world.isSettled = (step) => task.results.has(step);
  for (const event of events) {
    setTimeout(() => {
      if (event.type === "relay_dies") for (const [number, relay] of relays) if (number % 10 === event.relay) relay.die();
      if (event.type === "task_dies") task.die();
      if (event.type === "outage") outageUntil = Date.now() + OUTAGE_MS;
      if (event.type === "hung_up") task.hangUp(`s${event.call % size}`);
    }, event.at);
  }
  task.start();
  for (let seconds = 0; !task.isOver; seconds += 5) {
    expect(seconds, JSON.stringify([...task.attempts])).toBeLessThan(LONGEST_S);
    await vi.advanceTimersByTimeAsync(5_000);
  }
  await vi.advanceTimersByTimeAsync(2 * LIMITS.relayLeaseMs);
  return { world, task };
}

test("every call has its answer, whatever happens; none has two callers, and nothing is left open", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 16 }),
      fc.array(fc.constantFrom(1, 50, 3_000, 40_000, 150_000), { minLength: 1, maxLength: 6 }),
      troubles,
      happenings,
      async (size, durations, line, events) => {
        const { world } = await play(size, durations, line, events);
        expect(world.open.size).toBe(0);
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
}, 60_000);

test("where nobody dies and every question arrives no agent is called twice, however often the task's object forgets", async () => {
  const deaths = [20, 5_000, 12_000].map((at) => ({ at, type: "task_dies" as const }));
  const { world, task } = await play(16, [1, 50, 3_000, 20_000], [], deaths);
  expect([...world.asked.values()].every((calls) => calls === 1)).toBe(true);
  expect(task.losses).toBe(0);
});

test("a relay that dies is noticed within a minute, and what it had is made by another one", async () => {
  const { world, task } = await play(6, [70_000], [], [{ at: 1_000, type: "relay_dies", relay: 0 }]);
  expect([...world.asked.values()]).toEqual(Array(6).fill(2));
  expect([...task.attempts.values()].every(({ relay, losses }) => relay === 10 && losses === 1)).toBe(true);
});
