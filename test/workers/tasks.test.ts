import { describe, expect, test, vi } from "vitest";
import { agentsAnswer, api, calls, eventsOf, gate, registerAgent, resultOf, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";

describe("a task from end to end", () => {
  test("the built-in workflow answers on a fresh start, in the short form", async () => {
    const id = await submit({ type: "simple", message: "Hello" });
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ message: "Hello" });
  });

  test("steps run in order and in parallel, with mapped inputs, and the result comes back", async () => {
    await registerAgent("worker");
    agentsAnswer(({ stepId, input }) => Response.json({ output: { step: stepId, got: input } }));
    const id = await submit({
      workflow: {
        steps: [
          { id: "split", capability: "worker", input: { n: "${ input.n * 2 }" } },
          { id: "left", capability: "worker", input: "${ steps.split.output.got.n }" },
          { id: "right", agent: "worker", input: ["${ steps.split.output.got.n }"], when: "input.n > 0" },
          { id: "never", capability: "worker", when: "steps.split.output.got.n < 0" },
          {
            id: "join",
            capability: "worker",
            needs: ["left", "right"],
            input: "${ steps.left.output.got } and ${ steps.right.output.got }",
          },
        ],
        output: "${ steps.join.output.got }",
      },
      input: { n: 21 },
    });
    const task = await untilEnded(id);
    expect(task).toMatchObject({ status: "completed", error: null });
    expect(task.steps.map(({ id: step, status, attempts }) => [step, status, attempts])).toEqual([
      ["split", "completed", 1],
      ["left", "completed", 1],
      ["right", "completed", 1],
      ["never", "skipped", 0],
      ["join", "completed", 1],
    ]);
    expect(await resultOf(id)).toBe("42 and [42]");
  });

  test("events are numbered without gaps and tell the whole story", async () => {
    const id = await submit({ type: "simple", message: "Hello" });
    await untilEnded(id);
    const events = await eventsOf(id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ type }) => type).slice(0, 7)).toEqual([
      "task.created",
      "agent.selected",
      "task.started",
      "step.started",
      "attempt.started",
      "step.completed",
      "task.completed",
    ]);
    expect(events[0]?.data).not.toHaveProperty("tenant");
  });

  test("wait answers with the result once the task ends, whatever the outcome", async () => {
    await registerAgent("worker");
    agentsAnswer(() => Response.json({ message: "no" }, { status: 422 }));
    const answered = await api("POST", "/tasks?wait=10s", { workflow: { steps: [{ id: "a", capability: "worker" }] } });
    expect(answered).toMatchObject({
      status: 200,
      body: { status: "failed", output: null, error: { code: "agent_refused", step_id: "a" } },
    });
    expect(answered.headers.get("location")).toBe(`/api/v1/tasks/${String(answered.body["id"])}`);
  });

  test("Prefer: wait works alike, and a task that goes on answers 202", async () => {
    await registerAgent("slow");
    const hold = gate();
    agentsAnswer(async () => {
      await hold.passed();
      return Response.json({ output: 1 });
    });
    const answered = await api<{ id: string; status: string }>(
      "POST",
      "/tasks",
      { workflow: { steps: [{ id: "a", capability: "slow" }] } },
      { prefer: "wait=1" },
    );
    expect(answered).toMatchObject({ status: 202, body: { status: "running" } });
    hold.open();
    await untilEnded(answered.body.id);
  });

  test("a wait longer than the object keeps its caller ends through the live feed", async () => {
    await registerAgent("slow");
    agentsAnswer(async () => {
      await scheduler.wait(1_500);
      return Response.json({ output: "late" });
    });
    const answered = await api("POST", "/tasks?wait=10s", { workflow: { steps: [{ id: "a", capability: "slow" }] } });
    expect(answered).toMatchObject({ status: 200, body: { status: "completed", output: { a: "late" } } });
  });

  test("an agent gets the same key with every attempt, and the trace of the caller", async () => {
    await registerAgent("flaky");
    agentsAnswer(() => (calls.length < 3 ? new Response("{}", { status: 503 }) : Response.json({ output: "ok" })));
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const id = await submit(
      { workflow: { steps: [{ id: "a", capability: "flaky", retry: { delay: "1ms" } }] } },
      { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: "rojo=00f067aa0ba902b7" },
    );
    await untilEnded(id);
    expect(new Set(calls.map(({ headers }) => headers.get("tracestate")))).toEqual(new Set(["rojo=00f067aa0ba902b7"]));
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(calls.map(({ key }) => key))).toEqual(new Set([`${id}/a/1`]));
    expect(calls.every(({ headers }) => headers.get("traceparent")?.includes(trace))).toBe(true);
    expect(new Set(calls.map(({ headers }) => headers.get("traceparent"))).size).toBe(3);
  });
});

