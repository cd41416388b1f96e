/** A step whose result may have been made before. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/shared/limits.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import type { WaitingForCache } from "../../../src/engine/aspects/cache/shape.ts";
import { completes, failsForGood, given, step, type Options, type Scenario } from "./scenario.ts";

const cached = (id: string): TaskInput => ({ type: "cached", step: id, output: { value: 9 }, task: "task_0", madeAt: 5 });
const uncached = (id: string, reason: "first" | "skipped" | "unavailable" = "first"): TaskInput => ({ type: "uncached", step: id, reason });
const asked = (task: Scenario, index = 0): WaitingForCache => {
  const event = task.last.events.filter(({ type }) => type === "step.waiting")[index];
  return (event as unknown as { waiting_on: WaitingForCache }).waiting_on;
};
const commands = (task: Scenario) => task.last.commands.map((command) => command.type);

describe("a step with a cache", () => {
  test("asks before any agent is chosen, and with a result it is over", () => {
    const task = given([step("a", { cache: { ttl: "1h" } }), step("b", { needs: ["a"], input: { n: "${steps.a.output}" } })]);
    task.then("task.created", "task.started", "step.started a", "step.waiting a");
    expect(task.asked).toEqual([]);
    expect(commands(task)).toEqual(["ask_cache"]);
    expect([task.status, task.view().waiting_on?.type]).toEqual(["waiting", "cache"]);
    task.when(cached("a")).then("step.completed a", "step.started b", "attempt.started b#1");
    expect(task.view().steps[0]).toMatchObject({ attempts: 0, agent: null, cached: { task_id: "task_0" } });
    // What comes again, or too late, changes nothing.
    task.when(cached("a"), uncached("a")).then();
  });

  test("brings the result itself when it is first, and says what became of it", () => {
    const task = given([step("a", { cache: { ttl: "1h" } })]).when(uncached("a"));
    task.then("cache.missed a (first)", "attempt.started a#1");
    task.when(completes("a"));
    expect(commands(task)).toEqual(["settled", "fill_cache"]);
  });

  test.each(["skipped", "unavailable"] as const)("goes on by itself when the answer is %s, and owes nothing", (reason) => {
    const task = given([step("a", { cache: { ttl: "1h" } })]).when(uncached("a", reason), completes("a"));
    expect(commands(task)).toEqual(["dispatch", "settled"]);
  });

  test("lets go when it fails, is canceled, or something stands in for its result", () => {
    const first = (more: Record<string, unknown> = {}) => given([step("a", { cache: { ttl: "1h" }, ...more })]).when(uncached("a"));
    expect(commands(first().when(failsForGood("a")))).toContain("free_cache");
    expect(commands(first({ on_error: { output: 1 } }).when(failsForGood("a")))).toContain("free_cache");
    const rescued = first({ fallback: [{ capability: "plain" }] }).when(failsForGood("a"), completes("a", 1, 2));
    expect(rescued.status).toBe("completed");
    expect(commands(rescued)).toContain("free_cache");
    expect(commands(first().when({ type: "cancel" }))).toContain("free_cache");
    expect(commands(given([step("a", { cache: { ttl: "1h" } })]).when({ type: "cancel" }))).toContain("free_cache");
  });

  test("waits no longer for another's result than it would for an agent", () => {
    const task = given([step("a", { cache: { ttl: "1h" } })], { queueTtlMs: 60_000 });
    task.after(60_000).then("cache.missed a (expired)", "attempt.started a#1");
    expect(commands(task)).toEqual(["free_cache", "dispatch"]);
  });

  test("is over although the task is paused, and does not begin", () => {
    const steps = [step("a", { cache: { ttl: "1h" } }), step("b", { cache: { ttl: "1h" } })];
    const task = given(steps).when({ type: "pause" });
    task.when(cached("a"), uncached("b")).then("step.completed a", "cache.missed b (first)");
    task.when({ type: "resume" }).then("task.resumed", "attempt.started b#1");
  });

  test("asks once the agents are known, because their versions are a part of the key", () => {
    const task = given([step("other"), step("a", { needs: ["other"], cache: { ttl: "1h" } })]);
    task.agentsUnknown = true;
    task.when(completes("other")).then("step.completed other#1", "step.waiting a");
    task.agentsUnknown = false;
    task.when({ type: "look" }).then("step.started a", "step.waiting a");
    expect(asked(task).type).toBe("cache");
  });

  test("asks for what undoes another never", () => {
    const task = given([step("a", { compensate: { capability: "work" } }), step("b", { needs: ["a"] })]);
    task.caching = { ttlMs: 1_000, tags: [] };
    task.when(completes("a")).when(uncached("b", "unavailable")).when(failsForGood("b"));
    expect(task.last.events.filter(({ type }) => type === "step.waiting")).toEqual([]);
  });
});

describe("the key", () => {
  const keyOf = (more: Record<string, unknown>, input: unknown = {}): string =>
    asked(given([step("a", { cache: { ttl: "1h" }, ...more })], { input: input as never })).key;

  test("is the same for equal inputs, however they are written", () => {
    expect(keyOf({ input: { a: 1, b: 2 } })).toBe(keyOf({ input: { b: 2, a: 1 } }));
    expect(keyOf({ input: { a: "${input.n}" } }, { n: 1 })).toBe(keyOf({ input: { a: 1 } }));
    expect(keyOf({ input: 1 })).not.toBe(keyOf({ input: 2 }));
  });

  test("is another for another agent, capability, ensemble or selection", () => {
    const keys = [
      {},
      { capability: "rare" },
      { capability: undefined, agent: "work" },
      { ensemble: { agents: 2, mode: "all" } },
      { ensemble: { agents: 2, mode: "first" } },
      { select: { version: "2" } },
      { cache: { ttl: "1h", key: "1" } },
    ].map((more) => keyOf(more));
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf({ select: { policy: "cheapest" } })).toBe(keys[0]);
  });

  test("is what the author says, whatever else the input has", () => {
    const more = { cache: { ttl: "1h", key: "input.id" }, input: "${input}" };
    expect(keyOf(more, { id: 1, at: 1 })).toBe(keyOf(more, { id: 1, at: 2 }));
    expect(keyOf(more, { id: 2 })).not.toBe(keyOf(more, { id: 1 }));
  });

  test.each([
    ["key", { key: "input.missing" }],
    ["tags", { tags: ["${input}"] }],
  ])("or the %s that cannot be made fails the step", (field, cache) => {
    const task = given([step("a", { cache: { ttl: "1h", ...cache } })]);
    expect(task.view().steps[0]?.error?.message).toContain(`cache.${field}`);
  });

  test("and a tag that is too long fails no step: it does without the cache, and drops what can have such a tag, which is nothing", () => {
    const long = { input: { long: "x".repeat(LIMITS.tagLength + 1) } };
    const more = { cache: { ttl: "1h", tags: ["${input.long}", "short"] }, invalidates: ["short", "${input.long}"] };
    const task = given([step("a", more)], long);
    task.then("task.created", "task.started", "step.started a", "attempt.started a#1").when(completes("a"));
    expect(task.last.events[0]).toMatchObject({ type: "step.completed", invalidates: ["short"] });
    expect(task.replayed().divergence).toBeNull();
    expect(given([step("a", more)], { ...long, rules: 0 }).status).toBe("failed");
  });
});

test("what everybody who offers a capability allows is kept without the step's asking", () => {
  const task = given([step("other"), step("a", { needs: ["other"] })]);
  task.caching = { ttlMs: 1_000, tags: ["t"] };
  task.when(completes("other")).then("step.completed other#1", "step.started a", "step.waiting a");
  expect(asked(task)).toMatchObject({ type: "cache", ttl_ms: 1_000, tags: ["t"] });
  expect(task.replayed().divergence).toBeNull();
});

describe("a key of an author's", () => {
  const under = (options: Options, scope?: "tenant" | "workflow", key = "input.id"): string =>
    asked(given([step("a", { cache: { ttl: "1h", key, ...(scope && { scope }) } })], { input: { id: 1 }, ...options })).key;
  const registered = (name: string, version = 1): Options => ({ workflow: { name, version } });
  const inline = (name: string | null): Options => ({ workflow: { name, version: null } });

  test("means the same in all versions of a workflow, and nowhere else", () => {
    expect(under(registered("orders", 2))).toBe(under(registered("orders", 1)));
    expect(under(registered("orders"), "workflow")).toBe(under(registered("orders")));
    expect(under(registered("bills"))).not.toBe(under(registered("orders")));
  });

  test("means the same in all that is not registered, whatever its name, and never what it means in what is", () => {
    expect(under(inline("orders"))).toBe(under(inline(null)));
    for (const scope of [undefined, "tenant"] as const)
      for (const name of ["orders", "unregistered", "tenant", null])
        for (const other of [registered("orders"), registered("unregistered"), registered("tenant")])
          for (const theirs of [undefined, "tenant"] as const) expect(under(inline(name), scope)).not.toBe(under(other, theirs));
  });

  test("cannot be made to look like another's by what it is", () => {
    const forged = under(inline(null), undefined, '{"key": input.id, "among": {"workflow": "orders"}}');
    expect(forged).not.toBe(under(registered("orders")));
  });

  test("is shared by all registered workflows that say so", () => {
    expect(under(registered("bills"), "tenant")).toBe(under(registered("orders"), "tenant"));
    expect(under(registered("orders"), "tenant")).not.toBe(under(registered("orders")));
  });

  test("means in a task of the first rules what it meant there", () => {
    const first = (options: Options) => under({ ...options, rules: 0 });
    expect(first(registered("orders"))).toBe(first(inline(null)));
    expect(first(registered("orders"))).not.toBe(under(registered("orders")));
  });

  test("is the tenant's where there is none: the input decides", () => {
    const plain = (options: Options) => asked(given([step("a", { cache: { ttl: "1h" }, input: 1 })], options)).key;
    expect(plain(registered("orders"))).toBe(plain(inline(null)));
    expect(plain({ ...registered("bills"), rules: 0 })).toBe(plain(inline(null)));
  });
});
