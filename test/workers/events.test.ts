import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { agentsAnswer, api, calls, eventsOf, gate, registerAgent, ROOT_KEY, stubOf, submit, untilEnded, untilStatus } from "./harness.ts";

const BASE = "https://orchestrator.example/api/v1";
const open = (id: string, headers: Record<string, string>, query = ""): Promise<Response> =>
  exports.default.fetch(`${BASE}/tasks/${id}/events${query}`, { headers: { authorization: `Bearer ${ROOT_KEY}`, ...headers } });

interface Received {
  readonly id: number;
  readonly event: string;
  readonly data: EventView;
}

/** Reads a stream of server-sent events to its end. */
async function readStream(response: Response, onEvent: (received: Received) => void = () => {}): Promise<readonly Received[]> {
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const received: Received[] = [];
  let text = "";
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks.filter((candidate) => !candidate.startsWith(":"))) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
      const entry = { id: Number(field("id")), event: field("event"), data: JSON.parse(field("data")) as EventView };
      received.push(entry);
      onEvent(entry);
    }
  }
  return received;
}

/** Reads a WebSocket to its end. */
function readSocket(socket: WebSocket): Promise<{ readonly events: readonly EventView[]; readonly code: number }> {
  const events: EventView[] = [];
  return new Promise((resolve) => {
    socket.addEventListener("message", ({ data }) => void events.push(JSON.parse(data as string) as EventView));
    socket.addEventListener("close", ({ code }) => resolve({ events, code }));
    socket.accept();
  });
}

const twoSteps = {
  workflow: {
    steps: [
      { id: "a", capability: "streamed" },
      { id: "b", capability: "streamed", needs: ["a"] },
    ],
  },
};

async function untilLast(id: string): Promise<EventView> {
  await untilEnded(id);
  return (await eventsOf(id)).findLast(({ type }) => type === "task.completed") as EventView;
}

async function heldTask(): Promise<{ readonly id: string; readonly release: () => void }> {
  await registerAgent("streamed");
  const hold = gate();
  agentsAnswer(async () => {
    await hold.passed();
    return Response.json({ output: 1 });
  });
  const id = await submit(twoSteps);
  await untilStatus(id, "running");
  return { id, release: hold.open };
}