describe("steering", () => {
  const twoSteps = {
    workflow: {
      steps: [
        { id: "a", capability: "held" },
        { id: "b", capability: "held", needs: ["a"] },
      ],
    },
  };

  async function held(): Promise<{ readonly id: string; readonly release: () => void }> {
    await registerAgent("held", { cancel_url: "https://held.example/cancel" });
    const hold = gate();
    agentsAnswer(async ({ url }) => {
      if (url.pathname !== "/cancel") await hold.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit(twoSteps);
    await untilStatus(id, "running");
    return { id, release: hold.open };
  }

  test("cancel ends the task at once, tells the agent, and may be repeated", async () => {
    const { id, release } = await held();
    expect(await api("POST", `/tasks/${id}/cancel`, { reason: "enough" })).toMatchObject({ status: 200, body: { status: "canceled" } });
    expect(await api("POST", `/tasks/${id}/cancel`)).toMatchObject({ status: 200, body: { status: "canceled" } });
    expect(calls.filter(({ url }) => url.pathname === "/cancel")).toHaveLength(1);
    release();
    expect((await taskOf(id)).steps.map(({ status }) => status)).toEqual(["canceled", "canceled"]);
    expect(calls.filter(({ stepId }) => stepId === "b")).toEqual([]);
  });

  test("pause starts nothing new, resume goes on", async () => {
    const { id, release } = await held();
    expect(await api("POST", `/tasks/${id}/pause`, {})).toMatchObject({ status: 200, body: { status: "paused" } });
    expect(await api("POST", `/tasks/${id}/pause`)).toMatchObject({ status: 409, body: { code: "invalid_state", task_status: "paused" } });
    release();
    await vi.waitUntil(async () => (await taskOf(id)).steps[0]?.status === "completed");
    expect((await taskOf(id)).steps[1]).toMatchObject({ status: "pending" });
    expect(await api("POST", `/tasks/${id}/resume`)).toMatchObject({ status: 200, body: { status: "running" } });
    await untilEnded(id);
  });

  test("what has ended cannot be steered", async () => {
    const id = await submit({ type: "simple" });
    await untilEnded(id);
    for (const verb of ["pause", "resume", "cancel"])
      expect(await api("POST", `/tasks/${id}/${verb}`)).toMatchObject({
        status: 409,
        body: { code: "invalid_state", task_status: "completed" },
      });
  });

  test("the result of a task that goes on is refused with its status", async () => {
    const { id, release } = await held();
    expect(await api("GET", `/tasks/${id}/result`)).toMatchObject({ status: 409, body: { code: "not_finished", task_status: "running" } });
    release();
    await untilEnded(id);
  });
});

describe("waiting for an agent", () => {
  test("the task says what it waits for, and a registration starts it", async () => {
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "not-yet" }] } });
    expect(await untilStatus(id, "waiting")).toMatchObject({ waiting_on: { type: "agent", capability: "not-yet", step_id: "a" } });
    await registerAgent("not-yet");
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  });

  test("on_no_agent fail: it fails instead of waiting", async () => {
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "nobody" }] }, on_no_agent: "fail" });
    expect(await untilEnded(id)).toMatchObject({ status: "failed", error: { code: "no_agent" } });
  });

  test("queue_ttl passed and nothing started: rejected", async () => {
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "nobody" }] }, queue_ttl: "50ms" });
    expect(await untilEnded(id)).toMatchObject({ status: "rejected", error: { code: "no_agent" } });
  });

  test("an agent that was deleted is not called again", async () => {
    await registerAgent("leaving");
    expect((await api("DELETE", "/agents/leaving")).status).toBe(204);
    const id = await submit({ workflow: { steps: [{ id: "a", agent: "leaving" }] }, on_no_agent: "fail" });
    expect(await untilEnded(id)).toMatchObject({ status: "failed" });
    expect(calls).toEqual([]);
  });
});

