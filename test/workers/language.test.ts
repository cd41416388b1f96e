/** Steps of every kind in real objects: what waits is woken, what is spread comes together, what people say is heard once. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/tasks/limits.ts";
import {
  agentsAnswer,
  api,
  calls,
  clockAhead,
  eventsOf,
  registerAgent,
  resultOf,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  untilStatus,
} from "./harness.ts";

interface Problem {
  readonly code: string;
  readonly [fact: string]: unknown;
}

describe("a step inside another", () => {
  test("is read, called back and retried by its path", async () => {
    await registerAgent("nested");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const steps = [
      {
        id: "each",
        type: "map",
        over: ["x"],
        steps: [{ id: "ask", capability: "nested", input: "${ item }" }],
        output: "${ steps.ask.output }",
      },
    ];
    const id = await submit({ workflow: { steps } });
    await vi.waitUntil(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ stepId: "each[0]/ask", key: `${id}/each[0]/ask/1`, input: "x" });
    const url = new URL(calls[0]?.callbackUrl ?? "");
    const { status } = await api("POST", `${url.pathname.replace("/api/v1", "")}/complete`, { output: "called" });
    expect(status).toBe(200);
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ each: ["called"] });
    const read = await api<{ id: string; output: unknown }>("GET", `/tasks/${id}/steps/${encodeURIComponent("each[0]/ask")}`);
    expect(read.body).toMatchObject({ id: "each[0]/ask", type: "agent", output: "called" });
    expect((await taskOf(id)).steps).toMatchObject([
      { id: "each", type: "map", branches: { total: 1, completed: 1 } },
      { id: "each[0]/ask" },
    ]);
  });
});

describe("a map over many items", () => {
  const wide = (items: number, more: Record<string, unknown> = {}) => ({
    workflow: {
      steps: [
        { id: "base", type: "transform", output: { plus: 100 } },
        {
          id: "each",
          type: "map",
          over: "input.list",
          steps: [{ id: "add", type: "transform", output: "${ item + steps.base.output.plus + index * 0 + input.zero }" }],
          output: "${ steps.add.output }",
          ...more,
        },
      ],
      output: "${ steps.each.output }",
    },
    input: { list: Array.from({ length: items }, (_, index) => index), zero: 0 },
  });

  test("is spread over tasks of their own, sees what is outside, and comes together in order", async () => {
    const id = await submit(wide(1_050));
    await untilEnded(id);
    expect(await resultOf(id)).toEqual(Array.from({ length: 1_050 }, (_, index) => index + 100));
    const started = (await eventsOf(id)).filter(({ type }) => type === "child.started");
    expect(started).toHaveLength(11);
    expect((await taskOf(id)).steps.at(-1)).toMatchObject({ id: "each", branches: { total: 1_050, completed: 1_050, failed: 0 } });
    // Parts of a task are not tasks that anybody lists.
    const child = await taskOf(started[3]?.data["task"] as string);
    expect(child).toMatchObject({ status: "completed", parent: { task_id: id, step_id: "each" } });
    expect((await api<{ data: unknown[] }>("GET", `/tasks?parent=${id}`)).body.data).toEqual([]);
  });

  test("keeps to what it tolerates over all of its parts", async () => {
    const failing = { steps: [{ id: "add", type: "transform", output: "${ item % 100 == 7 ? input.none : item }" }] };
    const tolerant = await submit(wide(1_050, { ...failing, tolerate: 11 }));
    expect(await untilEnded(tolerant)).toMatchObject({ status: "completed" });
    expect(((await resultOf(tolerant)) as unknown[]).filter((item) => item === null)).toHaveLength(11);
    const strict = await submit(wide(1_050, { ...failing, tolerate: 10 }));
    expect(await untilEnded(strict)).toMatchObject({
      status: "failed",
      error: { code: "expression_error", message: expect.stringMatching(/of 1050 items failed; the first: .*No such key/) },
    });
  });

  test("is canceled with its parts", async () => {
    await registerAgent("slow-item");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit(wide(250, { steps: [{ id: "add", capability: "slow-item" }] }));
    const children = (await eventsOf(id)).filter(({ type }) => type === "child.started").map(({ data }) => data["task"] as string);
    await untilStatus(children[0] ?? "", "running");
    await api("POST", `/tasks/${id}/cancel`);
    for (const child of children) expect((await untilEnded(child)).status).toBe("canceled");
  });

  test("goes on where a part's end was not heard", async () => {
    await registerAgent("item");
    const id = await submit(wide(201, { steps: [{ id: "add", capability: "item" }] }));
    await evictDurableObject(stubOf(id)).catch(() => undefined);
    expect((await untilEnded(id)).status).toBe("completed");
  });
});

describe("a wait", () => {
  test("is over when its alarm rings, also after the object was away", async () => {
    const id = await submit({ workflow: { steps: [{ id: "nap", type: "wait", for: "1h" }] } });
    expect(await untilStatus(id, "waiting")).toMatchObject({ waiting_on: { type: "timer", step_id: "nap" } });
    await evictDurableObject(stubOf(id));
    await runDurableObjectAlarm(stubOf(id)).catch(() => false);
    expect((await taskOf(id)).status).toBe("waiting");
    clockAhead(3_600_000);
    await runDurableObjectAlarm(stubOf(id));
    expect((await taskOf(id)).status).toBe("completed");
  });

  test("of a moment needs nobody", async () => {
    const id = await submit({ workflow: { steps: [{ id: "nap", type: "wait", for: "300ms" }] } });
    await vi.waitUntil(async () => (await taskOf(id)).status === "completed", { timeout: 5_000 });
  });
});

describe("signals", () => {
  const hearing = { workflow: { steps: [{ id: "hear", type: "signal", name: "paid", match: "signal.ok" }] } };

  test("are taken by the step that waits for them", async () => {
    const id = await submit(hearing);
    expect((await api("POST", `/tasks/${id}/signals/paid`, { payload: { ok: false } })).status).toBe(202);
    expect((await api("POST", `/tasks/${id}/signals/paid`, { payload: { ok: true, n: 1 } })).body).toMatchObject({
      id,
      status: "completed",
    });
    expect(await resultOf(id)).toEqual({ hear: { ok: true, n: 1 } });
  });

  test("count once under a key, however often they are sent", async () => {
    const steps = [hearing.workflow.steps[0], { id: "again", type: "signal", name: "paid", needs: ["hear"] }];
    const id = await submit({ workflow: { steps } });
    for (let time = 0; time < 3; time++) {
      expect((await api("POST", `/tasks/${id}/signals/paid`, { payload: { ok: true } }, { "idempotency-key": "k" })).status).toBe(202);
    }
    expect((await taskOf(id)).steps[1]?.status).toBe("waiting");
  });

  test("that nobody can receive are refused, and change nothing", async () => {
    const id = await submit(hearing);
    const wrong = await api<Problem>("POST", `/tasks/${id}/signals/payed`, { payload: 1 });
    expect([wrong.status, wrong.body.code, wrong.body["task_status"]]).toEqual([409, "signal_unexpected", "waiting"]);
    await api("POST", `/tasks/${id}/signals/paid`, { payload: { ok: true } });
    expect((await api<Problem>("POST", `/tasks/${id}/signals/paid`, { payload: 1 })).body).toMatchObject({
      code: "signal_unexpected",
      task_status: "completed",
    });
    expect((await api("POST", `/tasks/task_nobody/signals/paid`, {})).status).toBe(404);
    expect((await api("POST", `/tasks/${id}/signals/paid`, { payload: 1, more: 2 })).status).toBe(400);
  });

  test("of a few kilobytes are kept for their step, also when the object was away meanwhile", async () => {
    await registerAgent("first");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit({
      workflow: {
        steps: [
          { id: "start", capability: "first" },
          { id: "hear", type: "signal", name: "note", match: "signal.n == 2", needs: ["start"] },
        ],
      },
    });
    const text = "n".repeat(3_000);
    for (const n of [1, 2]) expect((await api("POST", `/tasks/${id}/signals/note`, { payload: { n, text } })).status).toBe(202);
    await vi.waitUntil(() => calls.length > 0);
    await evictDurableObject(stubOf(id)).catch(() => undefined);
    await api("POST", `${new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "")}/complete`, { output: 1 });
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ hear: { n: 2, text } });
  });

  test("come in thousands before their step, and are all there", { timeout: 60_000 }, async () => {
    await registerAgent("starter");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const steps = [
      { id: "start", capability: "starter" },
      {
        id: "all",
        type: "repeat",
        needs: ["start"],
        max: 1_000,
        steps: [{ id: "hear", type: "signal", name: "n" }],
        output: { sum: "${ previous.?sum.orValue(0) + steps.hear.output }" },
      },
    ];
    const id = await submit({ workflow: { steps, output: "${ steps.all.output }" } });
    for (let from = 0; from < 1_000; from += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, index) => api("POST", `/tasks/${id}/signals/n`, { payload: from + index + 1 })));
    }
    await vi.waitUntil(() => calls.length > 0);
    await api("POST", `${new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "")}/complete`, { output: 1 });
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ sum: 500_500 });
  });
});

describe("approvals", () => {
  interface Approval {
    readonly id: string;
    readonly status: string;
    readonly hash: string;
    readonly payload: unknown;
  }
  const asking = (more: Record<string, unknown> = {}) => ({
    workflow: { steps: [{ id: "ask", type: "approval", title: "Pay ${ input.sum }?", payload: "${ input }", ...more }] },
    input: { sum: 5 },
  });
  const idOf = async (task: string) => (await untilStatus(task, "waiting")).steps[0]?.approval?.id ?? "";

  test("are listed while they wait, read with what is asked, and decided once", async () => {
    const task = await submit(asking());
    const id = await idOf(task);
    const listed = await vi.waitUntil(
      async () => (await api<{ data: Approval[] }>("GET", "/approvals?status=pending")).body.data.find((one) => one.id === id),
      { timeout: 5_000 },
    );
    expect(listed).toMatchObject({ task_id: task, step_id: "ask", title: "Pay 5?", decisions: [] });
    const { body } = await api<Approval>("GET", `/approvals/${id}`);
    expect(body).toMatchObject({ payload: { sum: 5 }, status: "pending" });
    const decided = await api<Approval>("POST", `/approvals/${id}/decide`, { decision: "approve", hash: body.hash, comment: "fine" });
    expect(decided).toMatchObject({ status: 200, body: { status: "approved" } });
    expect((await untilEnded(task)).status).toBe("completed");
    expect(await resultOf(task)).toEqual({ ask: { decision: "approve", payload: { sum: 5 }, decided_by: "root", comment: "fine" } });
    const again = await api<Problem>("POST", `/approvals/${id}/decide`, { decision: "reject" });
    expect(again).toMatchObject({
      status: 409,
      body: { code: "already_decided", first_decision: { decision: "approve", decided_by: "root" } },
    });
    await vi.waitUntil(
      async () => (await api<{ data: Approval[] }>("GET", `/approvals?task=${task}`)).body.data[0]?.status === "approved",
      { timeout: 5_000 },
    );
  });

  test("about a few kilobytes are decided about all of them, also when the object was away meanwhile", async () => {
    const text = "n".repeat(3_000);
    const task = await submit({ ...asking(), input: { sum: 5, text } });
    const id = await idOf(task);
    await evictDurableObject(stubOf(task)).catch(() => undefined);
    expect((await api<Approval>("GET", `/approvals/${id}`)).body.payload).toEqual({ sum: 5, text });
    expect((await api("POST", `/approvals/${id}/decide`, { decision: "approve" })).status).toBe(200);
    expect(await resultOf(task)).toMatchObject({ ask: { payload: { sum: 5, text } } });
  });

  test("answer whoever repeats just what they said alike, also when only history has them", async () => {
    const task = await submit(asking({ quorum: 2, editable: true }));
    const id = await idOf(task);
    const { key } = (await api<{ key: string }>("POST", "/keys", { name: "repeats", roles: ["operator"] })).body;
    const said = { decision: "approve", comment: "fine", payload: { sum: 4 } };
    const decide = (body: object, who: Record<string, string> = {}) =>
      api<Approval & Problem>("POST", `/approvals/${id}/decide`, body, who);
    for (let time = 0; time < 2; time++) {
      expect(await decide(said)).toMatchObject({ status: 200, body: { status: "pending", decisions: [{ decision: "approve" }] } });
    }
    expect(await decide({ ...said, payload: { sum: 3 } })).toMatchObject({ status: 409, body: { code: "already_decided" } });
    await decide({ decision: "approve" }, { authorization: `Bearer ${key}` });
    expect((await untilEnded(task)).status).toBe("completed");
    expect(await decide(said)).toMatchObject({ status: 200, body: { status: "approved" } });
    await runDurableObjectAlarm(stubOf(task));
    clockAhead(8 * 86_400_000);
    await runDurableObjectAlarm(stubOf(task));
    expect(await decide(said)).toMatchObject({ status: 200, body: { status: "approved" } });
    expect(await decide({ decision: "reject" })).toMatchObject({ status: 409, body: { code: "already_decided" } });
  });

  test("of the items of a wide map are listed as all others", async () => {
    const list = Array.from({ length: 201 }, (_, index) => index);
    const ask = { id: "ask", type: "approval", title: "Item ${ item }?", when: "item == 7" };
    const task = await submit({ workflow: { steps: [{ id: "each", type: "map", over: "input.list", steps: [ask] }] }, input: { list } });
    const found = await vi.waitUntil(async () => (await api<{ data: Approval[] }>("GET", `/approvals?task=${task}`)).body.data[0], {
      timeout: 5_000,
    });
    expect(found).toMatchObject({ step_id: "each[7]/ask", title: "Item 7?" });
    expect((await api("POST", `/approvals/${found.id}/decide`, { decision: "approve" })).status).toBe(200);
    expect((await untilEnded(task)).status).toBe("completed");
  });

  test("are all listed, however many are asked at once", async () => {
    const ask = { id: "ask", type: "approval", title: "Item ${ item }?" };
    const list = Array.from({ length: 2 * LIMITS.approvalsPerMessage + 1 }, (_, index) => index);
    const task = await submit({ workflow: { steps: [{ id: "each", type: "map", over: "input.list", steps: [ask] }] }, input: { list } });
    const listed = async () => (await api<{ data: Approval[] }>("GET", `/approvals?task=${task}&limit=100`)).body.data.length;
    await vi.waitUntil(async () => (await listed()) === list.length, { timeout: 5_000 });
    expect((await taskOf(task)).status).toBe("waiting");
  });

  test("are for those they are asked of", async () => {
    const key = async (name: string, role: string) =>
      (await api<{ key: string; id: string }>("POST", "/keys", { name, roles: [role] })).body;
    const [ann, bob, eve] = [await key("ann", "operator"), await key("bob", "operator"), await key("eve", "viewer")];
    const task = await submit(asking({ assignees: [`subject:${ann.id}`] }));
    const id = await idOf(task);
    const as = (who: { key: string }) => ({ authorization: `Bearer ${who.key}` });
    expect((await api("POST", `/approvals/${id}/decide`, { decision: "approve" }, as(bob))).status).toBe(403);
    expect((await api("POST", `/approvals/${id}/links`, {}, as(bob))).status).toBe(403);
    expect((await api("POST", `/approvals/${id}/decide`, { decision: "approve" }, as(eve))).status).toBe(403);
    expect((await api("GET", `/approvals/${id}`, undefined, as(eve))).status).toBe(200);
    expect((await api("POST", `/approvals/${id}/decide`, { decision: "approve" }, as(ann))).status).toBe(200);
    expect(await resultOf(task)).toMatchObject({ ask: { decided_by: ann.id } });
  });

  test("are decided by a link, once, by whoever has it", async () => {
    const task = await submit(asking({ quorum: 2, editable: true }));
    const id = await idOf(task);
    const link = await api<{ url: string }>("POST", `/approvals/${id}/links`, { for: "ann@example.com", expires_in: "1h" });
    expect(link.status).toBe(201);
    const path = new URL(link.body.url).pathname.replace("/api/v1", "");
    const anonymous = { authorization: "" };
    expect((await api("GET", path, undefined, anonymous)).body).toMatchObject({ id, payload: { sum: 5 } });
    const page = await exports.default.fetch(link.body.url, { headers: { accept: "text/html" } });
    expect([page.headers.get("content-type"), await page.text()]).toEqual(["text/html; charset=utf-8", expect.stringContaining("Approve")]);
    expect((await api("POST", `${path}/decide`, { decision: "approve", payload: { sum: 4 } }, anonymous)).status).toBe(200);
    const again = await api<Problem>("POST", `${path}/decide`, { decision: "approve" }, anonymous);
    expect([again.status, again.body.code]).toEqual([409, "already_decided"]);
    expect((await taskOf(task)).status).toBe("waiting");
    expect((await api("GET", `${path.slice(0, -1)}x`, undefined, anonymous)).status).toBe(404);
    clockAhead(2 * 3_600_000);
    expect((await api("GET", path, undefined, anonymous)).status).toBe(404);
  });

  test("that somebody has edited are decided by a link on what was read there, as its page does", async () => {
    const task = await submit(asking({ quorum: 2, editable: true }));
    const id = await idOf(task);
    const { key } = (await api<{ key: string }>("POST", "/keys", { name: "cleo", roles: ["operator"] })).body;
    const link = await api<{ url: string }>("POST", `/approvals/${id}/links`, {}, { authorization: `Bearer ${key}` });
    const path = new URL(link.body.url).pathname.replace("/api/v1", "");
    const anonymous = { authorization: "" };
    await api("POST", `/approvals/${id}/decide`, { decision: "approve", payload: { sum: 4 } });
    // Without a hash a link is about what was asked when it was made.
    const unread = await api<Problem>("POST", `${path}/decide`, { decision: "approve" }, anonymous);
    expect([unread.status, unread.body.code]).toEqual([409, "approval_changed"]);
    const { hash } = (await api<{ hash: string }>("GET", path, undefined, anonymous)).body;
    expect(await api("POST", `${path}/decide`, { decision: "approve", hash }, anonymous)).toMatchObject({ status: 200 });
    expect(await resultOf(task)).toMatchObject({ ask: { payload: { sum: 4 } } });
  });

  test("count the links that somebody has made as their own word, and one for who is asked by name as theirs", async () => {
    const person = async (name: string) => (await api<{ key: string; id: string }>("POST", "/keys", { name, roles: ["operator"] })).body;
    const [ann, bob, messenger] = [await person("ann"), await person("bob"), await person("messenger")];
    const as = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });
    const linkOf = async (id: string, who: { key: string }, body: object = {}): Promise<string> => {
      const made = await api<{ url: string }>("POST", `/approvals/${id}/links`, body, as(who));
      expect(made.status).toBe(201);
      return `${new URL(made.body.url).pathname.replace("/api/v1", "")}/decide`;
    };
    const approve = async (path: string, headers: Record<string, string> = { authorization: "" }) =>
      (await api<Problem>("POST", path, { decision: "approve" }, headers)).status;
    // Anybody may decide: two directors for whom the same person makes links are that person.
    const one = await idOf(await submit(asking({ quorum: 2 })));
    expect(await approve(await linkOf(one, ann, { for: "a director" }))).toBe(200);
    expect(await approve(await linkOf(one, ann, { for: "another one" }))).toBe(409);
    expect(await approve(`/approvals/${one}/decide`, as(ann))).toBe(409);
    expect((await api(`GET`, `/approvals/${one}`)).body).toMatchObject({ status: "pending", decisions: [{ counts_as: ann.id }] });
    expect(await approve(`/approvals/${one}/decide`, as(bob))).toBe(200);
    expect((await api(`GET`, `/approvals/${one}`)).body).toMatchObject({ status: "approved" });
    // Two are asked by name: a link for the other one is their maker's, unless that is not asked.
    const two = await idOf(await submit(asking({ quorum: 2, assignees: [`subject:${ann.id}`, `subject:${bob.id}`] })));
    expect(await approve(`/approvals/${two}/decide`, as(ann))).toBe(200);
    expect(await approve(await linkOf(two, ann, { for: bob.id }))).toBe(409);
    expect(await approve(await linkOf(two, messenger, { for: ann.id }))).toBe(409);
    expect((await api("POST", `/approvals/${two}/links`, { for: "somebody" }, as(messenger))).status).toBe(403);
    expect(await approve(await linkOf(two, messenger, { for: bob.id }))).toBe(200);
    expect((await api(`GET`, `/approvals/${two}`)).body).toMatchObject({ status: "approved" });
  });

  test("are not decided by a link that was withdrawn, and one that was used is not withdrawn", async () => {
    const task = await submit(asking());
    const id = await idOf(task);
    const made = async () => {
      const { body } = await api<{ id: string; url: string }>("POST", `/approvals/${id}/links`, {});
      return { id: body.id, path: new URL(body.url).pathname.replace("/api/v1", "") };
    };
    const [withdrawn, used] = [await made(), await made()];
    for (let times = 0; times < 2; times++) expect((await api("DELETE", `/approvals/${id}/links/${withdrawn.id}`)).status).toBe(204);
    const anonymous = { authorization: "" };
    expect((await api("GET", withdrawn.path, undefined, anonymous)).status).toBe(404);
    expect((await api("POST", `${withdrawn.path}/decide`, { decision: "approve" }, anonymous)).status).toBe(404);
    const viewer = (await api<{ key: string }>("POST", "/keys", { name: "viewer", roles: ["viewer"] })).body;
    expect((await api("DELETE", `/approvals/${id}/links/${used.id}`, undefined, { authorization: `Bearer ${viewer.key}` })).status).toBe(
      403,
    );
    expect((await taskOf(task)).status).toBe("waiting");
    expect((await api("POST", `${used.path}/decide`, { decision: "approve" }, anonymous)).status).toBe(200);
    expect(await api("DELETE", `/approvals/${id}/links/${used.id}`)).toMatchObject({ status: 409, body: { code: "already_decided" } });
    expect((await eventsOf(task)).filter(({ type }) => type === "approval.link_withdrawn")).toHaveLength(1);
  });

  test("that do not exist, or are another tenant's, are not there", async () => {
    const task = await submit(asking());
    const id = await idOf(task);
    const { key } = (await api<{ key: string }>("POST", "/keys", { name: "other", roles: ["admin"], tenant: "other" })).body;
    for (const [path, headers] of [
      [`/approvals/${id}`, { authorization: `Bearer ${key}` }],
      [`/approvals/${id.slice(0, -1)}9`, {}],
      ["/approvals/nonsense", {}],
    ] as const) {
      expect((await api("GET", path, undefined, headers)).status, path).toBe(404);
      expect((await api("POST", `${path}/decide`, { decision: "approve" }, headers)).status, path).toBe(404);
    }
  });

  test("that nobody decides end when they are due", async () => {
    const task = await submit(asking({ due: "1h", on_expiry: "reject" }));
    await idOf(task);
    clockAhead(3_600_001);
    await runDurableObjectAlarm(stubOf(task));
    expect(await resultOf(task)).toMatchObject({ ask: { decision: "reject", decided_by: null } });
  });
});

test("a timer that fires costs a row", { timeout: 60_000 }, async () => {
  const steps = Array.from({ length: 20 }, (_, index) => ({ id: `t${index}`, type: "wait", for: `${(index + 1) * 60}s` }));
  const id = await submit({ workflow: { steps } });
  const rows = async (): Promise<number> => (await stubCost(id)).journal;
  const before = await rows();
  for (let fired = 1; fired <= 20; fired++) {
    clockAhead(60_001);
    await runDurableObjectAlarm(stubOf(id));
  }
  expect((await taskOf(id)).status).toBe("completed");
  expect((await rows()) - before).toBeLessThanOrEqual(22);
});

async function stubCost(id: string): Promise<{ journal: number }> {
  const { runInDurableObject } = await import("cloudflare:test");
  const journal = await runInDurableObject(
    env.TASKS.getByName(`default/${id}`),
    (_, state) => state.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM journal").one().rows,
  );
  return { journal };
}