describe("server-sent events", () => {
  test("tell the past, then what happens, and end with the task", async () => {
    const { id, release } = await heldTask();
    const stream = readStream(await open(id, { accept: "text/event-stream" }), ({ event }) => {
      if (event === "attempt.started") release();
    });
    const received = await stream;
    expect(received.map(({ id: seq }) => seq)).toEqual(received.map((_, index) => index + 1));
    expect(received.at(-1)?.event).toBe("task.completed");
    expect(received.map(({ data }) => data)).toEqual((await eventsOf(id)).slice(0, received.length));
  });

  test("continue after the last event seen, exclusively", async () => {
    const { id, release } = await heldTask();
    release();
    await untilEnded(id);
    const all = await readStream(await open(id, { accept: "text/event-stream" }));
    for (const [headers, query] of [
      [{ "last-event-id": "3" }, ""],
      [{}, "?after=3"],
    ] as const) {
      const rest = await readStream(await open(id, { accept: "text/event-stream", ...headers }, query));
      expect(rest).toEqual(all.slice(3));
    }
  });

  test("end with the task's last event, live or from history; whoever has seen it is told that there is no more: 204", async () => {
    const { id, release } = await heldTask();
    release();
    const { seq: last } = await untilLast(id);
    for (const isArchived of [false, true]) {
      if (isArchived) {
        await vi.waitUntil(async () => {
          await runDurableObjectAlarm(stubOf(id)).catch(() => false);
          return (await eventsOf(id)).at(-1)?.type === "task.archived";
        });
        expect((await readStream(await open(id, { accept: "text/event-stream" }))).at(-1)?.id).toBe(last);
      }
      for (const seen of [last, last + 1, 9_999]) {
        expect((await open(id, { accept: "text/event-stream", "last-event-id": `${seen}` })).status).toBe(204);
        expect((await open(id, { accept: "text/event-stream" }, `?after=${seen}`)).status).toBe(204);
        const { events, code } = await readSocket((await open(id, { upgrade: "websocket" }, `?after=${seen}`)).webSocket as WebSocket);
        expect([events, code]).toEqual([[], 1000]);
      }
      expect((await readStream(await open(id, { accept: "text/event-stream" }, `?after=${last - 1}`))).map(({ id: seq }) => seq)).toEqual([
        last,
      ]);
    }
  });

  test("of a task that has too many readers already are refused for now, whatever they are read by; the task is not said to have ended", async () => {
    const { id, release } = await heldTask();
    await runInDurableObject(stubOf(id), (_, state) => {
      for (let count = 0; count < LIMITS.sockets; count++) {
        const { 1: other } = new WebSocketPair();
        state.acceptWebSocket(other);
        other.serializeAttachment({ wants: "end" });
      }
    });
    for (const headers of [{ accept: "text/event-stream" }, { upgrade: "websocket" }]) {
      const response = await open(id, headers);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("5");
    }
    expect((await api("GET", `/tasks/${id}/result?wait=1s`)).status, "a reader of the end goes by the task").toBe(409);
    release();
    await untilEnded(id);
  });

  test("end with their key, and so do the messages of a WebSocket and whoever waits for an end", async () => {
    const { id, release } = await heldTask();
    const { body } = await api<{ key: string }>("POST", "/keys", { name: "short", roles: ["viewer"], expires_in: "1s" });
    const headers = { authorization: `Bearer ${body.key}` };
    const stream = await open(id, { ...headers, accept: "text/event-stream" });
    const socket = readSocket((await open(id, { ...headers, upgrade: "websocket" })).webSocket as WebSocket);
    const waiting = api("GET", `/tasks/${id}/result?wait=20s`, undefined, headers);
    const text = await new Response(stream.body).text();
    expect(text).toMatch(/event: closed\ndata: \{"code":"unauthorized"[^\n]*\n\n$/);
    expect(text).not.toContain("task.completed");
    expect((await socket).code).toBe(4003);
    expect((await waiting).status).toBe(401);
    release();
    await untilEnded(id);
  });

  test("survive the object: an eviction is not noticed, an abort costs a moment", async () => {
    const { id, release } = await heldTask();
    let seen = 0;
    const stream = readStream(await open(id, { accept: "text/event-stream" }), () => seen++);
    await vi.waitUntil(() => seen >= 4);
    await abortAllDurableObjects();
    release();
    const received = await stream;
    expect(received.at(-1)?.event).toBe("task.completed");
    expect(new Set(received.map(({ id: seq }) => seq)).size).toBe(received.length);
    expect(received.map(({ id: seq }) => seq)).toEqual(received.map((_, index) => index + 1));
  });

  test("of a task that does not exist are a 404", async () => {
    expect((await open("task_nope", { accept: "text/event-stream" })).status).toBe(404);
  });
});

describe("WebSocket", () => {
  test("the same events as messages, closed after the last", async () => {
    const { id, release } = await heldTask();
    const response = await open(id, { upgrade: "websocket" });
    expect(response.status).toBe(101);
    const reading = readSocket(response.webSocket as WebSocket);
    release();
    const { events, code } = await reading;
    expect(code).toBe(1000);
    expect(events).toEqual((await eventsOf(id)).slice(0, events.length));
    expect(events.at(-1)?.type).toBe("task.completed");
  });

  test("the object hibernates meanwhile", async () => {
    await registerAgent("later");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "later" }] } });
    await vi.waitUntil(async () => (await eventsOf(id)).length === 6);
    const reading = readSocket((await open(id, { upgrade: "websocket" }, "?after=6")).webSocket as WebSocket);
    await evictDurableObject(stubOf(id), { webSockets: "hibernate" });
    await api("POST", `${new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "")}/complete`, { output: 1 });
    const { events, code } = await reading;
    expect(code).toBe(1000);
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [7, "step.completed"],
      [8, "task.completed"],
    ]);
  });

  test("a browser presents its key as a subprotocol", async () => {
    const { id, release } = await heldTask();
    const asked = (protocols: string): Promise<Response> =>
      exports.default.fetch(`${BASE}/tasks/${id}/events`, { headers: { upgrade: "websocket", "sec-websocket-protocol": protocols } });
    expect((await asked("orchestrator.events, bearer.nonsense")).status).toBe(401);
    const response = await asked(`orchestrator.events, bearer.${ROOT_KEY}`);
    expect(response.status).toBe(101);
    expect(response.headers.get("sec-websocket-protocol")).toBe("orchestrator.events");
    const reading = readSocket(response.webSocket as WebSocket);
    release();
    await reading;
  });

  test("a reader that is far behind gets everything, part by part", async () => {
    await registerAgent("chatty", { dispatch: "inline" });
    agentsAnswer(() => Response.json({ output: "x".repeat(7_000) }));
    const id = await submit({
      workflow: { steps: Array.from({ length: 1_000 }, (_, index) => ({ id: `s${index}`, capability: "chatty" })) },
    });
    await untilEnded(id);
    const events: EventView[] = [];
    for (let code = 4001; code === 4001;) {
      const query = `?after=${events.at(-1)?.seq ?? 0}`;
      const part = await readSocket((await open(id, { upgrade: "websocket" }, query)).webSocket as WebSocket);
      events.push(...part.events);
      expect([1000, 4001]).toContain((code = part.code));
      expect(JSON.stringify(part.events).length).toBeLessThan(1.2 * 1024 * 1024);
    }
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.type).toBe("task.completed");
    expect(JSON.stringify(events).length).toBeGreaterThan(LIMITS.catchUpBytes);
    const streamed = await readStream(await open(id, { accept: "text/event-stream" }));
    expect(streamed.map(({ id: seq }) => seq)).toEqual(streamed.map((_, index) => index + 1));
    expect(streamed.at(-1)?.event).toBe("task.completed");
  });
});

test("pages of events follow each other without gaps", async () => {
  const { id, release } = await heldTask();
  release();
  await untilEnded(id);
  const all = await eventsOf(id);
  const seen: number[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: { body: { data: EventView[]; next_cursor: string | null } } = await api(
      "GET",
      `/tasks/${id}/events?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    seen.push(...page.body.data.map(({ seq }) => seq));
    cursor = page.body.next_cursor;
  }
  expect(seen.slice(0, all.length)).toEqual(all.map(({ seq }) => seq));
});

// A stream that is cancelled here is cancelled in the test's context, which cannot wake the Worker's.
test("nothing about a reader stays when it has gone", async () => {
  const { id, release } = await heldTask();
  const response = await open(id, { upgrade: "websocket" });
  await vi.waitUntil(async () => (await runInDurableObject(stubOf(id), (_, state) => state.getWebSockets().length)) === 1);
  response.webSocket?.accept();
  response.webSocket?.close(1000, "bye");
  await vi.waitUntil(async () => (await runInDurableObject(stubOf(id), (_, state) => state.getWebSockets().length)) === 0);
  release();
  await untilEnded(id);
});
