/** Forks and retries: new tasks that share the past of others, which their agents are not asked for again. */
import { abortAllDurableObjects } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { requestsTo, verified } from "./endpoints.ts";
import { insistently } from "./family.ts";
import { agentsAnswer, api, calls, eventsOf, gate, registerAgent, resultOf, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";
import { archived } from "./recordings.ts";

const chain = {
  steps: [
    { id: "a", capability: "clerk", input: { n: "${ input.n }" } },
    { id: "b", capability: "clerk", needs: ["a"], input: { n: "${ input.n }" } },
    { id: "c", capability: "clerk", needs: ["b"], input: { n: "${ input.n }", before: "${ steps.b.output }" } },
  ],
  output: { a: "${ steps.a.output }", b: "${ steps.b.output }", c: "${ steps.c.output }" },
};

/** Refuses to do step c unless the number is right. */
function clerkRefuses(): void {
  agentsAnswer(({ stepId, input }) =>
    stepId === "c" && (input as { n: number }).n < 10
      ? Response.json({ code: "too_small", message: "no" }, { status: 400 })
      : Response.json({ output: `${stepId}${(input as { n: number }).n}` }),
  );
}

async function failedChain(more: Record<string, unknown> = {}): Promise<string> {
  await registerAgent("clerk");
  clerkRefuses();
  const id = await submit({ workflow: chain, input: { n: 1 }, ...more });
  expect((await untilEnded(id)).status).toBe("failed");
  calls.length = 0;
  return id;
}

const fork = (id: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  api<{ id: string; status: string }>("POST", `/tasks/${id}/fork`, body, headers);
const retry = (id: string, headers: Record<string, string> = {}) => api<{ id: string }>("POST", `/tasks/${id}/retry`, {}, headers);
/** What is told to webhooks is no step. */
const stepsAsked = () => calls.flatMap(({ stepId }) => stepId ?? []);

describe.each(["a task that its object has", "a task that only history has left"])("%s", (where) => {
  const failed = async (more: Record<string, unknown> = {}): Promise<string> => {
    const id = await failedChain(more);
    if (where.includes("history")) await archived(id);
    return id;
  };

  test("is forked from the step before the one that failed, with another input: what had completed is not done again", async () => {
    const id = await failed();
    const { status, headers, body } = await fork(id, { from: { step: "b" }, input: { n: 20 } });
    expect([status, headers.get("location")], JSON.stringify(body)).toEqual([202, `/api/v1/tasks/${body.id}`]);
    const task = await untilEnded(body.id);
    expect(task).toMatchObject({ status: "completed", forked_from: { task_id: id, retry: false } });
    expect(stepsAsked()).toEqual(["b", "c"]);
    expect(await resultOf(body.id)).toEqual({ a: "a1", b: "b20", c: "c20" });
    expect(task.steps.map(({ id: step, kept, attempts }) => [step, kept ?? false, attempts])).toEqual([
      ["a", true, 0],
      ["b", false, 1],
      ["c", false, 1],
    ]);
    expect((await taskOf(id)).status).toBe("failed");
  });

  test("is retried from what failed, as it was", async () => {
    const id = await failed({ priority: 7, tags: ["x"], deadline: "1h" });
    const { body } = await retry(id);
    expect(await untilEnded(body.id)).toMatchObject({
      status: "failed",
      priority: 7,
      tags: ["x"],
      forked_from: { task_id: id, retry: true },
      error: { code: "too_small" },
    });
    expect(stepsAsked()).toEqual(["c"]);
    const [before, after] = [await taskOf(id), await taskOf(body.id)];
    // As long as it had, from now on.
    const lasts = ({ deadline, created_at }: typeof before) => Date.parse(deadline ?? "") - Date.parse(created_at);
    expect(Math.abs(lasts(after) - lasts(before))).toBeLessThan(1_000);
    expect(await retry(body.id)).toMatchObject({ status: 202 });
  });

  test("is forked from an event on", async () => {
    const id = await failed();
    const done = (await eventsOf(id)).find(({ type, step_id }) => type === "step.completed" && step_id === "a")?.seq ?? 0;
    const { body } = await fork(id, { from: { seq: done }, input: { n: 30 } });
    expect(await untilEnded(body.id)).toMatchObject({ status: "completed", forked_from: { seq: done } });
    expect(stepsAsked()).toEqual(["b", "c"]);
  });

  test("is forked with an output in the place of a step's; what depends on that is done again", async () => {
    const id = await failed();
    const { body } = await fork(id, { outputs: { a: "mine" }, input: { n: 40 } });
    await untilEnded(body.id);
    expect(stepsAsked()).toEqual(["b", "c"]);
    expect(await resultOf(body.id)).toEqual({ a: "mine", b: "b40", c: "c40" });
    const all = await fork(id, { outputs: { b: "mine", c: "too" } });
    await untilEnded(all.body.id);
    expect(stepsAsked()).toEqual(["b", "c"]);
    expect(await resultOf(all.body.id)).toEqual({ a: "a1", b: "mine", c: "too" });
  });

  test("is forked with another definition", async () => {
    const id = await failed();
    const [a, b] = chain.steps as [object, object];
    const workflow = {
      steps: [
        a,
        b,
        { id: "c", type: "transform", output: "${ steps.b.output + '!' }", needs: ["b"] },
        { id: "d", capability: "clerk", input: { n: 5 } },
      ],
    };
    const { body } = await fork(id, { workflow });
    await untilEnded(body.id);
    expect(stepsAsked()).toEqual(["d"]);
    expect(await resultOf(body.id)).toEqual({ c: "b1!", d: "d5" });
  });

  test("says what there is, where there is no such event or step", async () => {
    const id = await failed();
    const last = (await eventsOf(id)).at(-1)?.seq ?? 0;
    for (const seq of [0, -1, last + 1]) {
      const { status, body } = await api("POST", `/tasks/${id}/fork`, { from: { seq } });
      expect([status, body["code"], body["detail"]]).toEqual([
        422,
        "unknown_point",
        `There is no event ${seq}; the task has the events 1 to ${last}`,
      ]);
    }
    const step = await api("POST", `/tasks/${id}/fork`, { from: { step: "z" } });
    expect([step.status, step.body["detail"]]).toEqual([422, 'There is no step "z"; there are a, b, c']);
    const output = await api("POST", `/tasks/${id}/fork`, { outputs: { z: 1 } });
    expect([output.status, output.body["code"]]).toEqual([422, "unknown_point"]);
    expect(calls).toEqual([]);
  });
});

describe("a retry", () => {
  test("is for what has ended and not completed", async () => {
    await registerAgent("slow");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "slow" }] } });
    await untilStatus(id, "running");
    const early = await api("POST", `/tasks/${id}/retry`, {});
    expect([early.status, early.body["code"], early.body["task_status"]]).toEqual([409, "invalid_state", "running"]);
    const done = await submit({ workflow: { steps: [{ id: "a", type: "transform", output: 1 }] } });
    await untilEnded(done);
    const late = await api("POST", `/tasks/${done}/retry`, {});
    expect([late.status, late.body["task_status"]]).toEqual([409, "completed"]);
    await api("POST", `/tasks/${id}/cancel`);
    expect((await retry(id)).status).toBe(202);
  });

  test("under one key is one task, however many ask at once", async () => {
    const id = await failedChain();
    const headers = { "idempotency-key": "once" };
    const answers = await Promise.all(Array.from({ length: 5 }, () => retry(id, headers)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get("idempotent-replayed") === "true")).toHaveLength(4);
    await untilEnded(answers[0]?.body.id ?? "");
    expect(stepsAsked()).toEqual(["c"]);
    const other = await fork(id, { input: { n: 1 } }, headers);
    expect([other.status, (other.body as unknown as { code: string }).code]).toEqual([422, "idempotency_conflict"]);
    await archived(answers[0]?.body.id ?? "");
    expect(await retry(id, headers)).toMatchObject({ status: 202, body: { id: answers[0]?.body.id } });
  });
});

