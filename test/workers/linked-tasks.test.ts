/** Tasks that start tasks: sub-workflows, chains, and who is told when one ends. */
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/tasks/limits.ts";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { agentsAnswer, api, calls, eventsOf, registerAgent, resultOf, stubOf, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";

const put = async (name: string, definition: object): Promise<void> => {
  const { status, body } = await api("PUT", `/workflows/${name}`, definition);
  expect([200, 201], JSON.stringify(body)).toContain(status);
};
const childrenOf = async (task: string) =>
  vi.waitUntil(async () => {
    const { data } = (await api<{ data: TaskHead[] }>("GET", `/tasks?parent=${task}`)).body;
    return data.length > 0 && data;
  });

describe("a sub-workflow", () => {
  test("runs as a task of its own, with its own version, and its result is the step's", async () => {
    await put("double", { steps: [{ id: "twice", type: "transform", output: "${ input.n * 2 }" }], output: "${ steps.twice.output }" });
    const steps = [
      { id: "sub", type: "workflow", workflow: "double", input: { n: "${ input.n }" } },
      { id: "more", type: "transform", output: "${ steps.sub.output + 1 }" },
    ];
    const id = await submit({ workflow: { steps, output: "${ steps.more.output }" }, input: { n: 4 }, tags: ["linked"] });
    const task = await untilEnded(id);
    expect(await resultOf(id)).toBe(9);
    const child = task.steps[0]?.task_id ?? "";
    expect(await taskOf(child)).toMatchObject({
      status: "completed",
      type: "double",
      workflow: { name: "double", version: 1 },
      parent: { task_id: id, step_id: "sub" },
      tags: ["linked"],
    });
    expect((await eventsOf(child)).length).toBeGreaterThan(3);
    expect((await childrenOf(id)).map((one) => one.id)).toEqual([child]);
  });

  test("is the version that there was when the task began, whatever happens to it since", async () => {
    await registerAgent("hold");
    agentsAnswer(() => new Response(null, { status: 202 }));
    await put("pinned", { steps: [{ id: "v", type: "transform", output: 1 }], output: "${ steps.v.output }" });
    const steps = [
      { id: "wait", capability: "hold" },
      { id: "sub", type: "workflow", workflow: "pinned", needs: ["wait"] },
    ];
    const id = await submit({ workflow: { steps, output: "${ steps.sub.output }" } });
    await vi.waitUntil(() => calls.length === 1);
    await put("pinned", { steps: [{ id: "v", type: "transform", output: 2 }], output: "${ steps.v.output }" });
    await api("DELETE", "/workflows/pinned");
    await api("POST", `${new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "")}/complete`, { output: null });
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await resultOf(id)).toBe(1);
  });

  test("that is not registered is refused before anything starts", async () => {
    const { status, body } = await api("POST", "/tasks", { workflow: { steps: [{ id: "sub", type: "workflow", workflow: "nowhere" }] } });
    expect([status, body["code"], (body["errors"] as { pointer: string }[])[0]?.pointer]).toEqual([
      400,
      "unknown_reference",
      "/workflow/steps/0/workflow",
    ]);
  });

  test("whose input breaks its schema fails the step", async () => {
    await put("strict", { input_schema: { type: "object", required: ["n"] }, steps: [{ id: "a", type: "transform", output: 1 }] });
    const id = await submit({ workflow: { steps: [{ id: "sub", type: "workflow", workflow: "strict", input: {} }] } });
    expect((await untilEnded(id)).error).toMatchObject({ code: "invalid_input", step_id: "sub" });
  });

  test("whose input is larger than a value may be fails the step, and no chain is started with one", { timeout: 60_000 }, async () => {
    await put("taking", { steps: [{ id: "a", type: "transform", output: 1 }] });
    const twice = { workflow: "taking", input: { one: "${ input.text }", two: "${ input.text }" } };
    const input = { text: "x".repeat(9 * 1_024 * 1_024) };
    const id = await submit({ workflow: { steps: [{ id: "sub", type: "workflow", ...twice }] }, input });
    expect((await untilEnded(id)).error).toMatchObject({ code: "input_too_large", step_id: "sub" });
    const wide = {
      id: "each",
      type: "map",
      over: "input.list",
      steps: [{ id: "a", type: "transform", output: "${ size(input.text) + size(steps.more.output) }" }],
    };
    const more = { id: "more", type: "transform", output: "${ input.text }" };
    const list = Array.from({ length: 201 }, () => null);
    const spread = await submit({ workflow: { steps: [more, wide] }, input: { ...input, list } });
    expect((await untilEnded(spread)).error).toMatchObject({
      code: "input_too_large",
      message: expect.stringContaining("Some of the 201 items could not be worked on"),
    });
    const chaining = await submit({ workflow: { steps: [{ id: "a", type: "transform", output: 1 }], on_completed: twice }, input });
    await untilEnded(chaining);
    await runDurableObjectAlarm(stubOf(chaining));
    expect(await taskOf(chaining)).toMatchObject({ chained: [{ workflow: "taking", error: { code: "input_too_large" } }] });
  });

  test("is canceled, paused and resumed with its parent, and waits for its deadline", async () => {
    await registerAgent("slow");
    agentsAnswer(() => new Response(null, { status: 202 }));
    await put("slowly", { deadline: "1h", steps: [{ id: "a", capability: "slow" }] });
    const id = await submit({ workflow: { steps: [{ id: "sub", type: "workflow", workflow: "slowly" }] } });
    expect(await untilStatus(id, "waiting")).toMatchObject({ waiting_on: { type: "child", step_id: "sub" } });
    const child = (await taskOf(id)).steps[0]?.task_id ?? "";
    expect((await untilStatus(child, "running")).deadline).not.toBeNull();
    await api("POST", `/tasks/${id}/pause`);
    await untilStatus(child, "paused");
    await api("POST", `/tasks/${id}/resume`);
    await untilStatus(child, "running");
    await api("POST", `/tasks/${id}/cancel`);
    await untilStatus(child, "canceled");
  });

  test("may be nested in another, and in itself only so far", async () => {
    await put("inner", { steps: [{ id: "a", type: "transform", output: "${ input }" }], output: "${ steps.a.output }" });
    await put("outer", {
      steps: [{ id: "in", type: "workflow", workflow: "inner@1", input: "${ input }" }],
      output: "${ steps['in'].output }",
    });
    const id = await submit({ type: "outer", input: "deep" });
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await resultOf(id)).toBe("deep");
    await put("forever", { steps: [{ id: "again", type: "workflow", workflow: "forever", when: "task.id != ''" }] });
    const endless = await submit({ type: "forever" });
    expect((await untilEnded(endless)).error).toMatchObject({ code: "nested_too_deep" });
  });
});

