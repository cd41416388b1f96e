/** What a caller can do with schedules, and what a bad request gets. */
import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, describe, expect, test } from "vitest";
import { ScheduleList } from "../../src/schedules/schedule-list.ts";
import { LIMITS } from "../../src/schedules/limits.ts";
import { api, type ApiResponse } from "./harness.ts";
import {
  clockAt,
  comeTo,
  ECHO,
  hoursFrom,
  putSchedule,
  removeSchedule,
  runsOf,
  sayingOf,
  scheduleOf,
  scheduleStub,
  type ScheduleView,
} from "./timetable.ts";

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
  readonly suggestions?: readonly { readonly cron?: string; readonly timezone?: string; readonly next: readonly string[] }[];
}

const list = new ScheduleList(drizzle(env.DB));
const made = new Set<string>();
const put: typeof putSchedule = (name, ...rest) => {
  made.add(name);
  return putSchedule(name, ...rest);
};
const problem = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const answered = await api<Problem>(method, path, body, headers);
  return { status: answered.status, code: answered.body?.code, pointers: answered.body?.errors?.map(({ pointer }) => pointer) ?? [] };
};
const keyFor = async (body: object): Promise<Record<string, string>> => {
  const key = await api<{ key: string }>("POST", "/keys", { name: "test", ...body });
  return { authorization: `Bearer ${key.body.key}` };
};

afterEach(async () => {
  for (const name of made) await removeSchedule(name);
  made.clear();
});

describe("putting", () => {
  test("what was said can be read", async () => {
    const said = {
      cron: "0 2 * * MON-FRI",
      timezone: "Europe/Ljubljana",
      overlap: "queue",
      catch_up: { within: "1h" },
      jitter: "30s",
      starts_at: "2027-03-26T00:00:00+01:00",
      ends_at: "2028-01-01T00:00:00Z",
      description: "the nightly one",
    };
    const task = { ...ECHO, tags: ["nightly"], priority: 7 };
    const response = await api<ScheduleView>("PUT", "/schedules/nightly", { ...said, task });
    made.add("nightly");
    expect(response.status, JSON.stringify(response.body)).toBe(201);
    expect(response.headers.get("location")).toBe("/api/v1/schedules/nightly");
    const read = await api<ScheduleView>("GET", "/schedules/nightly?count=3");
    expect(read.body).toMatchObject({
      ...said,
      starts_at: "2027-03-25T23:00:00.000Z",
      ends_at: "2028-01-01T00:00:00.000Z",
      name: "nightly",
      every: null,
      task,
      task_type: null,
      status: "active",
      // Clocks go forward on the Sunday.
      next: ["2027-03-26T01:00:00.000Z", "2027-03-29T00:00:00.000Z", "2027-03-30T00:00:00.000Z"],
    });
    expect(read.headers.get("etag")).toBe('"1"');
    expect((await scheduleOf("nightly")).next).toHaveLength(LIMITS.scheduleNext);
  });

  test("the defaults are said", async () => {
    expect(await put("plain", { cron: undefined, every: "90m", task: { type: "simple", message: "x" } })).toMatchObject({
      every: "90m",
      cron: null,
      timezone: null,
      overlap: "skip",
      catch_up: "one",
      jitter: null,
      starts_at: null,
      task_type: "simple",
      task: { type: "simple", message: "x" },
    });
    expect(await put("utc")).toMatchObject({ timezone: "UTC" });
  });

  test("the same again changes nothing, something else is the next revision", async () => {
    await put("twice", { description: "a" });
    const same = await api("PUT", "/schedules/twice", { description: "a", task: ECHO, cron: "0 * * * *" });
    expect([same.status, same.headers.get("etag")]).toEqual([200, '"1"']);
    const other = await api("PUT", "/schedules/twice", { description: "b", task: ECHO, cron: "0 * * * *" });
    expect([other.status, other.headers.get("etag")]).toEqual([200, '"2"']);
    const stale = { "if-match": '"1"' };
    expect(await problem("PUT", "/schedules/twice", { description: "c", task: ECHO, cron: "0 * * * *" }, stale)).toMatchObject({
      status: 412,
    });
    expect((await problem("DELETE", "/schedules/twice", undefined, stale)).status).toBe(412);
    expect((await api("DELETE", "/schedules/twice", undefined, { "if-match": '"2"' })).status).toBe(204);
    expect((await problem("PUT", "/schedules/twice", { task: ECHO, cron: "0 * * * *" }, { "if-match": '"2"' })).status).toBe(412);
  });

  test("leaves it paused, unless it says otherwise", async () => {
    await put("kept-paused", { paused: true });
    expect(await put("kept-paused", { description: "still" })).toMatchObject({ status: "paused", next_at: null });
    expect(await put("kept-paused", { description: "still", paused: false })).toMatchObject({ status: "active" });
  });

  test("goes in YAML as well", async () => {
    const yaml = 'every: 1h\ntask:\n  type: simple\n  input: { message: "x" }\n';
    made.add("yaml");
    const response = await api("PUT", "/schedules/yaml", yaml, { "content-type": "application/yaml" });
    expect(response).toMatchObject({ status: 201, body: { every: "1h", task: { type: "simple", input: { message: "x" } } } });
  });

  test("one that has ended again is no fault while nothing else has changed", async () => {
    const at = Math.ceil(Date.now() / 3_600_000) * 3_600_000;
    const bounds = { starts_at: new Date(at).toISOString(), ends_at: new Date(at + 1).toISOString() };
    await put("over", bounds);
    await comeTo("over", at + 1);
    expect(await put("over", bounds)).toMatchObject({ status: "ended" });
    expect(await problem("PUT", "/schedules/over", { ...bounds, cron: "0 * * * *", task: ECHO, description: "x" })).toEqual({
      status: 422,
      code: "invalid_schedule",
      pointers: ["/ends_at"],
    });
  });
});

