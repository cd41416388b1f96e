/** What is registered comes back from its file and works as before; a file that is not right changes nothing. */
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { newSigningSecret } from "../../src/shared/signing.ts";
import { lineText } from "../../src/backup/file-line.ts";
import { LIMITS } from "../../src/backup/limits.ts";
import { readConfig } from "../../src/shared/config.ts";
import { api, calls, resultOf, ROOT_KEY, submit, untilEnded, untilStatus } from "./harness.ts";
import { registerWebhook, untilRequests, verified } from "./endpoints.ts";
import { comeTo, ECHO, hoursFrom, putSchedule, runsOf, scheduleOf } from "./timetable.ts";

const config = readConfig(env);
if (!config.ok) throw new Error(config.error);
const { keyring } = config.value;

interface Line {
  readonly kind: string;
  readonly record: Readonly<Record<string, unknown>>;
  readonly proof: string;
}
interface Imported {
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly refused: readonly { readonly line: number; readonly kind: string; readonly name: string; readonly code: string }[];
  readonly code?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
}

const HEADER = '{"format":"orchestrator-registry","v":1}';
const NDJSON = { "content-type": "application/x-ndjson" };

async function fileFrom(cursor: string | null, headers: Record<string, string> = {}): Promise<string> {
  const query = cursor === null ? "" : `?cursor=${cursor}`;
  const url = `https://orchestrator.example/api/v1/registry/export${query}`;
  const response = await exports.default.fetch(url, { headers: { authorization: `Bearer ${ROOT_KEY}`, ...headers } });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  return new TextDecoder().decode(await response.arrayBuffer());
}

const linesIn = (file: string): readonly Line[] =>
  file
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((text) => JSON.parse(text) as Line);
const fileOf = (lines: readonly Line[]): string => [HEADER, ...lines.map((line) => JSON.stringify(line))].join("\n");
const importFile = (file: string, query = "", headers: Record<string, string> = {}) =>
  api<Imported>("POST", `/registry/import${query}`, file, { ...NDJSON, ...headers });
const said = (definition: string) => ({ steps: [{ id: "ask", capability: "keeping", input: { say: definition } }] });
const count = (outcome: string, number: number) => ({ created: 0, replaced: 0, unchanged: 0, refused: 0, [outcome]: number });

/** As a D1 that is empty, and objects that know nothing. */
async function loseEverything(): Promise<void> {
  for (const { name } of (await api<{ data: { name: string }[] }>("GET", "/schedules")).body.data)
    await api("DELETE", `/schedules/${name}`);
  for (const { id } of (await api<{ data: { id: string }[] }>("GET", "/webhooks")).body.data) await api("DELETE", `/webhooks/${id}`);
  for (const table of ["agents", "agent_states", "workflows", "workflow_names", "api_keys"]) await env.DB.exec(`DELETE FROM ${table}`);
}