describe("a sub-workflow that has completed, of a task that fails later", () => {
  const undo = (input: string) => ({ compensate: { capability: "undone", input, retry: { max_attempts: 1 } } });
  const isFor =
    (agent: string) =>
    ({ url }: { readonly url: URL }) =>
      url.hostname === `${agent}.example`;
  const asked = () => calls.filter(isFor("undone")).map(({ input }) => input);

  test("is undone with all that it had started, the last thing first, by another task, even if it is gone by then", async () => {
    for (const capability of ["done", "undone", "hold"]) await registerAgent(capability);
    agentsAnswer((call) => (isFor("hold")(call) ? new Response(null, { status: 202 }) : Response.json({ output: call.input })));
    const done = (id: string, more: object = {}) => ({ id, capability: "done", input: `${id} \${ input.n }`, ...more });
    await put("inmost", { steps: [done("deep", undo("${ steps.deep.output }"))] });
    await put("within", {
      steps: [
        done("a", undo("${ steps.a.output } of ${ input.n }")),
        { id: "each", type: "map", over: [1, 2], concurrency: 1, needs: ["a"], steps: [done("one", undo("${ item }"))] },
        { id: "in", type: "workflow", workflow: "inmost", needs: ["each"], input: { n: "${ input.n }" } },
        done("z", { needs: ["in"], ...undo("z") }),
      ],
    });
    const steps = [
      done("before", undo("before")),
      { id: "sub", type: "workflow", workflow: "within", needs: ["before"], input: { n: "${ input.n }" } },
      done("after", { needs: ["sub"], ...undo("after") }),
      { id: "fails", capability: "hold", needs: ["after"] },
    ];
    const id = await submit({ workflow: { steps }, input: { n: 5 } });
    await vi.waitUntil(() => calls.some(isFor("hold")));
    const child = (await taskOf(id)).steps[1]?.task_id ?? "";
    expect((await api("DELETE", `/tasks/${child}`)).status).toBeLessThan(300);
    const back = calls.find(isFor("hold"))?.callbackUrl ?? "";
    await api("POST", `${new URL(back).pathname.replace("/api/v1", "")}/fail`, { code: "no", message: "no", retryable: false });
    const ended = await untilEnded(id);
    expect(asked()).toEqual(["after", "z", "deep 5", 2, 1, "a 5 of 5", "before"]);
    expect(ended).toMatchObject({ status: "failed", error: { code: "no" } });
    const [, undoing] = ended.compensations ?? [];
    expect(ended.compensations).toMatchObject([{ step_id: "after" }, { step_id: "sub", status: "completed" }, { step_id: "before" }]);
    expect(await taskOf(undoing?.task_id ?? "")).toMatchObject({ status: "completed", parent: { task_id: id, step_id: "sub" } });
  });
});

