/**
 * The flight recorder on real processes: a task that failed goes on from the step before with another input, and the agents'
 * own log says what was done again; then its journal is taken to another server, and played again there and offline.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import type { TaskDiff } from "../../src/tasks/recorder/task-diff.ts";
import { Agent, Server, until } from "./processes.ts";

let server: Server;
let elsewhere: Server;
let agent: Agent;

const workflow = {
  steps: [
    { id: "gather", capability: "work", input: { topic: "${ input.topic }" } },
    { id: "sort", capability: "work", needs: ["gather"] },
    { id: "weigh", capability: "work", needs: ["sort"], input: { by: "${ input.by }" } },
    { id: "print", capability: "print", needs: ["weigh"], input: { by: "${ input.by }", weighed: "${ steps.weigh.output.input.by }" } },
    { id: "send", capability: "work", needs: ["print"] },
  ],
};

/** Which steps the agent has been asked for since it had so many calls. */
const askedSince = (calls: number): readonly string[] =>
  agent
    .calls()
    .slice(calls)
    .map(({ step }) => step);

beforeAll(async () => {
  [server, elsewhere, agent] = await Promise.all([Server.start(), Server.start(), Agent.start()]);
  await server.call("PUT", "/agents/worker", { url: agent.url("/work"), capabilities: ["work"], dispatch: "inline" });
  await server.call("PUT", "/agents/printer", { url: agent.url("/fail"), capabilities: ["print"], dispatch: "inline" });
});

afterAll(async () => {
  await Promise.all([server.kill(), elsewhere.kill()]);
  agent.stop();
});

async function failed(): Promise<string> {
  await server.call("PUT", "/agents/printer", { url: agent.url("/fail"), capabilities: ["print"], dispatch: "inline" });
  const id = await server.submit({ workflow, input: { topic: "bees", by: "weight" } });
  expect(await server.ended(id)).toMatchObject({ status: "failed", error: { step_id: "print" } });
  // The printer has been mended since.
  await server.call("PUT", "/agents/printer", { url: agent.url("/work"), capabilities: ["print"], dispatch: "inline" });
  return id;
}

describe("a task that has failed", () => {
  test("goes on from the step before with one input edited, and nothing that had completed is done again", async () => {
    const id = await failed();
    const before = agent.calls().length;
    const fork = await server.call<TaskHead>("POST", `/tasks/${id}/fork`, {
      from: { step: "weigh" },
      input: { topic: "bees", by: "size" },
    });
    expect(await server.ended(fork.id)).toMatchObject({ status: "completed", forked_from: { task_id: id } });
    expect(askedSince(before)).toEqual(["weigh", "print", "send"]);

    const diff = await server.call<TaskDiff>("GET", `/tasks/${id}/diff?with=${fork.id}`);
    expect(diff).toMatchObject({
      same: false,
      status: { from: "failed", to: "completed" },
      input: { changes: [{ op: "replace", path: "/by", value: "size", old: "weight" }] },
      kept: ["gather", "sort"],
      same_steps: 2,
      steps: [
        { id: "weigh", output: { changes: [{ op: "replace", path: "/input/by", value: "size", old: "weight" }] } },
        { id: "print", status: { from: "failed", to: "completed" } },
        { id: "send", status: { from: "skipped", to: "completed" } },
      ],
    });
  });

  test("is retried while the server is killed, and asks no agent twice but for what was under way", async () => {
    const id = await failed();
    await server.call("PUT", "/agents/printer", { url: agent.url("/work?ms=400"), capabilities: ["print"], dispatch: "inline" });
    const before = agent.calls().length;
    const retried = await server.call<TaskHead>("POST", `/tasks/${id}/retry`, {});
    await until("the printer to be asked", () => askedSince(before).includes("print"));
    await server.kill();
    await server.start();
    expect(await server.ended(retried.id)).toMatchObject({ status: "completed", forked_from: { task_id: id, retry: true } });
    expect([...new Set(askedSince(before))]).toEqual(["print", "send"]);
    const keys = agent
      .calls("print")
      .filter(({ task }) => task === retried.id)
      .map(({ key }) => key);
    expect(new Set(keys).size).toBe(1);
  });
});

describe("its journal", () => {
  test("goes to another server, reads there as it does here, and is played again there and offline without a difference", async () => {
    const id = await failed();
    const fork = await server.call<TaskHead>("POST", `/tasks/${id}/fork`, { from: { step: "weigh" }, input: { topic: "bees", by: "age" } });
    const original = await server.ended(fork.id);
    const file = await (await server.fetch(`/tasks/${fork.id}/export`)).text();
    const before = agent.calls().length;

    const headers = { "content-type": "application/x-ndjson" };
    const answer = await elsewhere.fetch("/tasks/import", { method: "POST", headers, body: file });
    expect(answer.status).toBe(201);
    const copy = (await answer.json()) as TaskHead;
    const again = await elsewhere.fetch("/tasks/import", { method: "POST", headers, body: file });
    expect([again.status, await again.json()]).toMatchObject([200, { id: copy.id }]);
    const { id: _, imported_from, ...read } = (await elsewhere.task(copy.id)) as TaskHead;
    const { id: __, ...here } = original;
    expect(read).toEqual(here);
    expect(imported_from).toBe(fork.id);
    const events = file.trimEnd().split("\n").length - 1;
    expect(await elsewhere.call("POST", `/tasks/${copy.id}/replay`, {})).toEqual({ events, matches: true });

    const path = join(mkdtempSync(join(tmpdir(), "journal-")), "task.ndjson");
    writeFileSync(path, file);
    const replay = (name: string) => spawnSync(process.execPath, ["scripts/replay.ts", name], { encoding: "utf8" });
    const offline = replay(path);
    expect([offline.status, JSON.parse(offline.stdout)]).toEqual([0, { file: path, events, matches: true }]);
    writeFileSync(path, file.replace(/("type":"task.completed","output":).*/, '$1{"value":"something else"}}}'));
    const parted = replay(path);
    expect([parted.status, JSON.parse(parted.stdout)]).toMatchObject([
      1,
      { events: events - 1, matches: false, divergence: { expected: { type: "task.completed" } } },
    ]);
    expect(replay("nowhere.ndjson").status).toBe(2);
    expect(agent.calls().length).toBe(before);
  });
});