describe("what is registered", () => {
  test("comes back from its file as it was, and works; the same file again changes nothing", async () => {
    const signing = newSigningSecret();
    const agent = {
      url: "https://keeper.example/run",
      capabilities: [{ name: "keeping", expected_latency: "200ms" }],
      auth: { type: "header", name: "x-api-key", value: "only the agent knows" },
      signing_secret: signing,
      limits: { rate: { count: 50, per: "1m" } },
      labels: { tier: "gold" },
    };
    await api("PUT", "/agents/keeper", agent);
    await api("PUT", "/agents/puller", { kind: "pull", capabilities: ["pulling"] });
    await api("PUT", "/workflows/kept", said("one"));
    await api("PUT", "/workflows/kept", said("two"));
    await api("PUT", "/workflows/kept", said("three"));
    await api("DELETE", "/workflows/kept/versions/3");
    await api("PUT", "/workflows/kept/channels/stable", { version: 1 });
    const hook = await registerWebhook("kept");
    const key = await api<{ key: string; id: string }>("POST", "/keys", { name: "kept", roles: ["viewer"] });
    const revoked = await api<{ key: string; id: string }>("POST", "/keys", { name: "revoked", roles: ["admin"] });
    await api("DELETE", `/keys/${revoked.body.id}`);
    const webhook = { url: "https://of-schedule.example/in", secret: newSigningSecret() };
    await putSchedule("kept-hourly", { task: { ...ECHO, webhook } });
    await putSchedule("kept-paused", { every: "1h", cron: undefined });
    await api("POST", "/schedules/kept-paused/pause", { reason: "holidays" });

    const file = await fileFrom(null);
    expect(linesIn(file).map(({ kind }) => kind)).toEqual([
      "key",
      "key",
      "agent",
      "agent",
      "workflow",
      "workflow",
      "channels",
      "webhook",
      "schedule",
      "schedule",
    ]);
    for (const secret of ["only the agent knows", signing, hook.secret, webhook.secret, key.body.key, ROOT_KEY])
      expect(file).not.toContain(secret);
    const agentBefore = await api("GET", "/agents/keeper");
    await loseEverything();
    expect((await importFile(file)).body).toEqual({
      counts: {
        key: count("created", 2),
        agent: count("created", 2),
        workflow: count("created", 2),
        channels: count("created", 1),
        webhook: count("created", 1),
        schedule: count("created", 2),
      },
      refused: [],
    });

    const { updated_at: _, updated_by: __, ...kept } = agentBefore.body;
    expect((await api("GET", "/agents/keeper")).body).toMatchObject({
      url: kept["url"],
      created_at: kept["created_at"],
      labels: kept["labels"],
    });
    const task = await submit({ type: "kept@stable", input: {} });
    expect((await untilEnded(task)).status).toBe("completed");
    const asked = calls.find(({ url }) => url.host === "keeper.example");
    expect(asked).toMatchObject({ input: { say: "one" } });
    expect(asked?.headers.get("x-api-key")).toBe("only the agent knows");
    verified(asked, signing);
    const [told] = await untilRequests("kept", 1);
    expect(verified(told, hook.secret)).toMatchObject({ data: { id: task } });
    expect((await api("GET", "/tasks?limit=1", undefined, { authorization: `Bearer ${key.body.key}` })).status).toBe(200);
    expect((await api("GET", "/tasks?limit=1", undefined, { authorization: `Bearer ${revoked.body.key}` })).status).toBe(401);
    // Numbers that were given are not given again.
    expect((await api("PUT", "/workflows/kept", said("four"))).body).toMatchObject({ version: 4 });
    expect((await api("DELETE", "/workflows/kept/versions/4")).status).toBe(204);
    expect(await scheduleOf("kept-paused")).toMatchObject({ status: "paused", pause_reason: "holidays" });

    // A deleted version has only raised a number since.
    expect((await importFile(file)).body).toEqual({
      counts: {
        key: count("unchanged", 2),
        agent: count("unchanged", 2),
        workflow: count("unchanged", 2),
        channels: count("unchanged", 1),
        webhook: count("unchanged", 1),
        schedule: count("unchanged", 2),
      },
      refused: [],
    });

    const at = await hoursFrom("kept-hourly");
    await comeTo("kept-hourly", at(0));
    const [run] = await runsOf("kept-hourly");
    expect(run).toMatchObject({ outcome: "started" });
    expect(await resultOf((await untilEnded(run?.task_id ?? "")).id)).toBe(new Date(at(0)).toISOString());
    const [ofSchedule] = await untilRequests("of-schedule", 1);
    verified(ofSchedule, webhook.secret);
    await loseEverything();
  });

  test("is not overwritten without being told to, and each refusal is named", async () => {
    await api("PUT", "/agents/other", { url: "https://other.example/run", capabilities: ["other"], description: "old" });
    await api("PUT", "/workflows/other", said("old"));
    await api("PUT", "/workflows/other/channels/stable", { version: 1 });
    const hook = await registerWebhook("other", { description: "old" });
    const key = await api<{ key: string; id: string }>("POST", "/keys", { name: "other", roles: ["viewer"] });
    await putSchedule("other", { description: "old" });
    const file = await fileFrom(null);

    await api("PUT", "/agents/other", { url: "https://other.example/run", capabilities: ["other"], description: "new" });
    await env.DB.prepare("UPDATE workflows SET definition = ? WHERE name = 'other'")
      .bind(JSON.stringify(said("new")))
      .run();
    await api("PUT", "/workflows/other", said("newer"));
    await api("PUT", "/workflows/other/channels/stable", { version: 2 });
    await api("PATCH", `/webhooks/${hook.id}`, { description: "new" }, { "if-match": "*" });
    await api("DELETE", `/keys/${key.body.id}`);
    await putSchedule("other", { description: "new" });

    const refused = await importFile(file);
    expect(refused.body.refused.map(({ line, kind, name }) => [line, kind, name])).toEqual([
      [2, "key", key.body.id],
      [3, "agent", "other"],
      [4, "workflow", "other@1"],
      [5, "channels", "other"],
      [6, "webhook", hook.id],
      [7, "schedule", "other"],
    ]);
    expect(new Set(refused.body.refused.map(({ code }) => code))).toEqual(new Set(["already_exists"]));
    expect((await api("GET", "/agents/other")).body).toMatchObject({ description: "new" });
    expect(await scheduleOf("other")).toMatchObject({ description: "new" });

    const etag = (await api("GET", "/agents/other")).headers.get("etag");
    const overwritten = await importFile(file, "?overwrite=true");
    // What was revoked stays revoked.
    expect(overwritten.body.refused.map(({ kind }) => kind)).toEqual(["key"]);
    for (const kind of ["agent", "workflow", "channels", "webhook", "schedule"])
      expect(overwritten.body.counts[kind]).toEqual(count("replaced", 1));
    const agent = await api("GET", "/agents/other");
    expect(agent.body).toMatchObject({ description: "old", updated_by: { type: "key" } });
    expect(agent.headers.get("etag")).not.toBe(etag);
    expect((await api("GET", "/workflows/other/versions/1")).body).toMatchObject({ definition: said("old") });
    expect((await api("GET", "/workflows/other/channels")).body).toMatchObject({ data: [{ channel: "stable", version: 1 }] });
    expect((await api("GET", `/webhooks/${hook.id}`)).body).toMatchObject({ description: "old" });
    expect(await scheduleOf("other")).toMatchObject({ description: "old" });
    await loseEverything();
  });

  test("goes into as many files as it needs", async () => {
    const ids = Array.from({ length: LIMITS.fileRecords + 10 }, (_, index) => `many-${String(index).padStart(3, "0")}`);
    const records = ids.map((id) => ({
      v: 1,
      id,
      kind: "pull",
      name: id,
      description: null,
      url: "",
      capabilities: [{ name: "x" }],
      auth: null,
    }));
    const rest = { signing: "", cancelUrl: null, expectedLatencyMs: null, dispatch: "auto", createdAt: 1, updatedAt: 1, revision: 1 };
    const insert = env.DB.prepare("INSERT INTO agents (tenant, id, revision, record) VALUES ('default', ?, 1, ?)");
    await env.DB.batch(records.map((record) => insert.bind(record.id, JSON.stringify({ ...record, ...rest }))));
    const first = await fileFrom(null);
    const cursor = (JSON.parse(first.slice(0, first.indexOf("\n"))) as { next_cursor: string | null }).next_cursor;
    const second = await fileFrom(cursor);
    expect(JSON.parse(second.slice(0, second.indexOf("\n")))).toMatchObject({ next_cursor: null });
    const named = [...linesIn(first), ...linesIn(second)].map(({ record }) => record["id"]);
    expect(named).toEqual(ids);
    expect(linesIn(first).length).toBeLessThanOrEqual(LIMITS.fileRecords);
    expect((await importFile(second)).body.counts["agent"]).toEqual(count("unchanged", linesIn(second).length));
    expect((await importFile(fileOf([...linesIn(first), ...linesIn(second)]))).body.code).toBe("limit_reached");
    await loseEverything();
  });
});