describe("a chain", () => {
  test("goes on with what the task came to, and both ends know each other", async () => {
    await put("report", { steps: [{ id: "a", type: "transform", output: "got ${ input.total }" }], output: "${ steps.a.output }" });
    await put("sum", {
      steps: [{ id: "a", type: "transform", output: { total: "${ input.a + input.b }" } }],
      output: "${ steps.a.output }",
      on_completed: { workflow: "report", input: { total: "${ output.total }" } },
    });
    const id = await submit({ type: "sum", input: { a: 1, b: 2 } });
    const ended = await vi.waitUntil(
      async () => {
        const task = await taskOf(id);
        return task.chained && task;
      },
      { timeout: 5_000 },
    );
    const next = ended.chained?.[0]?.task_id ?? "";
    expect(ended.chained).toEqual([{ workflow: "report", task_id: next, error: null }]);
    expect(await untilEnded(next)).toMatchObject({ status: "completed", chained_from: id });
    expect(await resultOf(next)).toBe("got 3");
  });

  test("of a failure gets the error, and one of a success is not started by it", async () => {
    await put("alarm", { steps: [{ id: "a", type: "transform", output: "${ input.error.code }" }], output: "${ steps.a.output }" });
    const workflow = {
      steps: [{ id: "a", type: "end", status: "failed", error: { code: "broken", message: "no" } }],
      on_failed: [{ workflow: "alarm" }],
      on_completed: { workflow: "alarm" },
    };
    const id = await submit({ workflow });
    const ended = await vi.waitUntil(async () => ((await taskOf(id)).chained ?? null) && taskOf(id), { timeout: 5_000 });
    expect(ended.chained).toHaveLength(1);
    const next = ended.chained?.[0]?.task_id ?? "";
    await untilEnded(next);
    expect(await resultOf(next)).toBe("broken");
  });

  test("is given up, with a reason, where the runtime has died of it again and again", async () => {
    await put("deadly", { steps: [{ id: "a", type: "transform", output: 1 }] });
    const id = await submit({ workflow: { steps: [{ id: "a", type: "transform", output: 1 }], on_completed: { workflow: "deadly" } } });
    await untilEnded(id);
    // What recovery leaves behind after the last death.
    const seq = (await eventsOf(id)).at(-1)?.seq;
    await runInDurableObject(stubOf(id), (_, { storage }) => {
      storage.kv.put("recovery", { v: 1, seq, deaths: LIMITS.deaths, isolate: 1, begun: false, next: 0 });
    });
    await abortAllDurableObjects();
    await runDurableObjectAlarm(stubOf(id));
    const { chained } = await vi.waitUntil(async () => ((await taskOf(id)).chained ?? null) && taskOf(id), { timeout: 5_000 });
    expect(chained).toEqual([{ workflow: "deadly", task_id: null, error: expect.objectContaining({ code: "poisoned" }) }]);
  });

  test("without end is cut off, and says so", async () => {
    await put("loop", { steps: [{ id: "a", type: "transform", output: 1 }], on_completed: { workflow: "loop" } });
    let id = await submit({ type: "loop" });
    let length = 1;
    for (;;) {
      const task = await vi.waitUntil(
        async () => {
          await runDurableObjectAlarm(stubOf(id)).catch(() => false);
          const read = await taskOf(id);
          return read.chained && read;
        },
        { timeout: 5_000, interval: 5 },
      );
      const [chained] = task.chained ?? [];
      if (chained?.error) {
        expect(chained.error.code).toBe("chain_too_long");
        break;
      }
      id = chained?.task_id ?? "";
      length++;
      expect(length).toBeLessThan(150);
    }
    expect(length).toBe(101);
  }, 60_000);
});

