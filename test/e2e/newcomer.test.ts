/** What a newcomer does first: start, register, submit, follow, read. Over real HTTP, against the production bundle. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureSettings } from "../../scripts/settings.ts";
import { Agent, Server, temporaryFolder, until } from "./processes.ts";

const folder = temporaryFolder();
let server: Server;
let agent: Agent;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start({ folder }), Agent.start()]);
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

test("the shortest task there is works on a fresh start", async () => {
  expect(await server.call("POST", "/tasks?wait=10s", { type: "simple", message: "Hello" })).toMatchObject({
    status: "completed",
    output: { message: "Hello" },
  });
});

test("register, submit, follow by server-sent events, read the result", async () => {
  await server.call("PUT", "/agents/researcher", { url: agent.url("/work?ms=20"), capabilities: ["research"] });
  const id = await server.submit({
    workflow: {
      steps: [
        { id: "research", capability: "research", input: { query: "${ input.query }" } },
        { id: "more", capability: "research", needs: ["research"] },
      ],
    },
    input: { query: "edge" },
  });
  const stream = await server.fetch(`/tasks/${id}/events`, { headers: { accept: "text/event-stream" } });
  const text = await stream.text();
  expect(text).toContain("event: task.completed");
  expect(await server.call("GET", `/tasks/${id}/result`)).toMatchObject({ status: "completed", output: { more: { step: "more" } } });
  expect(agent.calls("research")).toHaveLength(1);
});

test("the live feed works over a real WebSocket, authenticated like a browser's", async () => {
  await server.call("PUT", "/agents/slow", { url: agent.url("/work?ms=300"), capabilities: ["slow"] });
  const id = await server.submit({ workflow: { steps: [{ id: "a", capability: "slow" }] } });
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/tasks/${id}/events`, [
    "orchestrator.events",
    `bearer.${server.rootKey}`,
  ]);
  const types: string[] = [];
  socket.addEventListener("message", ({ data }) => void types.push((JSON.parse(String(data)) as { type: string }).type));
  await new Promise((resolve) => socket.addEventListener("close", resolve));
  expect(types).toEqual([
    "task.created",
    "agent.selected",
    "task.started",
    "step.started",
    "attempt.started",
    "step.completed",
    "task.completed",
  ]);
});

test("an agent that cannot be reached is tried again and then fails the step, with the reason", async () => {
  await server.call("PUT", "/agents/dead", { url: "http://127.0.0.1:9/", capabilities: ["dead"] });
  const id = await server.submit({ workflow: { steps: [{ id: "a", capability: "dead", retry: { max_attempts: 2, delay: "10ms" } }] } });
  expect(await server.ended(id)).toMatchObject({ status: "failed", error: { code: "agent_unreachable" }, steps: [{ attempts: 2 }] });
});

test("a slow agent that says so is called by queue, and the step completes", async () => {
  await server.call("PUT", "/agents/declared", { url: agent.url("/work?ms=50"), capabilities: ["declared"], expected_latency: "90s" });
  const id = await server.submit({
    workflow: { steps: Array.from({ length: 20 }, (_, index) => ({ id: `q${index}`, capability: "declared" })) },
  });
  expect(await server.ended(id)).toMatchObject({ status: "completed" });
  const ways = (await server.events(id)).filter(({ type }) => type === "attempt.started").map(({ data }) => data["way"]);
  expect(new Set(ways)).toEqual(new Set(["queue"]));
});

test("a worker that hung up a moment ago takes no work along: the next one gets it", async () => {
  await server.call("PUT", "/agents/digger", { kind: "pull", capabilities: ["digging"] });
  const hangsUp = new AbortController();
  const waiting = await server.fetch("/agents/digger/claim?wait=50s", { method: "POST", body: "{}", signal: hangsUp.signal });
  expect([waiting.status, waiting.headers.get("content-type")]).toEqual([200, "application/json"]);
  const claim = (agent: string) => server.fetch(`/agents/${agent}/claim?wait=10s`, { method: "POST", body: "{}" });
  const next = await claim("digger");
  hangsUp.abort();
  const id = await server.submit({ workflow: { steps: [{ id: "dig", capability: "digging" }] } });
  const claimed = (await next.json()) as { attempts: { task_id: string; context: { callback_url: string } }[] };
  expect(claimed.attempts).toMatchObject([{ task_id: id }]);
  await fetch(`${claimed.attempts[0]?.context.callback_url}/complete`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ output: "dug" }),
  });
  expect(await server.ended(id)).toMatchObject({ status: "completed" });
  // What is refused is refused at once, as ever.
  const refused = await claim("nobody");
  expect([refused.status, refused.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
});

test("the page of the API loads nothing from elsewhere", async () => {
  const page = await (await fetch(`${server.origin}/docs`)).text();
  expect(page).toContain("/openapi.json");
  expect(page).not.toMatch(/https?:\/\//);
});

test("who lists tasks again needs to know none of them", async () => {
  const { data } = await server.call<{ data: unknown[] }>("GET", "/tasks?limit=100");
  const script = join(import.meta.dirname, "..", "..", "scripts", "relist.ts");
  const env = { ...process.env, ROOT_API_KEY: server.rootKey };
  const said = execFileSync(process.execPath, [script, "--url", server.origin, "--persist-to", folder], { env, encoding: "utf8" });
  const { objects, listed } = JSON.parse(said) as { objects: number; listed: number };
  expect(data.length).toBeGreaterThan(0);
  expect(listed).toBeGreaterThanOrEqual(data.length);
  expect(objects).toBeGreaterThanOrEqual(listed);
});

test("a start adds the settings that are missing and changes nothing else", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "settings-")), ".dev.vars");
  writeFileSync(file, '# mine\nROOT_API_KEY="a-root-key-of-my-own-that-is-long-enough"\nOTHER=1');
  const settings = ensureSettings(file);
  expect(settings).toEqual({ ROOT_API_KEY: "a-root-key-of-my-own-that-is-long-enough", OTHER: "1", ALLOW_LOOPBACK_AGENTS: "true" });
  const written = readFileSync(file, "utf8");
  expect(written).toBe('# mine\nROOT_API_KEY="a-root-key-of-my-own-that-is-long-enough"\nOTHER=1\nALLOW_LOOPBACK_AGENTS=true\n');
  ensureSettings(file);
  expect(readFileSync(file, "utf8")).toBe(written);
  const fresh = join(mkdtempSync(join(tmpdir(), "settings-")), ".dev.vars");
  expect(ensureSettings(fresh)["ROOT_API_KEY"]).toMatch(/^root_.{32}$/);
});

test("everything is printed that a newcomer needs", async () => {
  await until("the key", () => /^ROOT_API_KEY=\S{32,}$/m.test(server.output));
  expect(server.output).not.toContain("orc_");
});
