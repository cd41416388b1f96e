/**
 * State folders of earlier versions, each of a server that was killed with a task of every kind in it (`npm run state`). This
 * version goes on with a copy of each: task by task, as its manifest says.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import { Endpoints, type Call } from "../state/endpoints.ts";
import { eventsOf, resultOf, SITUATIONS, viewOf, type KnownTask, type Manifest } from "../state/manifest.ts";
import { unpack } from "../state/packed-folder.ts";
import { AGENTS, WORKFLOWS } from "../state/registered.ts";
import type { Situation, Stage } from "../state/situation.ts";
import { Server, temporaryFolder, until } from "./processes.ts";

const recorded = join(import.meta.dirname, "..", "state");
const versions = readdirSync(recorded).flatMap((name) => /^(.*)\.folder$/.exec(name)?.[1] ?? []);
const ENDS = ["completed", "failed", "canceled", "timed_out", "rejected"];

describe.each(versions)("the state folder of %s", (version) => {
  const manifest = JSON.parse(readFileSync(join(recorded, `${version}.json`), "utf8")) as Manifest;
  const situationOf = ({ situation }: KnownTask): Situation => SITUATIONS[situation] as Situation;
  const isLive = ({ status }: KnownTask): boolean => !ENDS.includes(status);
  let stage: Stage;

  const ended = async (known: KnownTask): Promise<TaskView> =>
    until(
      `the task that ${known.situation} to end`,
      async () => {
        const view = await viewOf(situationOf(known), known.id, stage);
        return ENDS.includes(view.status) && view;
      },
      40_000,
    );

  beforeAll(async () => {
    const folder = temporaryFolder();
    unpack(readFileSync(join(recorded, `${version}.folder`)), folder);
    // Who runs the same test on the same machine has the port for a while.
    const endpoints = await until("the agents' port", () => Endpoints.at(manifest.port, "going on"), 90_000);
    stage = { server: await Server.start({ folder, settings: manifest.settings }), endpoints, keys: manifest.keys };
    for (const known of manifest.tasks) {
      const situation = situationOf(known);
      if (situation.goOn === undefined) continue;
      const { status, waiting_on } = await viewOf(situation, known.id, stage);
      expect({ task: known.situation, status, waits_on: waiting_on?.type ?? null }).toEqual({
        task: known.situation,
        status: known.status,
        waits_on: known.waits_on,
      });
      await situation.goOn(known, stage);
    }
    await Promise.all(manifest.tasks.map(ended));
  }, 240_000);

  afterAll(async () => {
    await stage.server.kill();
    stage.endpoints.close();
  });

  describe.each(manifest.tasks.map((known) => [known.situation, known] as const))("has a task that %s:", (_, known) => {
    const situation = situationOf(known);
    let events: readonly EventView[];

    beforeAll(async () => {
      events = await eventsOf(situation, known.id, stage);
    });

    test("it ends as it was to", async () => {
      const { status, error } = await viewOf(situation, known.id, stage);
      expect({ status, code: error?.code }).toMatchObject({
        status: known.ends.status,
        ...(known.ends.code !== undefined && { code: known.ends.code }),
      });
      if (known.ends.output !== undefined) expect((await resultOf(situation, known.id, stage)).output).toEqual(known.ends.output);
    });

    test("what had happened has happened, and no step completes twice", () => {
      const types = events.map(({ type }) => type);
      expect(types.slice(0, known.events.length)).toEqual(known.events);
      if (!isLive(known)) expect(types).toHaveLength(known.events.length);
      const completed = events.flatMap(({ type, step_id }) => (type === "step.completed" ? [step_id] : []));
      expect(new Set(completed).size).toBe(completed.length);
    });

    test("agents are asked for what was not done, each once and under the key that the step had", () => {
      const calls = stage.endpoints.callsOf(known.id);
      expect([...new Set(calls.map(({ step }) => step))]).toEqual(known.asks);
      for (const { step, key } of calls) {
        expect(known.completed).not.toContain(step);
        expect(key).toBe(known.keys[step] ?? key);
      }
    });

    test("played again it comes out the same", async () => {
      const replay = await stage.server.fetch(`/tasks/${known.id}/replay`, {
        method: "POST",
        body: "{}",
        headers: situation.isAcme ? { authorization: `Bearer ${stage.keys.acme}` } : {},
      });
      expect(await replay.json()).toEqual({ events: events.length, matches: true });
    });
  });

  test("nobody is asked twice for the same, and everybody is asked as was agreed", () => {
    const nameOf = ({ task, step, agent }: Call): string => [task, step, agent].join(" ");
    const calls = stage.endpoints.calls.map(nameOf);
    expect(calls.filter((call, index) => calls.indexOf(call) !== index)).toEqual([]);
    expect(new Set(stage.endpoints.calls.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer what-the-agents-know"]));
    expect(stage.endpoints.unsigned).toBe(0);
  });

  test("who is in line for a place gets it in turn", () => {
    const idOf = (situation: string): string | undefined => manifest.tasks.find((known) => known.situation === situation)?.id;
    const inLine = ["has the place of its key", "is in line for it, too, and more urgent", "is in line for the place of its key"];
    const calls = stage.endpoints.calls.filter(({ step }) => step === "work");
    expect(calls.map(({ task }) => task)).toEqual(inLine.map(idOf));
  });

  test("webhooks hear of every end that they had not heard of", async () => {
    const ends = manifest.tasks.filter((known) => situationOf(known).isAcme !== true && known.situation !== "was imported");
    const hears = (hook: string): string[] => stage.endpoints.told.filter((told) => told.hook === hook).map(({ task }) => task);
    await until("all to be told", () => ends.every(({ id }) => hears("registered").includes(id)));
    const own = manifest.tasks.find(({ situation }) => situation.includes("its webhook"));
    await until("its own webhook to be told", () => hears("its-own").includes(own?.id ?? ""));
  });

  test("a bulk order is carried out to its end", async () => {
    const { id, tasks } = manifest.bulk;
    expect(await stage.server.ended(id)).toMatchObject({ status: "completed" });
    const statuses = await Promise.all(tasks.map(async (task) => (await stage.server.task(task)).status));
    expect(new Set(statuses)).toEqual(new Set(["canceled"]));
    const { output } = await stage.server.call<{ output: Record<string, number> }>("GET", `/tasks/${id}/result`);
    expect(output).toMatchObject({ failed: 0 });
    expect((output["done"] ?? 0) + (output["skipped"] ?? 0)).toBe(tasks.length);
  });

  test("a schedule makes up for the last of the times that passed, once", async () => {
    const runs = await until("the run", async () => {
      const { data } = await stage.server.call<{ data: Run[] }>("GET", "/schedules/minutely/runs?limit=1000");
      const since = data.filter(({ recorded_at }) => recorded_at > manifest.recorded_at);
      return since.some(({ outcome }) => outcome === "started") && since;
    });
    const [first] = runs.filter(({ outcome }) => outcome === "started").toReversed();
    expect(await stage.server.ended(first?.task_id ?? "")).toMatchObject({ status: "completed" });
    const { output } = await stage.server.call<{ output: unknown }>("GET", `/tasks/${first?.task_id}/result`);
    expect(output).toEqual({ at: first?.scheduled_at });
    expect(runs.filter(({ scheduled_at }) => scheduled_at === first?.scheduled_at)).toHaveLength(1);
  });

  test("what was registered moves into an empty service as a file, and can be used there", async () => {
    const { server, keys } = stage;
    const exported = async (from: Server): Promise<string> => (await from.fetch("/registry/export")).text();
    const recordsIn = (file: string): unknown[] => file.trim().split("\n").slice(1).map(whatIsRegistered);
    const file = await exported(server);
    const empty = await Server.start({ settings: manifest.settings });
    try {
      const headers = { "content-type": "application/x-ndjson" };
      const answer = await empty.fetch("/registry/import", { method: "POST", headers, body: file });
      expect(await answer.json()).toMatchObject({ refused: [] });
      expect(recordsIn(await exported(empty))).toEqual(recordsIn(file));
      expect(await empty.call("POST", "/tasks?wait=20s", { type: "study@stable", input: {} })).toMatchObject({ output: { version: 1 } });
      expect((await empty.fetch("/tasks?limit=1", { headers: { authorization: `Bearer ${keys.operator}` } })).status).toBe(200);
    } finally {
      await empty.kill();
    }
  }, 60_000);

  test("what was registered can be read and used", async () => {
    const { server, keys } = stage;
    const listed = await server.call<{ data: { id: string }[] }>("GET", "/agents?limit=100");
    expect(listed.data.map(({ id }) => id)).toEqual(expect.arrayContaining([...Object.keys(AGENTS), "puller"]));
    expect(await server.call("GET", "/agents/narrow")).toMatchObject({
      kind: "http",
      auth: { type: "bearer" },
      limits: { max_concurrency: 1 },
      labels: { of: "the-state-folder" },
    });
    const run = async (type: string): Promise<unknown> => (await server.call("POST", "/tasks?wait=20s", { type, input: {} }))["output"];
    expect([await run("study"), await run("study@1"), await run("study@stable")]).toEqual([2, 1, 1].map((version) => ({ version })));
    for (const [name, definition] of Object.entries(WORKFLOWS))
      expect(await server.call("GET", `/workflows/${name}`)).toMatchObject({ definition });
    const { data: webhooks } = await server.call<{ data: unknown[] }>("GET", "/webhooks");
    expect(webhooks).toContainEqual(expect.objectContaining({ description: "all ends", status: "enabled" }));
    expect(await server.call("GET", "/schedules/nightly")).toMatchObject({ status: "paused", timezone: "Europe/Ljubljana" });
    await server.call("POST", "/schedules/nightly/resume", {});
    const { task_id } = await server.call<{ task_id: string }>("POST", "/schedules/nightly/trigger", {});
    expect(await server.ended(task_id)).toMatchObject({ status: "completed" });
    const statusFor = async (key: string): Promise<number> =>
      (await server.fetch("/tasks?limit=1", { headers: { authorization: `Bearer ${key}` } })).status;
    expect([await statusFor(keys.operator), await statusFor(keys.acme), await statusFor(keys.puller)]).toEqual([200, 200, 403]);
  });
});

interface Run {
  readonly scheduled_at: string;
  readonly outcome: string;
  readonly task_id: string | null;
  readonly recorded_at: string;
}

/** A line of a file of what is registered, without its proof and when it was put where. */
function whatIsRegistered(line: string): unknown {
  return JSON.parse(line, (name, value: unknown) =>
    ["proof", "updated_at", "updated_by", "revision", "since"].includes(name) ? undefined : value,
  );
}