describe("a fork", () => {
  test("of a task that goes on leaves that alone", async () => {
    await registerAgent("clerk");
    agentsAnswer(({ stepId }) => (stepId === "c" ? new Response(null, { status: 202 }) : Response.json({ output: stepId })));
    const id = await submit({ workflow: chain, input: { n: 1 } });
    await vi.waitUntil(() => calls.some(({ stepId }) => stepId === "c"));
    calls.length = 0;
    const { body } = await fork(id);
    await vi.waitUntil(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ stepId: "c", taskId: body.id });
    expect((await taskOf(id)).status).toBe("running");
  });

  test("takes along signals that no step had taken, and waits for no one that had come", async () => {
    await registerAgent("clerk");
    const { open, passed } = gate();
    agentsAnswer(async () => {
      await passed();
      return Response.json({}, { status: 400 });
    });
    const steps = [
      { id: "first", type: "signal", name: "go" },
      { id: "work", capability: "clerk", needs: ["first"] },
      { id: "second", type: "signal", name: "go", needs: ["work"] },
    ];
    const id = await submit({ workflow: { steps } });
    for (const n of [1, 2]) await api("POST", `/tasks/${id}/signals/go`, { payload: n });
    open();
    expect((await untilEnded(id)).status).toBe("failed");
    agentsAnswer(() => Response.json({ output: "worked" }));
    const { body } = await retry(id);
    expect((await untilEnded(body.id)).status).toBe("completed");
    expect(await resultOf(body.id)).toEqual({ second: 2 });
  });

  test("is refused where it is not the caller's, or is nobody's", async () => {
    const id = await failedChain();
    const { body: key } = await api<{ key: string }>("POST", "/keys", { name: "other", tenant: "other", roles: ["admin"] });
    const headers = { authorization: `Bearer ${key.key}` };
    for (const path of [`/tasks/${id}/fork`, `/tasks/${id}/retry`, "/tasks/task_nobody/fork"])
      expect(await api("POST", path, {}, headers)).toMatchObject({ status: 404, body: { code: "not_found" } });
  });

  test("tells who came with the first one of its end, too, under the same secret", async () => {
    const secret = `whsec_${btoa("a secret of thirty-two bytes, or so".slice(0, 30))}`;
    const id = await failedChain({ webhook: { url: "https://told.example/in", secret } });
    const { body } = await fork(id, { from: { step: "b" }, input: { n: 50 } });
    await untilEnded(body.id);
    const told = await vi.waitUntil(() => requestsTo("told").find(({ text }) => text.includes(body.id)), { timeout: 10_000 });
    expect(verified(told, secret)).toMatchObject({ type: "task.completed", data: { id: body.id } });
  });

  test("is checked as a submission is", async () => {
    const id = await failedChain();
    const cyclic = { steps: [{ id: "a", type: "transform", output: 1, needs: ["a"] }] };
    expect(await fork(id, { workflow: cyclic })).toMatchObject({ status: 400, body: { code: "workflow_cycle" } });
    expect(await fork(id, { type: "nowhere" })).toMatchObject({ status: 404, body: { code: "unknown_type" } });
    const strict = { input_schema: { type: "object", required: ["m"] }, steps: chain.steps };
    expect(await fork(id, { workflow: strict })).toMatchObject({ status: 400, body: { code: "invalid_input" } });
    expect(await fork(id, { form: 1 })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(await fork(id, { deadline: "2020-01-01T00:00:00Z" })).toMatchObject({ status: 400 });
    expect(calls).toEqual([]);
  });

  test("takes values of any size, up to what fits on the way", async () => {
    await registerAgent("clerk");
    const large = "x".repeat(9 * 1024 * 1024);
    agentsAnswer(({ stepId }) => (stepId === "c" ? Response.json({}, { status: 400 }) : Response.json({ output: large })));
    const steps = ["a", "b"].map((id) => ({ id, capability: "clerk" }));
    const id = await submit({
      workflow: { steps: [...steps, { id: "c", capability: "clerk", needs: ["a", "b"] }], output: "${ size(steps.a.output) }" },
    });
    await untilEnded(id);
    agentsAnswer(() => Response.json({ output: 1 }));
    calls.length = 0;
    const { body } = await retry(id);
    expect((await untilEnded(body.id)).status).toBe("completed");
    expect([stepsAsked(), await resultOf(body.id)]).toEqual([["c"], large.length]);
    const more = await fork(id, { outputs: { c: "y".repeat(8 * 1024 * 1024) } });
    expect(more).toMatchObject({ status: 422, body: { code: "limit_reached" } });
  });
});