describe("the list of tasks", () => {
  test("is made again from the tasks, those that live and those that have ended", async () => {
    const ended = await submit({ type: "simple", message: "kept" });
    await untilEnded(ended);
    const living = await submit({ workflow: { steps: [{ id: "wait", type: "wait", for: "1h" }] } });
    const asking = await submit({ workflow: { steps: [{ id: "ok", type: "approval", title: "May it?" }] } });
    for (const id of [living, asking]) await untilStatus(id, "waiting");
    const relist = (tasks: readonly string[], headers: Record<string, string> = {}) => api("POST", "/registry/tasks", { tasks }, headers);
    const listed = async () => (await api<{ data: { id: string; status: string }[] }>("GET", "/tasks")).body.data;
    await vi.waitUntil(
      async () => (await env.DB.prepare("SELECT count(*) AS n FROM archive_parts WHERE id = ?").bind(ended).first("n")) !== 0,
    );
    for (const table of ["tasks", "approvals", "archive_parts"]) await env.DB.exec(`DELETE FROM ${table}`);
    const nobody = `${ended.slice(0, -1)}${ended.endsWith("0") ? "1" : "0"}`;
    const answered = await relist([ended, living, asking, living, nobody, "none"]);
    expect(answered).toMatchObject({ status: 200, body: { listed: 3, missing: [nobody, "none"] } });
    expect(new Map((await listed()).map(({ id, status }) => [id, status]))).toEqual(
      new Map([
        [ended, "completed"],
        [living, "waiting"],
        [asking, "waiting"],
      ]),
    );
    expect((await api<{ data: unknown[] }>("GET", "/approvals")).body.data).toMatchObject([{ task_id: asking, status: "pending" }]);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM archive_parts WHERE id = ?").bind(ended).first("n")).not.toBe(0);
    // Who knows no ids of tasks names their objects, which the platform lists.
    await env.DB.exec("DELETE FROM tasks");
    const objectOf = (tenant: string, id: string): string => env.TASKS.idFromName(`${tenant}/${id}`).toString();
    const strange = [objectOf("default", nobody), env.AGENTS.idFromName("default/a").toString(), "0".repeat(64), "none"];
    const objects = [...[ended, living, asking].map((id) => objectOf("default", id)), ...strange];
    expect(await api("POST", "/registry/tasks", { objects })).toMatchObject({ status: 200, body: { listed: 3, missing: strange } });
    expect((await listed()).map(({ id }) => id).toSorted()).toEqual([ended, living, asking].toSorted());
    expect((await api("POST", "/registry/tasks", { objects: [] })).status).toBe(400);
    const made = await api<{ key: string }>("POST", "/keys", { name: "developer", roles: ["developer"] });
    expect((await relist([ended], { authorization: `Bearer ${made.body.key}` })).status).toBe(403);
    await loseEverything();
  });
});