describe("idempotency", () => {
  test("the same key and body is the same task; another body is refused", async () => {
    const key = { "idempotency-key": "order-17" };
    const first = await api<{ id: string }>("POST", "/tasks", { type: "simple", a: 1, b: 2 }, key);
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    const again = await api<{ id: string }>("POST", "/tasks", { b: 2, a: 1, type: "simple" }, key);
    expect(again).toMatchObject({ status: 202, body: { id: first.body.id } });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await api("POST", "/tasks", { type: "simple", a: 2 }, key)).toMatchObject({
      status: 422,
      body: { code: "idempotency_conflict" },
    });
  });

  test("many submissions under one key at once make one task", async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api<{ id: string }>("POST", "/tasks", { type: "simple", n: 1 }, { "idempotency-key": "race" })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1);
  });

  test("a batch answers each entry on its own; with a key each entry has its own", async () => {
    const batch = { tasks: [{ type: "simple", n: 1 }, { type: "nope" }, { workflow: { steps: [] } }, 7] };
    const first = await api<{ data: { status: number; task?: { id: string }; problem?: { code: string } }[] }>(
      "POST",
      "/tasks/batch",
      batch,
      { "idempotency-key": "batch-1" },
    );
    expect(first.body.data.map(({ status, problem }) => [status, problem?.code])).toEqual([
      [202, undefined],
      [404, "unknown_type"],
      [400, "invalid_request"],
      [400, "invalid_request"],
    ]);
    const again = await api<typeof first.body>("POST", "/tasks/batch", batch, { "idempotency-key": "batch-1" });
    expect(again.body.data[0]?.task?.id).toBe(first.body.data[0]?.task?.id);
  });

  test("an entry of a batch never meets a task under a key that looks like its own, whichever comes first", async () => {
    const plain = (key: string, n: number) => api<{ id: string }>("POST", "/tasks", { type: "simple", n }, { "idempotency-key": key });
    const batch = (key: string, n: number) =>
      api<{ data: { status: number; task: { id: string } }[] }>(
        "POST",
        "/tasks/batch",
        { tasks: [{ type: "simple", n }] },
        { "idempotency-key": key },
      );
    const [before, after] = [await plain("meets/0", 1), await batch("meets", 1)];
    expect([before.status, after.body.data[0]?.status]).toEqual([202, 202]);
    expect(after.body.data[0]?.task.id).not.toBe(before.body.id);
    expect((await batch("meets", 2)).body.data[0]?.status).toBe(422);
    const [first, second] = [await batch("met", 1), await plain("met/0", 2)];
    expect([first.body.data[0]?.status, second.status]).toEqual([202, 202]);
    expect((await plain("met/0", 1)).status).toBe(422);
  });

  test("a signal under the key of another one is refused; the same again counts once, also after the end", async () => {
    const id = await submit({
      workflow: {
        steps: [
          { id: "hear", type: "signal", name: "go" },
          { id: "also", type: "signal", name: "on", needs: ["hear"] },
        ],
      },
    });
    const say = (name: string, payload: unknown, key: string) =>
      api("POST", `/tasks/${id}/signals/${name}`, { payload }, { "idempotency-key": key });
    const conflict = { status: 422, body: { code: "idempotency_conflict", task_id: id } };
    expect((await say("go", { a: 1, b: 2 }, "k")).status).toBe(202);
    expect(await say("go", { a: 2 }, "k")).toMatchObject(conflict);
    expect(await say("on", { a: 1, b: 2 }, "k")).toMatchObject(conflict);
    expect((await say("go", { b: 2, a: 1 }, "k")).status).toBe(202);
    expect(await taskOf(id)).toMatchObject({ status: "waiting", waiting_on: { name: "on" } });
    expect((await say("on", 3, "other")).status).toBe(202);
    await untilEnded(id);
    expect((await say("on", 3, "other")).status).toBe(202);
    expect(await say("on", 4, "other")).toMatchObject(conflict);
    expect(await resultOf(id)).toEqual({ also: 3 });
  });
});