describe("what is refused", () => {
  const good = { cron: "0 * * * *", task: ECHO };

  test.each<[string, object, number, string, readonly string[]]>([
    ["a date that does not exist", { ...good, cron: "0 0 30 2 *" }, 422, "invalid_schedule", ["/cron"]],
    ["a minute that does not exist", { ...good, cron: "61 * * * *" }, 422, "invalid_schedule", ["/cron"]],
    ["another number of fields", { ...good, cron: "* * * *" }, 422, "invalid_schedule", ["/cron"]],
    ["a date instead of a cron", { ...good, cron: "2027-01-01T00:00:00Z" }, 422, "invalid_schedule", ["/cron"]],
    ["a time zone that is none", { ...good, timezone: "Europe/Lubljana" }, 422, "invalid_schedule", ["/timezone"]],
    ["both", { ...good, cron: "0 0 31 6 *", timezone: "Mars" }, 422, "invalid_schedule", ["/cron", "/timezone"]],
    ["an end before the first time", { ...good, ends_at: new Date(1_000).toISOString() }, 422, "invalid_schedule", ["/ends_at"]],
    ["no time at all", { task: ECHO }, 400, "invalid_request", ["/cron"]],
    ["two of them", { ...good, every: "1h" }, 400, "invalid_request", ["/every"]],
    ["less than a second", { every: "500ms", task: ECHO }, 400, "invalid_request", ["/every"]],
    ["no duration", { every: "hourly", task: ECHO }, 400, "invalid_request", ["/every", "/every"]],
    ["a zone for an interval", { every: "1h", timezone: "UTC", task: ECHO }, 400, "invalid_request", ["/timezone"]],
    ["a cron without end", { ...good, cron: "0,".repeat(LIMITS.cronLength) }, 400, "invalid_request", ["/cron"]],
    ["an unknown policy", { ...good, overlap: "wait" }, 400, "invalid_request", ["/overlap"]],
    ["an unknown catch-up", { ...good, catch_up: "some" }, 400, "invalid_request", ["/catch_up"]],
    [
      "bounds the wrong way round",
      { ...good, starts_at: "2027-01-02T00:00:00Z", ends_at: "2027-01-01T00:00:00Z" },
      400,
      "invalid_request",
      ["/ends_at"],
    ],
    ["a moment without a zone", { ...good, starts_at: "2027-01-02T00:00:00" }, 400, "invalid_request", ["/starts_at"]],
    ["an unknown field", { ...good, colour: "red" }, 400, "invalid_request", ["/colour"]],
    ["no task", { cron: "0 * * * *" }, 400, "invalid_request", ["/task"]],
    ["a task without a type", { ...good, task: { input: {} } }, 400, "invalid_request", ["/task/type"]],
    ["a task of an unknown type", { ...good, task: { type: "nothing-like-it" } }, 404, "unknown_type", []],
    [
      "a task with a deadline on a day",
      { ...good, task: { ...ECHO, deadline: "2027-01-01T00:00:00Z" } },
      400,
      "invalid_request",
      ["/task/deadline"],
    ],
    [
      "a workflow with a fault",
      { ...good, task: { workflow: { steps: [{ id: "a", needs: ["b"] }] } } },
      400,
      "invalid_definition",
      ["/task/workflow/steps/0"],
    ],
    [
      "a webhook in the cellar",
      { ...good, task: { ...ECHO, webhook: { url: "https://10.0.0.1/" } } },
      422,
      "url_refused",
      ["/task/webhook/url"],
    ],
  ])("%s, at its place, and nothing is there", async (_, body, status, code, pointers) => {
    const answered = await problem("PUT", "/schedules/refused", body);
    expect(answered).toMatchObject({ status, code });
    expect(answered.pointers).toEqual(expect.arrayContaining([...pointers]));
    expect((await api("GET", "/schedules/refused")).status).toBe(404);
    expect(await list.page("default", null, 10)).toEqual([]);
  });

  test("and a schedule that is there stays as it is", async () => {
    const before = await put("steady");
    for (const body of [
      { ...good, cron: "0 0 30 2 *" },
      { ...good, task: { type: "nothing-like-it" } },
      { ...good, ends_at: "2000-01-01T00:00:00Z" },
    ])
      expect((await problem("PUT", "/schedules/steady", body)).status).toBeGreaterThanOrEqual(400);
    expect(await scheduleOf("steady")).toEqual(before);
  });

  test("an impossible cron, with the next valid ones", async () => {
    const { body } = await api<Problem>("PUT", "/schedules/february", { ...good, cron: "0 0 30 2 *", timezone: "America/New_York" });
    expect(body.detail).toBe('/cron: "0 0 30 2 *" never runs: there is no such date; for example, "0 0 L 2 *" would do');
    expect(body.suggestions?.map(({ cron }) => cron)).toEqual(["0 0 L 2 *", "0 0 29 2 *", "0 0 28 2 *"]);
    for (const { next } of body.suggestions ?? []) for (const time of next) expect(time).toMatch(/^20\d\d-02-2[89]T05:00:00\.000Z$/);
    const first = await api("PUT", "/schedules/february", { ...good, cron: body.suggestions?.[0]?.cron, timezone: "America/New_York" });
    made.add("february");
    expect(first).toMatchObject({ status: 201, body: { next: expect.arrayContaining([...(body.suggestions?.[0]?.next ?? [])]) } });
  });

  test("a zone that is none, with the one that was meant", async () => {
    const { body } = await api<Problem>("PUT", "/schedules/zone", { ...good, timezone: "Europe/Lubljana" });
    expect(body).toMatchObject({
      detail: expect.stringContaining('did you mean "Europe/Ljubljana"?'),
      suggestions: [{ cron: good.cron, timezone: "Europe/Ljubljana", next: { length: LIMITS.suggestionTimes } }],
    });
  });

  test("a task that is too large, a name that is none, and a count without end", async () => {
    expect(
      await problem("PUT", "/schedules/large", { ...good, task: { type: "simple", input: "x".repeat(LIMITS.scheduleBytes) } }),
    ).toMatchObject({ status: 413 });
    expect((await problem("PUT", "/schedules/a%2Fb", good)).status).toBe(400);
    expect((await problem("GET", "/schedules/a%2Fb")).status).toBe(404);
    await put("counted");
    expect(await problem("GET", "/schedules/counted?count=1000")).toMatchObject({ status: 400, pointers: ["/query/count"] });
  });
});

