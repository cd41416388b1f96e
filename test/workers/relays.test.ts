/** Calls through relays: all at once, each answer as it comes, and nothing lost or done twice whoever dies in between. */
import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { Relay } from "../../src/index.ts";
import { agentsAnswer, api, calls, eventsOf, gate, methodOf, registerAgent, resultOf, stubOf, submit, untilEnded } from "./harness.ts";

/** Those that a task has called by, in order. */
const relaysOf = async (id: string) => [
  ...new Set(
    (await eventsOf(id)).flatMap(({ type, data }) => (type === "attempt.started" && "relay" in data ? [data["relay"] as string] : [])),
  ),
];
const stubOfRelay = (relay: string) => env.RELAYS.getByName(`default/${relay}`);
const stepsOf = (capability: string, count: number, more: object = {}) =>
  Array.from({ length: count }, (_, index) => ({ id: `s${index}`, capability, ...more }));
const untilCalled = (count: number) => vi.waitUntil(() => calls.length >= count, { timeout: 5_000 });
const typesOf = async (id: string) => (await eventsOf(id)).map(({ type }) => type);
const abort = (relay: string) => runInDurableObject(stubOfRelay(relay), (_, ctx) => ctx.abort("deployed over")).catch(() => undefined);

describe("wide work", () => {
  test("reaches all its agents at once, through as many relays as six calls each need, in few commits", async () => {
    await registerAgent("wide", { dispatch: "relay" });
    const held = gate();
    agentsAnswer(async ({ stepId }) => {
      await held.passed();
      return Response.json({ output: stepId });
    });
    const id = await submit({ workflow: { steps: stepsOf("wide", 40) } });
    await untilCalled(40);
    held.open();
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(calls).toHaveLength(40);
    const [first, ...others] = await relaysOf(id);
    expect(others).toHaveLength(6);
    const rows = await runInDurableObject(stubOf(id), (_, { storage }) => storage.sql.exec("SELECT seq FROM journal").toArray().length);
    expect(rows).toBeLessThan(15);
    // A relay leaves nothing behind.
    expect(await runInDurableObject(stubOfRelay(first ?? ""), (_, { storage }) => storage.getAlarm())).toBeNull();

    // The next task has the same ones.
    const next = await submit({ workflow: { steps: stepsOf("wide", 40) } });
    await untilEnded(next);
    expect(new Set(await relaysOf(next))).toEqual(new Set([first, ...others]));
    expect(await listDurableObjectIds(env.RELAYS)).toHaveLength(7);
  });

  test("no answer waits for a call that takes longer, also of the same relay", async () => {
    await registerAgent("uneven", { dispatch: "relay" });
    const held = gate();
    agentsAnswer(async ({ stepId }) => {
      if (stepId === "s0") await held.passed();
      return Response.json({ output: stepId });
    });
    const id = await submit({ workflow: { steps: [...stepsOf("uneven", 6), { id: "next", capability: "uneven", needs: ["s5"] }] } });
    await vi.waitUntil(async () => (await typesOf(id)).filter((type) => type === "step.completed").length === 6, { timeout: 5_000 });
    held.open();
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  });

  test("what the task cannot make itself goes by relay where the agent leaves it to us, and the receipt says so", async () => {
    await registerAgent("unknown");
    const id = await submit({ workflow: { steps: stepsOf("unknown", 8) } });
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    const events = await eventsOf(id);
    const ways = events.flatMap(({ type, data }) => (type === "attempt.started" ? [data["way"]] : []));
    expect(ways).toEqual([...Array<string>(6).fill("inline"), "relay", "relay"]);
    const receipts = events.flatMap(({ type, data }) =>
      type === "agent.selected" ? [data["receipt"] as { way: { chosen: string } }] : [],
    );
    expect(receipts.map(({ way }) => way.chosen)).toEqual(ways);
  });

  test("an agent that declares no limit gets no more of one task at once than the setting says, one that does as many as it lets in", async () => {
    const most = async (capability: string, more: object, atOnce: number) => {
      await registerAgent(capability, { dispatch: "relay", ...more });
      calls.length = 0;
      const held = gate();
      agentsAnswer(async () => {
        await held.passed();
        return Response.json({ output: 1 });
      });
      const id = await submit({ workflow: { steps: stepsOf(capability, 50) } });
      await untilCalled(atOnce);
      await scheduler.wait(50);
      const called = calls.length;
      held.open();
      expect(await untilEnded(id)).toMatchObject({ status: "completed" });
      expect(calls).toHaveLength(50);
      return called;
    };
    // Set to 40 for these tests.
    expect(await most("free", {}, 40)).toBe(40);
    expect(await most("limited", { limits: { max_concurrency: 50 } }, 50)).toBe(50);
  });
});

