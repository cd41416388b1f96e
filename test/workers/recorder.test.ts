/** Tasks compared, played again, taken elsewhere. */
import { describe, expect, test } from "vitest";
import type { TaskDiff } from "../../src/task/task-diff.ts";
import { agentsAnswer, api, registerAgent, submit, untilEnded } from "./harness.ts";
import { archived } from "./recordings.ts";

const workflow = {
  steps: [
    { id: "a", capability: "clerk", input: { n: "${ input.n }" } },
    { id: "b", capability: "clerk", needs: ["a"], input: { n: "${ input.n }" } },
    { id: "c", type: "transform", output: "${ steps.b.output.n * 2 }" },
  ],
  output: { doubled: "${ steps.c.output }" },
};

async function run(n: number, more: Record<string, unknown> = {}): Promise<string> {
  await registerAgent("clerk");
  agentsAnswer(({ input, stepId }) => {
    const { n } = input as { n: number };
    if (n < 0 && stepId === "b") return Response.json({}, { status: 400 });
    return Response.json({ output: { n, text: `${stepId} did ${n}` }, usage: { cost_usd: Math.abs(n) / 100 } });
  });
  const id = await submit({ workflow, input: { n }, ...more });
  await untilEnded(id);
  return id;
}

const diff = async (one: string, other: string) => (await api<TaskDiff>("GET", `/tasks/${one}/diff?with=${other}`)).body;

describe("the difference", () => {
  test("of two tasks is what they were given and what came of it, step by step", async () => {
    const [one, other] = [await run(1), await run(2)];
    await archived(other);
    const found = await diff(one, other);
    expect(found).toMatchObject({
      task: one,
      with: other,
      same: false,
      input: { changes: [{ op: "replace", path: "/n", value: 2, old: 1 }] },
      output: { changes: [{ op: "replace", path: "/doubled", value: 4, old: 2 }] },
      usage: { from: { cost_usd: 0.02 }, to: { cost_usd: 0.04 } },
      steps: [
        {
          id: "a",
          output: {
            changes: [
              { op: "replace", path: "/n", value: 2, old: 1 },
              { op: "replace", path: "/text", value: "a did 2", old: "a did 1" },
            ],
          },
          usage: { from: { cost_usd: 0.01 }, to: { cost_usd: 0.02 } },
        },
        { id: "b" },
        { id: "c", output: { changes: [{ op: "replace", path: "", value: 4, old: 2 }] } },
      ],
    });
    expect(found.definition).toBeUndefined();
    expect((await diff(one, one)).same).toBe(true);
    expect((await diff(one, await run(1))).same).toBe(true);
  });

  test("of a fork and its original names what was kept", async () => {
    const failed = await run(-1);
    const { body } = await api<{ id: string }>("POST", `/tasks/${failed}/fork`, { from: { step: "b" }, input: { n: 5 } });
    await untilEnded(body.id);
    const found = await diff(failed, body.id);
    expect(found).toMatchObject({
      status: { from: "failed", to: "completed" },
      kept: ["a"],
      same_steps: 1,
      steps: [
        {
          id: "b",
          status: { from: "failed", to: "completed" },
          output: { changes: [{ op: "add", path: "", value: { n: 5, text: "b did 5" } }] },
        },
        { id: "c", status: { from: "skipped", to: "completed" }, reason: { from: "needs", to: null } },
      ],
    });
  });

  test("of definitions is told too, and of steps that only one has", async () => {
    const one = await run(1);
    const { body } = await api<{ id: string }>("POST", `/tasks/${one}/fork`, {
      workflow: { steps: [workflow.steps[0], { id: "d", type: "transform", output: 1 }] },
    });
    await untilEnded(body.id);
    const found = await diff(one, body.id);
    expect(found.definition).toHaveProperty("changes");
    expect(found.steps).toEqual([
      { id: "b", only_in: "task" },
      { id: "c", only_in: "task" },
      { id: "d", only_in: "with" },
    ]);
  });

  test("of large values is that they differ, and of many changes the first", async () => {
    await registerAgent("clerk");
    let output: unknown;
    agentsAnswer(() => Response.json({ output }));
    const once = async (value: unknown) => {
      output = value;
      const id = await submit({ workflow: { steps: [{ id: "a", capability: "clerk" }] } });
      await untilEnded(id);
      return id;
    };
    const [x, y, z] = [await once("x".repeat(300_000)), await once("y".repeat(300_000)), await once("x".repeat(300_000))];
    expect((await diff(x, y)).steps).toMatchObject([{ id: "a", output: { bytes: { from: 300_002, to: 300_002 } } }]);
    expect((await diff(x, z)).same).toBe(true);
    const zeros = await once(Array.from({ length: 1_000 }, () => 0));
    expect((await diff(zeros, await once(Array.from({ length: 1_000 }, () => 1)))).steps[0]?.output).toMatchObject({ more: true });
  });

  test("is the caller's own affair", async () => {
    const [one, other] = [await run(1), await run(2)];
    const { body: key } = await api<{ key: string }>("POST", "/keys", { name: "other", tenant: "other", roles: ["admin"] });
    const headers = { authorization: `Bearer ${key.key}` };
    expect((await api("GET", `/tasks/${one}/diff?with=${other}`, undefined, headers)).status).toBe(404);
    expect((await api("GET", `/tasks/${one}/diff?with=task_none`)).status).toBe(404);
    expect((await api("GET", `/tasks/${one}/diff`)).status).toBe(400);
  });
});
