/** Tasks compared, played again, taken elsewhere. */
import { env, exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { rooms } from "../../src/rooms.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import type { TaskDiff } from "../../src/tasks/recorder/task-diff.ts";
import { agentsAnswer, api, calls, objectCount, registerAgent, ROOT_KEY, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";
import { archived, putAway } from "./recordings.ts";

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

/** A task as a file. */
async function exported(id: string): Promise<string> {
  const response = await exports.default.fetch(`https://orchestrator.example/api/v1/tasks/${id}/export`, {
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  return response.text();
}

interface Line {
  readonly seq: number;
  readonly at: number;
  readonly event: { readonly type: string; readonly [member: string]: unknown };
}
const linesOf = (file: string): readonly Line[] =>
  file
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => JSON.parse(line) as Line);

const asTenant = async (tenant: string) => {
  const { body } = await api<{ key: string }>("POST", "/keys", { name: tenant, tenant, roles: ["admin"] });
  return { authorization: `Bearer ${body.key}` };
};
const importing = (file: string, headers: Record<string, string> = {}) =>
  api<TaskHead & { code: string; detail: string; line: number; seq: number }>("POST", "/tasks/import", file, {
    "content-type": "application/x-ndjson",
    ...headers,
  });
const replaying = async (id: string, headers: Record<string, string> = {}) => (await api("POST", `/tasks/${id}/replay`, {}, headers)).body;

/** With one line changed. */
function tampered(file: string, type: string, change: (line: Line) => object): { readonly file: string; readonly seq: number } {
  const lines = file.trimEnd().split("\n");
  const index = lines.findIndex((line, at) => at > 0 && (JSON.parse(line) as Line).event.type === type);
  const line = JSON.parse(lines[index] as string) as Line;
  return { file: lines.with(index, JSON.stringify(change(line))).join("\n"), seq: line.seq };
}

describe("a task as a file", () => {
  test("has every event with its values, and nothing that is only ours", async () => {
    const id = await run(3, { webhook: { url: "https://hooks.example/in", secret: `whsec_${btoa("secret".repeat(5))}` } });
    const file = await exported(id);
    const [first] = file.split("\n");
    const events = (await api<{ data: EventView[] }>("GET", `/tasks/${id}/events?limit=1000`)).body.data;
    expect(JSON.parse(first as string)).toMatchObject({
      format: "orchestrator.journal",
      v: 1,
      task: id,
      status: "completed",
      events: linesOf(file).length,
    });
    expect(linesOf(file).map(({ event }) => event.type)).toEqual(events.slice(0, linesOf(file).length).map(({ type }) => type));
    expect(file).not.toContain("hooks.example");
    expect(file).not.toContain("whsec");
    expect(file).not.toContain("default");
    expect(linesOf(file)[0]?.event).toMatchObject({ type: "task.created", task: id, input: { value: { n: 3 } } });
  });

  test("is the same from the object and from the archive, with values of any size up to what is kept", async () => {
    await registerAgent("clerk");
    agentsAnswer(() => Response.json({ output: "é".repeat(200_000) }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "clerk" }], output: "${ steps.a.output }" } });
    await untilEnded(id);
    await putAway(id);
    const live = await exported(id);
    await archived(id);
    expect(await exported(id)).toBe(live);
    expect(live.length).toBeGreaterThan(200_000);
  });

  test("can be had of a task that goes on, as far as that has come", async () => {
    await registerAgent("slow");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "slow" }] } });
    await untilStatus(id, "running");
    const file = await exported(id);
    expect(linesOf(file).length).toBeGreaterThan(2);
    expect(await replaying(id)).toMatchObject({ matches: true });
    expect(await importing(file)).toMatchObject({ status: 422, body: { code: "invalid_journal", seq: linesOf(file).length } });
  });
});