describe("steering", () => {
  test("is refused where it would change nothing", async () => {
    await put("steered");
    expect(await problem("POST", "/schedules/steered/resume")).toMatchObject({ status: 409, code: "schedule_state" });
    expect((await api("POST", "/schedules/steered/pause", { reason: "holiday" })).body).toMatchObject({ pause_reason: "holiday" });
    expect(await problem("POST", "/schedules/steered/pause")).toMatchObject({ status: 409, code: "schedule_state" });
    expect((await api("POST", "/schedules/steered/resume")).body).toMatchObject({ status: "active", pause_reason: null });
    expect(await problem("POST", "/schedules/steered/trigger", { overlap: "skip" })).toMatchObject({ status: 400, pointers: ["/overlap"] });
  });
});

describe("lists", () => {
  test("of schedules come in pages, in the order of names", async () => {
    for (const name of ["c", "a", "d", "b"]) await put(name, { task: sayingOf(name) });
    const first: ApiResponse<{ data: ScheduleView[]; next_cursor: string }> = await api("GET", "/schedules?limit=3");
    const rest: typeof first = await api("GET", `/schedules?limit=3&cursor=${first.body.next_cursor}`);
    expect([...first.body.data, ...rest.body.data].map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
    expect(first.body.data[0]).toMatchObject({ status: "active", cron: "0 * * * *", next_at: expect.stringMatching(/:00:00\.000Z$/) });
    expect(first.body.data[0]).not.toHaveProperty("task");
  });

  test("of runs come in pages, newest first, and by outcome", async () => {
    await put("paged", { catch_up: "none", overlap: "allow" });
    const at = await hoursFrom("paged");
    for (const hour of [0, 3, 4, 5]) await comeTo("paged", at(hour));
    clockAt(at(5));
    const all = await runsOf("paged");
    expect(all.map(({ outcome, count }) => [outcome, count])).toEqual([
      ["started", 1],
      ["started", 1],
      ["started", 1],
      ["missed", 2],
      ["started", 1],
    ]);
    const first = await api<{ data: object[]; next_cursor: string }>("GET", "/schedules/paged/runs?limit=2");
    const rest = await api<{ data: object[]; next_cursor: null }>("GET", `/schedules/paged/runs?limit=3&cursor=${first.body.next_cursor}`);
    expect([...first.body.data, ...rest.body.data]).toEqual(all);
    expect(rest.body.next_cursor).toBeNull();
    expect(await runsOf("paged", "?outcome=missed")).toEqual([all[3]]);
    expect((await problem("GET", "/schedules/paged/runs?outcome=lost")).status).toBe(400);
    expect((await problem("GET", "/schedules/paged/runs?cursor=Zm9v")).status).toBe(400);
  });
});

describe("who may", () => {
  const routes = (name: string): readonly (readonly [string, string, object?])[] => [
    ["GET", `/schedules/${name}`],
    ["GET", `/schedules/${name}/runs`],
    ["POST", `/schedules/${name}/pause`, {}],
    ["POST", `/schedules/${name}/resume`, {}],
    ["POST", `/schedules/${name}/trigger`, {}],
    ["DELETE", `/schedules/${name}`],
  ];

  test("another tenant's schedule is not there, and neither is one that was made up; asking leaves nothing", async () => {
    await put("private");
    const foreign = await keyFor({ roles: ["admin"], tenant: "foreign" });
    for (const [method, path, body] of routes("private"))
      expect(await problem(method, path, body, foreign), path).toMatchObject({ status: 404, code: "not_found" });
    for (const [method, path, body] of routes("made-up"))
      expect(await problem(method, path, body), path).toMatchObject({ status: 404, code: "not_found" });
    expect((await api<{ data: unknown[] }>("GET", "/schedules", undefined, foreign)).body.data).toEqual([]);
    for (const asked of [scheduleStub("made-up"), scheduleStub("private", "foreign")])
      expect(await runInDurableObject(asked, (_, { storage }) => [...storage.kv.list()])).toEqual([]);
    await put("private", { description: "another one" }, foreign);
    expect(await scheduleOf("private")).toMatchObject({ description: null });
    expect((await api("DELETE", "/schedules/private", undefined, foreign)).status).toBe(204);
    expect(await scheduleOf("private")).toMatchObject({ status: "active" });
  });

  test("readers read, operators steer, developers write, workers of agents do neither", async () => {
    await put("roles");
    const [viewer, operator, developer] = await Promise.all(["viewer", "operator", "developer"].map((role) => keyFor({ roles: [role] })));
    const worker = await keyFor({ roles: ["agent"], agent: "someone" });
    const body = { cron: "0 * * * *", task: ECHO };
    for (const key of [viewer, operator, developer]) expect((await api("GET", "/schedules/roles", undefined, key)).status).toBe(200);
    expect(await problem("POST", "/schedules/roles/pause", {}, viewer)).toMatchObject({ status: 403, code: "forbidden" });
    expect((await api("POST", "/schedules/roles/pause", {}, operator)).status).toBe(200);
    expect((await api("POST", "/schedules/roles/trigger", {}, operator)).status).toBe(202);
    expect(await problem("PUT", "/schedules/roles", body, operator)).toMatchObject({ status: 403 });
    expect((await api("PUT", "/schedules/roles", body, developer)).status).toBe(200);
    expect((await problem("GET", "/schedules", undefined, worker)).status).toBe(403);
    expect((await api("DELETE", "/schedules/roles", undefined, developer)).status).toBe(204);
  });
});

test("the OpenAPI document has the routes, and the same task as submissions", async () => {
  const document = (await (await exports.default.fetch("https://orchestrator.example/openapi.json")).json()) as {
    readonly paths: Readonly<Record<string, object>>;
    readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: Readonly<Record<string, unknown>> }>> };
  };
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(["/api/v1/schedules", "/api/v1/schedules/{name}/trigger", "/api/v1/schedules/{name}/runs"]),
  );
  expect(document.components.schemas["NewSchedule"]?.properties["task"]).toEqual({ $ref: "#/components/schemas/TaskSubmission" });
  expect(document.components.schemas["TaskSubmission"]?.properties).toHaveProperty("priority");
});