describe("a cancel", () => {
  test("hangs up the calls of all relays within a second", async () => {
    await registerAgent("endless", { dispatch: "relay" });
    agentsAnswer(() => new Promise(() => undefined));
    const id = await submit({ workflow: { steps: stepsOf("endless", 18) } });
    await untilCalled(18);
    await api("POST", `/tasks/${id}/cancel`);
    await vi.waitUntil(() => calls.every(({ signal }) => signal?.aborted), { timeout: 1_000, interval: 5 });
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: "task.canceled" });
  });

  test("so does the first failure where that ends the task, and a faster second agent for the first one's call", async () => {
    await registerAgent("mixed", { dispatch: "relay" });
    agentsAnswer(({ stepId }) => (stepId === "s3" ? new Response("{}", { status: 400 }) : new Promise(() => undefined)));
    const failed = await submit({ fail_fast: true, workflow: { steps: stepsOf("mixed", 8) } });
    expect(await untilEnded(failed)).toMatchObject({ status: "failed" });
    await vi.waitUntil(() => calls.filter(({ stepId }) => stepId !== "s3").every(({ signal }) => signal?.aborted), { timeout: 1_000 });

    calls.length = 0;
    for (const twin of ["twin1", "twin2"]) await registerAgent(twin, { dispatch: "relay", capabilities: ["twin"] });
    agentsAnswer(() => (calls.length === 1 ? new Promise(() => undefined) : Response.json({ output: "second" })));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "twin", hedge: { after: "30ms", max_share: 1 } }] } });
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ a: "second" });
    await vi.waitUntil(() => calls[0]?.signal?.aborted, { timeout: 1_000 });
  });
});

describe("whoever dies", () => {
  test("a task's object that lost its memory asks its relays, and no agent is called again", async () => {
    await registerAgent("patient", { dispatch: "relay" });
    const held = gate();
    agentsAnswer(async ({ stepId }) => {
      await held.passed();
      return Response.json({ output: stepId });
    });
    const id = await submit({ workflow: { steps: stepsOf("patient", 14) } });
    await untilCalled(14);
    await runInDurableObject(stubOf(id), (_, ctx) => ctx.abort("deployed over")).catch(() => undefined);
    await runDurableObjectAlarm(stubOf(id));
    held.open();
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(calls).toHaveLength(14);
    expect(await typesOf(id)).not.toContain("attempt.lost");
  });

  test("an answer that came while the task's object was gone is there when it comes back", async () => {
    await registerAgent("quick", { dispatch: "relay" });
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit({ workflow: { steps: stepsOf("quick", 6) } });
    await untilCalled(6);
    await runInDurableObject(stubOf(id), (_, ctx) => ctx.abort("deployed over")).catch(() => undefined);
    held.open();
    await scheduler.wait(30);
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(calls).toHaveLength(6);
  });

  test("what a relay had that died is sent again by another, as the same attempt to the same agent under the same key", async () => {
    await registerAgent("mortal", { dispatch: "relay" });
    const held = gate();
    agentsAnswer(async ({ stepId }) => {
      if (calls.length <= 8) await held.passed();
      return Response.json({ output: stepId });
    });
    const id = await submit({ workflow: { steps: stepsOf("mortal", 8) } });
    await untilCalled(8);
    const [first] = await relaysOf(id);
    await abort(first ?? "");
    await untilCalled(14);
    held.open();
    const task = await untilEnded(id);
    expect(task).toMatchObject({ status: "completed" });
    expect(task.steps.every(({ attempts }) => attempts === 1)).toBe(true);
    const events = await eventsOf(id);
    const lost = events.filter(({ type }) => type === "attempt.lost");
    expect(lost).toHaveLength(6);
    expect(lost.every(({ data }) => data["relay"] !== first)).toBe(true);
    for (const ofStep of Map.groupBy(calls, ({ stepId }) => stepId).values()) {
      expect(new Set(ofStep.map(({ key, attempt, url }) => `${key} ${attempt} ${url.href}`)).size).toBe(1);
    }
  });

  test("a relay that is never reached costs its calls a loss, and no attempt", async () => {
    await registerAgent("shy", { dispatch: "relay" });
    const exchange = methodOf(Relay.prototype, "exchange");
    let asked = 0;
    vi.spyOn(Relay.prototype, "exchange").mockImplementation(function (this: Relay, question) {
      if (++asked === 1) throw new Error("Network connection lost.");
      return exchange.call(this, question);
    });
    const id = await submit({ workflow: { steps: stepsOf("shy", 3) } });
    const task = await untilEnded(id);
    expect(task).toMatchObject({ status: "completed" });
    expect(calls).toHaveLength(3);
    expect(task.steps.every(({ attempts }) => attempts === 1)).toBe(true);
  });

  test("a report that comes twice, or after the call was given to another relay, is no second result", async () => {
    await registerAgent("twice", { dispatch: "relay" });
    const exchange = methodOf(Relay.prototype, "exchange");
    let reports = 0;
    vi.spyOn(Relay.prototype, "exchange").mockImplementation(async function (this: Relay, question) {
      const report = await exchange.call(this, question);
      if (++reports === 1) throw new Error("Network connection lost.");
      return { ...report, answers: [...report.answers, ...report.answers] };
    });
    const id = await submit({ workflow: { steps: stepsOf("twice", 6) } });
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect((await typesOf(id)).filter((type) => type === "step.completed")).toHaveLength(6);
    expect(calls).toHaveLength(6);
  });

  test("a task that was canceled while its relays worked makes no call more", async () => {
    await registerAgent("ended", { dispatch: "relay" });
    agentsAnswer(() => new Promise(() => undefined));
    const id = await submit({ workflow: { steps: stepsOf("ended", 7) } });
    await untilCalled(7);
    await runInDurableObject(stubOf(id), (_, ctx) => ctx.abort("deployed over")).catch(() => undefined);
    await api("POST", `/tasks/${id}/cancel`);
    await runDurableObjectAlarm(stubOf(id)).catch(() => false);
    for (const relay of await relaysOf(id)) await abort(relay);
    await scheduler.wait(300);
    expect(calls).toHaveLength(7);
  });
});