describe("a file that is not right", () => {
  test("changes nothing, and says where", async () => {
    await api("PUT", "/agents/first", { url: "https://first.example/run", capabilities: ["x"], auth: { type: "bearer", value: "s" } });
    await api("PUT", "/workflows/first", said("x"));
    const lines = linesIn(await fileFrom(null));
    await loseEverything();
    const [agent, workflow] = lines as readonly [Line, Line];
    const moved = { ...agent, record: { ...agent.record, registration: { url: "https://thief.example/", capabilities: ["x"] } } };
    const faultsOf = async (file: string, headers: Record<string, string> = {}) => {
      const { status, body } = await importFile(file, "", headers);
      return [status, body.errors?.map(({ pointer }) => pointer)];
    };
    expect(await faultsOf("")).toEqual([400, ["/0"]]);
    expect(await faultsOf('{"format":"other","v":1}')).toEqual([400, ["/0"]]);
    expect(await faultsOf(`${HEADER}\n{"kind":`)).toEqual([400, ["/1"]]);
    expect(await faultsOf(fileOf([workflow, { ...agent, kind: "planet" }]))).toEqual([400, ["/2/kind"]]);
    // Else a secret that is sealed in it would be sent where somebody likes.
    expect(await faultsOf(fileOf([workflow, moved]))).toEqual([400, ["/2/proof"]]);
    expect(await faultsOf(fileOf([workflow, agent, workflow]))).toEqual([400, ["/3/record"]]);
    expect(await faultsOf(fileOf([{ ...agent, proof: agent.proof.replace(/^[^~]*/, "gone") }]))).toEqual([400, ["/1/proof"]]);
    const sealed = { ...agent.record, auth: { type: "bearer", name: "authorization", sealed: "gone.AAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA" } };
    expect(await faultsOf(`${HEADER}\n${lineText(keyring, "default", "agent", sealed)}`)).toEqual([400, ["/1/record/auth/sealed"]]);
    const nowhere = { ...agent.record, registration: { url: "http://10.0.0.1/", capabilities: ["x"] }, colour: "red" };
    expect(await faultsOf(`${HEADER}\n${lineText(keyring, "default", "agent", nowhere)}`)).toEqual([400, ["/1/record/colour"]]);
    const { colour: _, ...inside } = nowhere;
    expect(await faultsOf(`${HEADER}\n${lineText(keyring, "default", "agent", inside)}`)).toEqual([422, ["/1/record/registration/url"]]);
    const acme = await api<{ key: string }>("POST", "/keys", { name: "acme", tenant: "acme", roles: ["admin"] });
    const elsewhere = { authorization: `Bearer ${acme.body.key}` };
    expect(await faultsOf(fileOf(lines), elsewhere)).toEqual([400, ["/1/proof", "/2/proof"]]);
    expect(linesIn(await fileFrom(null, elsewhere)).map(({ kind, record }) => [kind, record["name"]])).toEqual([["key", "acme"]]);
    expect(linesIn(await fileFrom(null))).toEqual([]);
    await loseEverything();
  });

  test("is for admins alone", async () => {
    const made = await api<{ key: string }>("POST", "/keys", { name: "developer", roles: ["developer"] });
    const developer = { authorization: `Bearer ${made.body.key}` };
    expect((await importFile(HEADER, "", developer)).status).toBe(403);
    expect((await api("GET", "/registry/export", undefined, developer)).status).toBe(403);
    await loseEverything();
  });
});
