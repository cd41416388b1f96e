/**
 * One request after another that tries to cause work without a bound, while somebody else asks whether the service is well and
 * a task of theirs goes on. `HOSTILE_TIMED=1` also holds the service to how long anybody waits, and to memory, on a machine that
 * does nothing else.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HOSTILE, type Hostile } from "../hostile/inputs.ts";
import { Agent, Server, until } from "./processes.ts";

const IS_TIMED = process.env["HOSTILE_TIMED"] === "1";
const WAIT_MS = 1_000;
const MEMORY_MIB = 256;

let server: Server;
let agent: Agent;
/** By role; nobody has none. */
const keys = new Map<Hostile["as"], string>();

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  await server.call("PUT", "/agents/worker", { url: agent.url("/work?ms=200"), capabilities: ["work"] });
  for (const role of ["viewer", "operator", "developer"] as const)
    keys.set(role, (await server.call<{ key: string }>("POST", "/keys", { name: role, roles: [role] })).key);
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

describe("whoever sends", () => {
  test.for(HOSTILE)("$name gets an answer, and nobody else is kept from theirs", async (hostile) => {
    const neighbour = await server.submit({ workflow: { steps: [{ id: "one", capability: "work", input: {} }] } });
    const { runtime } = server;
    const before = mib(runtime.bytes());
    runtime.resetPeak();
    const health = watchHealth();
    const answer = await send(hostile);
    const { worstMs, failed } = await health.end();
    if (IS_TIMED) {
      const more = mib(runtime.peakBytes()) - before;
      console.log(`${answer.status} ${answer.code}, others waited ${worstMs} ms, ${before} and ${more} MiB: ${hostile.name}`);
      expect.soft(worstMs).toBeLessThan(WAIT_MS);
      expect.soft(more).toBeLessThan(MEMORY_MIB);
    }
    expectOutcome(hostile, answer);
    expect(failed).toBe(0);
    expect(await server.ended(neighbour)).toMatchObject({ status: "completed" });
    expect(server.output).not.toMatch(/crash/i);
  });

  test("all of that leaves a service that is well, also when it was started again", async () => {
    await server.kill();
    await server.start();
    const id = await server.submit({ workflow: { steps: [{ id: "one", capability: "work", input: {} }] } });
    expect(await server.ended(id)).toMatchObject({ status: "completed" });
    await until(
      "no task to be at work",
      async () => (await server.call<{ data: unknown[] }>("GET", "/tasks?status=running")).data.length === 0,
    );
    expect(server.output).not.toMatch(/crash/i);
  });
});

interface Answer {
  readonly status: number;
  /** Of the refusal, or of the task's end. */
  readonly code: string;
  readonly task: string | null;
}

async function send({ as, send: make }: Hostile): Promise<Answer> {
  const { method, path, body, type = "application/json" } = make();
  const key = keys.get(as);
  const response = await fetch(server.url + path, {
    method,
    headers: { "content-type": type, ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(60_000),
  });
  const told = (await response.json()) as { readonly code?: string; readonly id?: string; readonly status?: string };
  if (told.id === undefined) return { status: response.status, code: told.code ?? "", task: null };
  const { status, error } = await server.ended(told.id);
  return { status: response.status, code: error?.code ?? "", task: status };
}

function expectOutcome({ outcome }: Hostile, { status, code, task }: Answer): void {
  if ("refused" in outcome) {
    expect(outcome.refused).toContain(status);
    if (outcome.codes !== undefined) expect(outcome.codes).toContain(code);
  } else if ("answers" in outcome) expect(outcome.answers).toContain(status);
  else {
    // At the door, where that is certain, or in the step.
    expect([400, 200, 202]).toContain(status);
    if (status !== 400) expect(task).toBe("failed");
    expect(code).not.toBe("");
  }
}

/** Asks ten times a second how the service is. */
function watchHealth(): { end(): Promise<{ readonly worstMs: number; readonly failed: number }> } {
  let [isOn, worstMs, failed] = [true, 0, 0];
  const watching = (async () => {
    while (isOn) {
      const askedAt = Date.now();
      const response = await fetch(`${server.origin}/health`, { signal: AbortSignal.timeout(60_000) }).catch(() => null);
      if (response?.ok !== true) failed++;
      worstMs = Math.max(worstMs, Date.now() - askedAt);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    end: async () => {
      isOn = false;
      await watching;
      return { worstMs, failed };
    },
  };
}

const mib = (bytes: number): number => Math.round(bytes / 1_048_576);
