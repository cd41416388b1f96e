/** Who did what: in facts, in tasks and their list, and in what is registered. */
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import type { By } from "../../src/shared/actor.ts";
import type { ApprovalHead } from "../../src/tasks/views/approval-view.ts";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { api, eventsOf, ROOT_KEY, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";

type Headers = { readonly authorization: string };

const ROOT = { type: "key", id: "root" };
const DONE = { workflow: { steps: [{ id: "a", type: "transform", output: 1 }] } };
const WAITS = { workflow: { steps: [{ id: "hear", type: "signal", name: "go" }] } };

async function keyOf(name: string): Promise<{ readonly headers: Headers; readonly by: By }> {
  const { body } = await api<{ id: string; key: string }>("POST", "/keys", { name, roles: ["admin"] });
  return { headers: { authorization: `Bearer ${body.key}` }, by: { type: "key", id: body.id, name } };
}

const causes = (events: readonly EventView[], type: string) => events.filter((event) => event.type === type).map(({ by }) => by);

const listed = async (by: string) => (await api<{ data: TaskHead[] }>("GET", `/tasks?by=${encodeURIComponent(by)}`)).body.data;

async function untilListed(by: string, ids: readonly string[]): Promise<void> {
  await vi.waitUntil(async () => (await listed(by)).length === ids.length, { timeout: 15_000, interval: 100 });
  expect((await listed(by)).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
}

describe("a fact names who caused it", () => {
  test("whoever submits, steers, signals and cancels, each by their key", async () => {
    const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
    const task = await submit(WAITS, ann.headers);
    await untilStatus(task, "waiting");
    await api("POST", `/tasks/${task}/pause`, {}, bob.headers);
    await api("POST", `/tasks/${task}/resume`, {}, ann.headers);
    await api("POST", `/tasks/${task}/signals/go`, { payload: 1 }, bob.headers);
    const events = await eventsOf(task);
    expect((await taskOf(task)).by).toEqual(ann.by);
    expect(["task.created", "task.paused", "task.resumed", "signal.received"].map((type) => causes(events, type))).toEqual(
      [ann, bob, ann, bob].map(({ by }) => [by]),
    );
    // What follows by itself was caused by nobody.
    expect(causes(events, "step.completed")).toEqual([undefined]);
    const other = await submit(WAITS, ann.headers);
    await api("POST", `/tasks/${other}/cancel`, {}, bob.headers);
    expect(causes(await eventsOf(other), "task.canceled")).toEqual([bob.by]);
  });

  test("a canceled task that undoes first what it did names them at its end, too", async () => {
    const bob = await keyOf("bob");
    const steps = [
      { id: "a", type: "transform", output: 1, compensate: { capability: "echo" } },
      { id: "hear", type: "signal", name: "go", needs: ["a"] },
    ];
    const task = await submit({ workflow: { steps } });
    await untilStatus(task, "waiting");
    expect((await api("POST", `/tasks/${task}/cancel`, {}, bob.headers)).status).toBe(200);
    await untilEnded(task);
    const events = await eventsOf(task);
    expect([causes(events, "task.ending"), causes(events, "task.canceled")]).toEqual([[bob.by], [bob.by]]);
  });

  test("the task whose step started it, which also pauses and cancels it; the task whose end did", async () => {
    await api("PUT", "/workflows/inner", WAITS.workflow);
    await api("PUT", "/workflows/next", DONE.workflow);
    const steps = [{ id: "w", type: "workflow", workflow: "inner", input: {} }];
    const parent = await submit({ workflow: { steps } });
    const child = await vi.waitUntil(async () => (await taskOf(parent)).steps[0]?.task_id, { timeout: 10_000, interval: 20 });
    await untilStatus(child, "waiting");
    await api("POST", `/tasks/${parent}/pause`, {});
    await untilStatus(child, "paused");
    await api("POST", `/tasks/${parent}/cancel`, {});
    await untilEnded(child);
    const starter = { type: "task", id: parent };
    const events = await eventsOf(child);
    expect((await taskOf(child)).by).toEqual(starter);
    expect(["task.created", "task.paused", "task.canceled"].map((type) => causes(events, type))).toEqual([[starter], [starter], [starter]]);
    const first = await submit({ workflow: { ...DONE.workflow, on_completed: [{ workflow: "next", input: {} }] } });
    await untilListed(`task:${first}`, [
      await vi.waitUntil(async () => (await taskOf(first)).chained?.[0]?.task_id, { timeout: 10_000, interval: 50 }),
    ]);
  });

  test("a bulk order's task, whatever it does to others; a retry is somebody's own", async () => {
    const ann = await keyOf("ann");
    const victim = await submit({ ...WAITS, tags: ["by-bulk"] }, ann.headers);
    await vi.waitUntil(async () => (await listed(`key:${ann.by.id}`)).length === 1, { timeout: 15_000, interval: 100 });
    const order = await submit({ type: "bulk", input: { action: "cancel", filter: { tag: "by-bulk" } } }, ann.headers);
    await untilEnded(victim);
    expect(causes(await eventsOf(victim), "task.canceled")).toEqual([{ type: "task", id: order }]);
    const bob = await keyOf("bob");
    const { body: retried } = await api<TaskHead>("POST", `/tasks/${victim}/retry`, {}, bob.headers);
    expect(retried).toMatchObject({ by: bob.by, forked_from: { task_id: victim } });
  });

  test("the task that takes another one's place under their key", async () => {
    const concurrency = { key: '"by place"', limit: 1, overlap: "cancel_previous" };
    const first = await submit({ ...WAITS, concurrency });
    await untilStatus(first, "waiting");
    const second = await submit({ ...WAITS, concurrency });
    await untilEnded(first);
    expect(causes(await eventsOf(first), "task.canceled")).toEqual([{ type: "task", id: second }]);
  });

  test("a schedule, for its times; of a run by hand whoever asked for it", async () => {
    const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
    const task = { ...DONE };
    await api("PUT", "/schedules/named", { every: "1s", task }, ann.headers);
    const { body } = await api<{ task_id: string }>("POST", "/schedules/named/trigger", { overlap: "allow" }, bob.headers);
    expect((await taskOf(body.task_id)).by).toEqual(bob.by);
    await vi.waitUntil(async () => (await listed("schedule:named")).length > 0, { timeout: 15_000, interval: 100 });
    expect((await listed("schedule:named"))[0]).toMatchObject({
      by: { type: "schedule", id: "named" },
      scheduled_by: { schedule: "named" },
    });
    expect((await api("DELETE", "/schedules/named")).status).toBe(204);
  });

  test("a link, for whom it is and who made it; a quorum counts voters as before", async () => {
    const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
    const ask = { id: "ask", type: "approval", title: "May it?", quorum: 2 };
    const task = await submit({ workflow: { steps: [ask] } });
    await untilStatus(task, "waiting");
    const id = `${task.replace("task_", "approval_")}_1`;
    const made = await api<{ url: string }>("POST", `/approvals/${id}/links`, { for: "eve@example.com" }, ann.headers);
    const path = new URL(made.body.url).pathname.replace("/api/v1", "");
    expect((await api("POST", `${path}/decide`, { decision: "approve" }, { authorization: "" })).status).toBe(200);
    expect((await api("POST", `/approvals/${id}/decide`, { decision: "approve" }, bob.headers)).status).toBe(200);
    const link = { type: "link", id: expect.any(String), name: "eve@example.com", made_by: ann.by };
    const events = (await eventsOf(task)).filter(({ type }) => type === "approval.decided");
    expect(events.map(({ by }) => by)).toEqual([link, bob.by]);
    expect(events.map(({ data }) => data["by"])).toEqual([expect.stringMatching(/^eve@example\.com \(link .+\)$/), bob.by.id]);
    const read = await api<ApprovalHead>("GET", `/approvals/${id}`);
    expect(read.body).toMatchObject({ status: "approved", decisions: [{ by: link }, { by: bob.by }] });
    await vi.waitUntil(
      async () => (await api<{ data: ApprovalHead[] }>("GET", `/approvals?task=${task}&status=approved`)).body.data.length === 1,
      {
        timeout: 15_000,
        interval: 100,
      },
    );
  });
});

async function exported(id: string): Promise<string> {
  const response = await exports.default.fetch(`https://orchestrator.example/api/v1/tasks/${id}/export`, {
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  });
  return response.text();
}

describe("tasks are listed by who submitted them", () => {
  test("with an index, page by page, and together with other filters", async () => {
    const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
    const ids = [await submit(DONE, ann.headers), await submit({ ...DONE, tags: ["marked"] }, ann.headers)];
    await submit(DONE, bob.headers);
    await untilListed(`key:${ann.by.id}`, ids);
    const tagged = await api<{ data: TaskHead[] }>("GET", `/tasks?tag=marked&by=key:${ann.by.id}`);
    expect(tagged.body.data.map(({ id, by }) => [id, by])).toEqual([[ids[1], ann.by]]);
    for (const malformed of ["key", "nobody:x", "key:"]) expect((await api("GET", `/tasks?by=${malformed}`)).status, malformed).toBe(400);
    const plan = await env.DB.prepare(
      "EXPLAIN QUERY PLAN SELECT head FROM tasks WHERE tenant = ? AND actor = ? ORDER BY created_at DESC, id DESC LIMIT 50",
    )
      .bind("default", `key:${ann.by.id}`)
      .all<{ detail: string }>();
    expect(plan.results.map(({ detail }) => detail).join()).toContain("USING INDEX tasks_by_actor");
  });

  test("an imported one by whoever imported it: what its file says is shown as the file's", async () => {
    const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
    const id = await submit(DONE, ann.headers);
    await untilEnded(id);
    const file = await exported(id);
    const imported = await api<TaskHead>("POST", "/tasks/import", file, { ...bob.headers, "content-type": "application/x-ndjson" });
    expect(imported.body).toMatchObject({ by: bob.by, imported_from: id });
    expect(causes(await eventsOf(imported.body.id), "task.created")).toEqual([{ ...ann.by, imported: true }]);
    await untilListed(`key:${ann.by.id}`, [id]);
    await untilListed(`key:${bob.by.id}`, [imported.body.id]);
  });
});

test("what is registered says who made it and who changed it last; what was there before says nobody", async () => {
  const [ann, bob] = [await keyOf("ann"), await keyOf("bob")];
  const agent = { url: "https://made.example/run", capabilities: ["made"] };
  const channel = { version: 1 };
  const schedule = { cron: "0 0 1 1 *", task: DONE };
  await api("PUT", "/agents/made", agent, ann.headers);
  await api("PUT", "/workflows/made", DONE.workflow, ann.headers);
  await api("PUT", "/workflows/made/channels/stable", channel, ann.headers);
  await api("PUT", "/schedules/made", schedule, ann.headers);
  const hook = (await api<{ id: string }>("POST", "/webhooks", { url: "https://hook.example/" }, ann.headers)).body.id;
  const made = { created_by: ann.by, updated_by: ann.by };
  const changed = { created_by: ann.by, updated_by: bob.by };
  const read = async (path: string) => (await api("GET", path)).body;
  for (const path of ["/agents/made", "/workflows/made", "/workflows/made/versions/1", "/schedules/made", `/webhooks/${hook}`])
    expect(await read(path), path).toMatchObject(made);
  expect(await read("/workflows/made/channels")).toMatchObject({ data: [made] });
  await api("PUT", "/agents/made", agent, bob.headers);
  await api("PUT", "/workflows/made", { ...DONE.workflow, description: "Another" }, bob.headers);
  await api("PUT", "/workflows/made/channels/stable", { version: 2 }, bob.headers);
  await api("POST", "/schedules/made/pause", {}, bob.headers);
  await api("PATCH", `/webhooks/${hook}`, { description: "Another" }, { ...bob.headers, "if-match": "*" });
  for (const path of ["/agents/made", "/schedules/made", `/webhooks/${hook}`]) expect(await read(path), path).toMatchObject(changed);
  expect(await read("/workflows/made/channels")).toMatchObject({ data: [changed] });
  expect(await read("/workflows/made")).toMatchObject({ version: 2, created_by: bob.by });
  expect((await api<{ data: { name: string }[] }>("GET", "/workflows")).body.data.find(({ name }) => name === "made")).toMatchObject({
    version: 2,
    created_by: bob.by,
  });
  expect(await read("/workflows/simple")).toMatchObject({ created_by: null, updated_by: null });
  const keys = await api<{ data: { id: string }[] }>("GET", "/keys?limit=200");
  expect(keys.body.data.find(({ id }) => id === ann.by.id)).toMatchObject({ created_by: ROOT, updated_by: ROOT });
  await env.DB.prepare("UPDATE agents SET record = json_remove(record, '$.createdBy', '$.updatedBy') WHERE id = 'made'").run();
  expect(await read("/agents/made")).toMatchObject({ created_by: null, updated_by: null });
});