describe("a task from elsewhere", () => {
  test("is read like those from here, knows what it was, and is one however often it is imported", async () => {
    const id = await run(4, { tags: ["travels"] });
    await putAway(id);
    const file = await exported(id);
    const elsewhere = await asTenant("elsewhere");
    const answers = await Promise.all([importing(file, elsewhere), importing(file, elsewhere)]);
    const again = await importing(file, elsewhere);
    expect(again.status).toBe(200);
    expect(new Set([...answers, again].map(({ body }) => body.id)).size).toBe(1);
    const copy = again.body.id;
    expect(copy).not.toBe(id);
    const [original, read] = [await taskOf(id), await api<TaskView>("GET", `/tasks/${copy}`, undefined, elsewhere)];
    expect({ ...read.body, id, by: original.by, imported_from: undefined }).toEqual({ ...original, imported_from: undefined });
    expect(read.body.by).toMatchObject({ type: "key", name: "elsewhere" });
    expect(read.body.imported_from).toBe(id);
    for (const path of ["status", "result", "steps", "steps/a", "events"]) {
      const there = await api("GET", `/tasks/${copy}/${path}`, undefined, elsewhere);
      expect(there.status, path).toBe(200);
    }
    expect((await api<{ data: TaskHead[] }>("GET", "/tasks?tag=travels", undefined, elsewhere)).body.data.map((task) => task.id)).toEqual([
      copy,
    ]);
    expect((await api("GET", `/tasks/${copy}`)).status).toBe(404);
    // Back again it is the same file.
    const back = await exports.default.fetch(`https://orchestrator.example/api/v1/tasks/${copy}/export`, { headers: elsewhere });
    expect(await back.text()).toBe(file);
    expect(await replaying(copy, elsewhere)).toEqual({ events: linesOf(file).length, matches: true });
  });

  test("can be compared, and forked by the agents that there are", async () => {
    const failed = await run(-1);
    await putAway(failed);
    const { body } = await importing(await exported(failed));
    expect(await diff(failed, body.id)).toMatchObject({ same: true });
    calls.length = 0;
    const forked = await api<{ id: string }>("POST", `/tasks/${body.id}/fork`, { from: { step: "b" }, input: { n: 2 } });
    expect(await untilEnded(forked.body.id)).toMatchObject({ status: "completed", forked_from: { task_id: body.id } });
    expect(calls.map(({ stepId }) => stepId)).toEqual(["b"]);
  });

  test("may have large values, and many facts", async () => {
    await registerAgent("clerk");
    const large = "é".repeat(3_000_000);
    agentsAnswer(({ stepId }) => Response.json({ output: stepId === "a" ? large : 1 }));
    const each = { id: "each", type: "map", over: "input", steps: [{ id: "work", capability: "clerk" }] };
    const id = await submit({
      workflow: { steps: [{ id: "a", capability: "clerk" }, each], output: "${ steps.a.output }" },
      input: Array.from({ length: 100 }, (_, n) => n),
    });
    await untilEnded(id);
    await putAway(id);
    const file = await exported(id);
    // Once, although it is the step's and the task's.
    expect(file.length).toBeGreaterThan(large.length);
    expect(file.length).toBeLessThan(1.5 * large.length);
    const { status, body } = await importing(file);
    expect(status, JSON.stringify(body)).toBe(201);
    expect((await api<{ output: string }>("GET", `/tasks/${body.id}/result`)).body.output).toBe(large);
    expect(await replaying(body.id)).toEqual({ events: linesOf(file).length, matches: true });
    expect(await diff(id, body.id)).toMatchObject({ same: true });
  });

  test("outlives its time here, not the one since it ended there", async () => {
    const id = await run(6);
    await putAway(id);
    const lines = (await exported(id)).trimEnd().split("\n");
    const old = lines.map((line, index) => (index === 0 ? line : JSON.stringify({ ...(JSON.parse(line) as Line), at: 1_000_000 + index })));
    const { status, body } = await importing(old.join("\n"));
    expect([status, body.finished_at?.slice(0, 4)]).toEqual([201, "1970"]);
    await rooms(env).services.archive.purge(Date.now() - 60_000);
    expect((await api("GET", `/tasks/${body.id}`)).status).toBe(200);
  });

  test("is refused with the first wrong event, and leaves nothing", async () => {
    const id = await run(5);
    await putAway(id);
    const file = await exported(id);
    const objects = await objectCount();
    const wrongs: (readonly [string, { readonly file: string; readonly seq: number }])[] = [
      [
        "which has settled",
        tampered(file, "task.completed", (line) => ({ ...line, event: { type: "step.completed", step: "a", output: { value: 1 } } })),
      ],
      ["which there is not", tampered(file, "attempt.started", (line) => ({ ...line, event: { ...line.event, step: "z" } }))],
      ['without "output"', tampered(file, "step.completed", (line) => ({ ...line, event: { type: "step.completed", step: "a" } }))],
      ['there is no event "task.exploded"', tampered(file, "task.started", (line) => ({ ...line, event: { type: "task.exploded" } }))],
      ["earlier", tampered(file, "task.completed", (line) => ({ ...line, at: 1 }))],
      ["expected event", tampered(file, "task.started", (line) => ({ ...line, seq: 99 }))],
      [
        "refers to the value",
        tampered(file, "task.completed", (line) => ({ ...line, event: { ...line.event, output: { seq: 900, bytes: 3 } } })),
      ],
      [
        '"gate"',
        tampered(file, "task.created", (line) => ({
          ...line,
          event: { ...line.event, gate: { key: "k".repeat(201), limit: 1, overlap: "queue" } },
        })),
      ],
      [
        "the definition is not valid",
        tampered(file, "task.created", (line) => ({ ...line, event: { ...line.event, definition: { value: { steps: [] } } } })),
      ],
    ];
    for (const [message, { file: broken, seq }] of wrongs) {
      const { status, body } = await importing(broken);
      expect([status, body.code], message).toEqual([422, "invalid_journal"]);
      expect(body.detail).toContain(message);
      expect(body, message).toMatchObject({ line: seq + 1, seq });
    }
    const tagged = tampered(file, "task.created", (line) => ({
      ...line,
      event: { ...line.event, tags: Array.from({ length: 21 }, (_, n) => `${n}`) },
    }));
    expect(await importing(tagged.file)).toMatchObject({ status: 422, body: { seq: 1, detail: expect.stringContaining("20 tags") } });
    const cut = await importing(file.trimEnd().split("\n").slice(0, -1).join("\n"));
    expect([cut.status, cut.body.detail]).toEqual([422, expect.stringContaining("the header says")]);
    for (const nonsense of ["", "{}", "hello", '{"format":"orchestrator.journal","v":2,"events":1}'])
      expect(await importing(nonsense)).toMatchObject({ status: 422, body: { line: 1 } });
    expect((await api("POST", "/tasks/import", {})).status).toBe(415);
    expect((await importing("x".repeat(17 * 1024 * 1024))).status).toBe(413);
    expect(await objectCount()).toBe(objects);
    expect((await api<{ data: TaskHead[] }>("GET", "/tasks")).body.data.filter(({ imported_from }) => imported_from === id)).toEqual([]);
  });
});

test("a journal that this engine would not have written parts from it where that is so", async () => {
  const id = await run(7);
  await putAway(id);
  const { file, seq } = tampered(await exported(id), "task.completed", (line) => ({
    ...line,
    event: { ...line.event, output: { value: "another" } },
  }));
  const { body } = await importing(file);
  expect(await replaying(body.id)).toMatchObject({
    events: seq - 1,
    matches: false,
    divergence: {
      seq,
      expected: { type: "task.completed", data: { output: "another" } },
      got: { type: "task.completed", data: { output: { doubled: 14 } } },
    },
  });
  expect(await replaying(id)).toEqual({ events: linesOf(file).length + 1, matches: true });
  expect((await api("POST", "/tasks/task_none/replay", {})).status).toBe(404);
});