describe("tasks that a task had started", () => {
  const put = (name: string, definition: object) => api("PUT", `/workflows/${name}`, definition);

  test("go on where they failed, as new ones that share their past; however deep", async () => {
    await registerAgent("clerk");
    agentsAnswer(({ stepId }) => (stepId === "c" ? Response.json({}, { status: 400 }) : Response.json({ output: stepId })));
    await put("inner", chain);
    await put("middle", {
      steps: [
        { id: "first", capability: "clerk" },
        { id: "in", type: "workflow", workflow: "inner", needs: ["first"], input: { n: 1 } },
      ],
    });
    const workflow = {
      steps: [
        { id: "mid", type: "workflow", workflow: "middle" },
        { id: "last", capability: "clerk", needs: ["mid"] },
      ],
    };
    const id = await submit({ workflow });
    expect((await untilEnded(id)).status).toBe("failed");
    agentsAnswer(({ stepId }) => Response.json({ output: `${stepId} now` }));
    calls.length = 0;
    const { body } = await retry(id);
    const task = await untilEnded(body.id);
    expect(task.status).toBe("completed");
    expect(stepsAsked()).toEqual(["c", "last"]);
    const middle = await taskOf(task.steps[0]?.task_id ?? "");
    expect(middle).toMatchObject({
      forked_from: { task_id: (await taskOf(id)).steps[0]?.task_id, retry: true },
      parent: { task_id: body.id },
    });
    expect(await resultOf(middle.id)).toEqual({ in: { a: "a", b: "b", c: "c now" } });
  });

  test("that had parts of a long list do only what is missing", async () => {
    await registerAgent("clerk");
    const broken = new Set([30, 130, 131]);
    agentsAnswer(({ input }) =>
      broken.has((input as { n: number }).n) ? Response.json({}, { status: 400 }) : Response.json({ output: (input as { n: number }).n }),
    );
    const workflow = {
      steps: [
        { id: "each", type: "map", over: "input.list", steps: [{ id: "work", capability: "clerk", input: { n: "${ item }" } }] },
        { id: "z", capability: "clerk", needs: ["each"], input: { n: 30 } },
      ],
      output: "${ size(steps.each.output) }",
    };
    const id = await submit({ workflow, input: { list: Array.from({ length: 250 }, (_, n) => n) } });
    expect((await untilEnded(id)).status).toBe("failed");
    const failedAt = calls.length;
    agentsAnswer(({ input }) => Response.json({ output: (input as { n: number }).n }));
    calls.length = 0;
    const { body } = await retry(id);
    expect((await untilEnded(body.id)).status).toBe("completed");
    expect(await resultOf(body.id)).toBe(250);
    // What had been canceled under way is done again, as is what had failed.
    expect(calls.length).toBeLessThan(250);
    expect(calls.length + failedAt).toBeGreaterThanOrEqual(251);
    const part = (await eventsOf(body.id)).find(({ type, data }) => type === "child.started" && data["after"] !== undefined);
    const refused = await api("POST", `/tasks/${part?.data["task"] as string}/fork`, {});
    expect([refused.status, refused.body["code"]]).toEqual([409, "invalid_state"]);
  });
});