describe("values", () => {
  test("an output of 10 MB works, is passed on, and is read on its own", async () => {
    await registerAgent("big");
    const text = "x".repeat(10 * 1024 * 1024);
    agentsAnswer(({ stepId, input }) => Response.json({ output: stepId === "make" ? { text } : (input as { text: string }).text.length }));
    const id = await submit({
      workflow: {
        steps: [
          { id: "make", capability: "big" },
          { id: "measure", capability: "big", input: "${ steps.make.output }" },
        ],
      },
    });
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(await resultOf(id)).toEqual({ measure: text.length });
    const { body } = await api<{ output: { text: string } }>("GET", `/tasks/${id}/steps/make`);
    expect(body.output.text.length).toBe(text.length);
    const completed = (await eventsOf(id)).find(({ type, step_id }) => type === "step.completed" && step_id === "make");
    expect(completed?.data).toHaveProperty("output_bytes");
    expect(completed?.data).not.toHaveProperty("output");
  });

  test.each([500, 5_000, 40_000])("an output of %i bytes is read by the steps that follow at once, and by the result", async (size) => {
    await registerAgent("sized", { dispatch: "inline" });
    agentsAnswer(({ stepId, input }) => Response.json({ output: stepId === "make" ? { text: "x".repeat(size), n: 1 } : input }));
    const id = await submit({
      workflow: {
        steps: [
          { id: "make", capability: "sized", input: "${ size(input.text) }" },
          { id: "use", capability: "sized", when: "steps.make.output.n == 1", input: "${ size(steps.make.output.text) }" },
        ],
        output: { used: "${ steps.use.output }", made: "${ size(steps.make.output.text) }", given: "${ size(input.text) }" },
      },
      input: { text: "y".repeat(size) },
    });
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(await resultOf(id)).toEqual({ used: size, made: size, given: size });
  });

  test("an output past the limit fails the step, not the service", async () => {
    await registerAgent("huge");
    agentsAnswer(() => new Response(`{"output":"${"x".repeat(17 * 1024 * 1024)}"}`));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "huge" }] } });
    expect(await untilEnded(id)).toMatchObject({ status: "failed", error: { code: "reply_too_large" } });
  });

  test("characters outside the basic plane survive chunking", async () => {
    await registerAgent("unicode");
    const text = "🎈é\u0000".repeat(700_000);
    agentsAnswer(() => Response.json({ output: text }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "unicode" }], output: "${ steps.a.output }" } });
    await untilEnded(id);
    expect((await resultOf(id)) === text).toBe(true);
  });
});

test("a fan-out of a hundred never has more than six requests awaited by its object", async () => {
  await registerAgent("wide", { dispatch: "inline" });
  let now = 0;
  let most = 0;
  agentsAnswer(async () => {
    most = Math.max(most, ++now);
    await scheduler.wait(2);
    now--;
    return Response.json({ output: 1 });
  });
  const id = await submit({
    workflow: {
      steps: [
        ...Array.from({ length: 100 }, (_, index) => ({ id: `s${index}`, capability: "wide" })),
        { id: "join", capability: "wide", needs: Array.from({ length: 100 }, (_, index) => `s${index}`) },
      ],
    },
  });
  expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  expect(calls).toHaveLength(101);
  expect(most).toBe(6);
});