describe("a webhook that comes with a task", () => {
  test("is told of its end, once the task has ended", async () => {
    const told: { url: string; body: { type: string; data: { id: string } } }[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      told.push({ url: request.url, body: await request.json() });
      return new Response(null, { status: 204 });
    });
    const id = await submit({
      workflow: { steps: [{ id: "a", type: "transform", output: 1 }] },
      webhook: { url: "https://hooks.example/done" },
    });
    await vi.waitUntil(() => told.length > 0, { timeout: 5_000 });
    expect(told).toMatchObject([{ url: "https://hooks.example/done", body: { type: "task.completed", data: { id } } }]);
  });

  test("is told once more where the task was deleted as soon as it had ended, and submitted again under its key", async () => {
    const told: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      told.push(`${request.headers.get("webhook-id")} ${(await request.json<{ data: { id: string } }>()).data.id}`);
      return new Response(null, { status: 204 });
    });
    const errors = vi.spyOn(console, "error");
    const again = (): Promise<string> =>
      submit(
        { workflow: { steps: [{ id: "a", type: "transform", output: 1 }] }, webhook: { url: "https://hooks.example/again" } },
        { "Idempotency-Key": "told-again" },
      );
    const id = await again();
    await untilEnded(id);
    expect((await api("DELETE", `/tasks/${id}`)).status).toBe(204);
    expect(await again()).toBe(id);
    await untilEnded(id);
    await vi.waitUntil(() => told.length > 1, { timeout: 5_000 });
    expect(new Set(told).size).toBe(2);
    expect(told.every((one) => one.endsWith(id))).toBe(true);
    expect(errors).not.toHaveBeenCalled();
  });

  test("whose address is not allowed is refused", async () => {
    const { status, body } = await api("POST", "/tasks", { type: "simple", input: {}, webhook: { url: "https://10.0.0.1/" } });
    expect([status, body["code"], (body["errors"] as { pointer: string }[])[0]?.pointer]).toEqual([422, "url_refused", "/webhook/url"]);
  });
});

test("a result that breaks the workflow's output schema is a failure", async () => {
  const workflow = {
    steps: [{ id: "a", type: "transform", output: { n: "text" } }],
    output: "${ steps.a.output }",
    output_schema: { type: "object", properties: { n: { type: "number" } } },
  };
  expect((await untilEnded(await submit({ workflow }))).error).toMatchObject({
    code: "output_invalid",
    message: expect.stringContaining("/output/n"),
  });
});