describe("interrupted at any moment", () => {
  const MOMENTS = [0, 1, 2, 4, 6, 9, 13, 18, 25];

  /** Everything in memory is lost so long after the request was made, which is made again until it is answered. */
  async function retryInterrupted(id: string, afterMs: number): Promise<string> {
    const headers = { "idempotency-key": `interrupted ${id} ${afterMs}` };
    const first = retry(id, headers).catch(() => null);
    await scheduler.wait(afterMs);
    await abortAllDurableObjects();
    await first;
    expect(await insistently("POST", `/tasks/${id}/retry`, {}, headers)).toBe(202);
    return (await retry(id, headers)).body.id;
  }

  test("a retry is one task, and asks for each step under one key", async () => {
    const id = await failedChain();
    const retries: string[] = [];
    for (const afterMs of MOMENTS) retries.push(await retryInterrupted(id, afterMs));
    expect(new Set(retries).size).toBe(MOMENTS.length);
    for (const one of retries) expect((await untilEnded(one)).status).toBe("failed");
    const asked = calls.filter(({ taskId }) => retries.includes(taskId));
    expect(new Set(asked.map(({ stepId }) => stepId))).toEqual(new Set(["c"]));
    expect(new Set(asked.map(({ key }) => key)).size).toBe(MOMENTS.length);
  });

  test("children still go on where others failed", async () => {
    await registerAgent("clerk");
    agentsAnswer(({ stepId }) => (stepId === "c" ? Response.json({}, { status: 400 }) : Response.json({ output: stepId })));
    await api("PUT", "/workflows/interrupted", chain);
    const id = await submit({ workflow: { steps: [{ id: "sub", type: "workflow", workflow: "interrupted", input: { n: 1 } }] } });
    expect((await untilEnded(id)).status).toBe("failed");
    agentsAnswer(({ stepId }) => Response.json({ output: `${stepId} now` }));
    for (const afterMs of MOMENTS) {
      calls.length = 0;
      const retried = await retryInterrupted(id, afterMs);
      await abortAllDurableObjects();
      expect((await untilEnded(retried)).status).toBe("completed");
      expect(new Set(stepsAsked())).toEqual(new Set(["c"]));
      expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
    }
  });
});

describe("what limits a task limits its forks as well:", () => {
  test("each may spend as much anew, for what is kept costs nothing", async () => {
    const id = await failedChain({ budget: { calls: 5, cost_usd: 2, on_exhausted: "finish" } });
    const { body } = await retry(id);
    expect(await untilEnded(body.id)).toMatchObject({
      budget: { limits: { calls: 5, cost_usd: 2 }, spent: { calls: 1 }, on_exhausted: "finish" },
    });
    const workflow = { ...chain, budget: { calls: 2, on_exhausted: "stop" } };
    const other = await fork(id, { from: { step: "a" }, workflow, input: { n: 20 } });
    expect(await untilEnded(other.body.id)).toMatchObject({
      status: "completed",
      partial: true,
      budget: { limits: { calls: 2, cost_usd: 2 }, spent: { calls: 2 } },
    });
  });

  test("but for what is said: who has run out of money may be given more", async () => {
    const id = await failedChain({ budget: { calls: 2 } });
    const { body } = await fork(id, { budget: { calls: 9, on_exhausted: "finish" } });
    expect(await untilEnded(body.id)).toMatchObject({ budget: { limits: { calls: 9 }, on_exhausted: "finish" } });
    expect((await fork(id, { budget: { calls: -1 } })).status).toBe(400);
  });

  test("it stands in the line of its key, which another input may change", async () => {
    await registerAgent("clerk");
    const held = gate();
    agentsAnswer(async ({ input }) => {
      if ((input as { n: number }).n === 1) return Response.json({ code: "no", message: "no" }, { status: 400 });
      await held.passed();
      return Response.json({ output: 1 });
    });
    const workflow = { ...chain, concurrency: { key: "input.of", limit: 1 } };
    const id = await submit({ workflow, input: { n: 1, of: "x" } });
    await untilEnded(id);
    const busy = await submit({ workflow, input: { n: 2, of: "x" } });
    await untilStatus(busy, "running");
    const waiting = await retry(id);
    expect(await taskOf(waiting.body.id)).toMatchObject({ status: "queued", waiting_on: { type: "concurrency", key: "x" } });
    const elsewhere = await fork(id, { input: { n: 3, of: "y" } });
    await untilStatus(elsewhere.body.id, "running");
    held.open();
    for (const task of [busy, waiting.body.id, elsewhere.body.id]) await untilEnded(task);
  });

  test("a task that takes no place of others does not as a fork either", async () => {
    await registerAgent("clerk");
    const held = gate();
    agentsAnswer(async ({ input }) => {
      if ((input as { n: number }).n === 1) return Response.json({ code: "no", message: "no" }, { status: 400 });
      await held.passed();
      return Response.json({ output: 1 });
    });
    const concurrency = { key: '"full"', limit: 1, overlap: "reject" };
    const id = await submit({ workflow: chain, concurrency, input: { n: 1 } });
    await untilEnded(id);
    const busy = await submit({ workflow: chain, concurrency: { ...concurrency, overlap: "queue" }, input: { n: 2 } });
    await untilStatus(busy, "running");
    expect(await retry(id)).toMatchObject({ status: 409, body: { code: "concurrency_limit", task_id: busy } });
    held.open();
    await untilEnded(busy);
  });
});
