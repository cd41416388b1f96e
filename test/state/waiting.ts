/** Tasks that wait: to begin, for a time, for a word, for somebody. */
import { until } from "../e2e/processes.ts";
import { agentAt } from "./registered.ts";
import type { Begun, Situation, Stage } from "./situation.ts";
import { after, answer, cached, held, isCalled, LONG, quick, signal, SOON, steps, submit, tell, waitsOn } from "./steps.ts";

const desk = (priority: number): object => ({
  ...steps(held("work", { timeout: LONG })),
  concurrency: { key: '"desk"', limit: 1 },
  priority,
  queue_ttl: LONG,
});

const approval = (id: string, more: object = {}): object => ({ id, type: "approval", title: "May it?", payload: { sum: 12 }, ...more });

async function approvalOf(id: string, { server }: Stage): Promise<string> {
  return until("the approval to be asked for", async () => (await server.task(id)).waiting_on?.approval_id);
}

async function askedFor(step: object, stage: Stage): Promise<{ readonly id: string; readonly approval: string }> {
  const { id } = await submit(steps(step))(stage);
  return { id, approval: await approvalOf(id, stage) };
}

const decide = (id: string, { server }: Stage, key: string): Promise<Response> =>
  server.fetch(`/approvals/${id}/decide`, {
    method: "POST",
    body: JSON.stringify({ decision: "approve" }),
    headers: { authorization: `Bearer ${key}` },
  });

const approve = async ({ notes }: Begun, { server }: Stage): Promise<unknown> =>
  server.call("POST", `/approvals/${notes?.["approval"]}/decide`, { decision: "approve" });

const childOf = async (id: string, { server }: Stage): Promise<string> =>
  until("the child to be there", async () => (await server.task(id)).waiting_on?.task_id);

export const WAITING: Readonly<Record<string, Situation>> = {
  "waits for an agent that nobody is": {
    begin: submit({ ...steps({ id: "juggle", capability: "juggler" }), queue_ttl: LONG }),
    isThere: waitsOn("agent"),
    goOn: (_, { server, endpoints }) => server.call("PUT", "/agents/juggler", agentAt(endpoints.port, "juggler", "/answers")),
    ends: { status: "completed", output: { juggle: answer("juggle") } },
    asks: ["juggle"],
  },
  "is held until a time": {
    begin: submit({ ...steps(quick("begin")), start_at: SOON }),
    isThere: waitsOn("timer"),
    ends: { status: "completed", output: { begin: answer("begin") } },
    asks: ["begin"],
  },
  "stands for a burst of submissions": {
    begin: async ({ server }) => {
      const body = (version: number): object => ({
        ...steps(quick("write", { input: { version: "${ input.version }" } })),
        input: { version },
        debounce: { key: '"document"', for: SOON },
      });
      const ids = [await server.submit(body(1)), await server.submit(body(2))];
      if (ids[0] !== ids[1]) throw new Error("It was to be one task");
      return { id: ids[0] as string };
    },
    isThere: waitsOn("debounce"),
    ends: { status: "completed", output: { write: answer("write", { version: 2 }) } },
    asks: ["write"],
  },
  "has the place of its key": {
    begin: submit(desk(5)),
    isThere: isCalled("work"),
    ends: { status: "completed", output: { work: answer("work") } },
    asks: ["work"],
  },
  "is in line for the place of its key": {
    begin: submit(desk(4)),
    isThere: waitsOn("concurrency"),
    ends: { status: "completed", output: { work: answer("work") } },
    asks: ["work"],
  },
  "is in line for it, too, and more urgent": {
    begin: submit(desk(9)),
    isThere: waitsOn("concurrency"),
    ends: { status: "completed", output: { work: answer("work") } },
    asks: ["work"],
  },
  "is in a wait": {
    begin: submit(steps({ id: "nap", type: "wait", for: SOON }, quick("woken", after("nap")))),
    isThere: waitsOn("timer"),
    ends: { status: "completed", output: { woken: answer("woken") } },
    asks: ["woken"],
  },
  "waits for a signal, and has another that came early": {
    begin: async (stage) => {
      const begun = await submit(steps(signal("go"), signal("early", after("go"))))(stage);
      await tell("early", { it: "was early" })(begun, stage);
      return begun;
    },
    isThere: waitsOn("signal"),
    goOn: tell("go", 1),
    ends: { status: "completed", output: { early: { it: "was early" } } },
    asks: [],
  },
  "waits for the second of two to approve": {
    begin: async (stage) => {
      const { id, approval: asked } = await askedFor(approval("two", { quorum: 2 }), stage);
      const decided = await decide(asked, stage, stage.keys.operator);
      if (!decided.ok) throw new Error(await decided.text());
      return { id, notes: { approval: asked } };
    },
    isThere: ({ steps: [step] }) => step?.approval?.decisions.length === 1,
    goOn: async (begun, stage) => {
      const again = await decide(begun.notes?.["approval"] ?? "", stage, stage.keys.operator);
      if (!again.ok) throw new Error(`The same word again: ${again.status}`);
      const { waiting_on } = await stage.server.task(begun.id);
      if (waiting_on === null) throw new Error("One person counted twice");
      await approve(begun, stage);
    },
    ends: { status: "completed" },
    asks: [],
  },
  "waits for somebody who was given a link": {
    begin: async (stage) => {
      const { id, approval: asked } = await askedFor(approval("linked"), stage);
      const { url } = await stage.server.call<{ url: string }>("POST", `/approvals/${asked}/links`, { for: "Ada", expires_in: LONG });
      return { id, notes: { link: new URL(url).pathname } };
    },
    isThere: waitsOn("approval"),
    goOn: async ({ notes }, { server }) => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ decision: "approve", comment: "by a link" });
      const decided = await fetch(`${server.origin}${notes?.["link"]}/decide`, { method: "POST", headers, body });
      if (!decided.ok) throw new Error(await decided.text());
    },
    ends: { status: "completed" },
    asks: [],
  },
  "is between two iterations": {
    begin: submit(
      steps({ id: "again", type: "repeat", max: 2, delay: SOON, steps: [quick("try", { input: { time: "${ iteration }" } })] }),
    ),
    isThere: ({ steps: [step] }) => step?.branches?.completed === 1,
    ends: { status: "completed", output: { again: { try: answer("again[2]/try", { time: 2 }) } } },
    asks: ["again[2]/try"],
  },
  "waits before it tries again": {
    begin: submit(
      steps(
        { id: "flaky", agent: "flaky", retry: { delay: SOON, max_delay: SOON, jitter: "none", max_attempts: 3 } },
        quick("next", after("flaky")),
      ),
    ),
    isThere: ({ steps: [step] }) => step?.status === "retrying",
    ends: { status: "completed", output: { next: answer("next") } },
    asks: ["flaky", "next"],
  },
  "waits for a child that waits for a word": {
    begin: async (stage) => {
      const { id } = await submit(
        steps(quick("before"), { id: "sub", type: "workflow", workflow: "child", input: { of: "a parent" }, ...after("before") }),
      )(stage);
      return { id, notes: { child: await childOf(id, stage) } };
    },
    isThere: waitsOn("child"),
    goOn: ({ notes }, stage) => tell("ready", "now")({ id: notes?.["child"] ?? "" }, stage),
    ends: { status: "completed", output: { sub: { made: "a parent", word: "now" } } },
    asks: [],
  },
  "waits for who brings a result to the cache": {
    // It waits as long as for an agent: without this it has gone on by itself after an hour, as in what is recorded of e843729.
    begin: submit({ ...steps(cached("wanted")), queue_ttl: LONG }),
    isThere: waitsOn("cache"),
    ends: { status: "completed", output: { wanted: answer("brought", { q: 1 }) } },
    asks: [],
  },
  "asks for more budget": {
    begin: async (stage) => {
      const { id } = await submit({
        ...steps(held("draft", { input: { hold: false } }), held("final", { input: { hold: false }, ...after("draft") })),
        budget: { cost_usd: 0.5, on_exhausted: "ask" },
      })(stage);
      return { id, notes: { approval: await approvalOf(id, stage) } };
    },
    isThere: waitsOn("budget"),
    goOn: approve,
    ends: { status: "completed", output: { final: answer("final", { hold: false }) } },
    asks: ["final"],
  },
  "is paused, and was told meanwhile": {
    begin: async (stage) => {
      const begun = await submit(steps(signal("go"), quick("gone", after("go"))))(stage);
      await stage.server.call("POST", `/tasks/${begun.id}/pause`, {});
      await tell("go")(begun, stage);
      return begun;
    },
    isThere: ({ status }) => status === "paused",
    goOn: ({ id }, { server }) => server.call("POST", `/tasks/${id}/resume`, {}),
    ends: { status: "completed", output: { gone: answer("gone") } },
    asks: ["gone"],
  },
  "passes its deadline while nobody is there": {
    begin: submit({ ...steps(quick("first"), signal("never", after("first"))), deadline: SOON }),
    isThere: waitsOn("signal"),
    ends: { status: "timed_out" },
    asks: [],
  },
  "finds no agent in time, while nobody is there": {
    begin: submit({ ...steps({ id: "lost", capability: "nobody" }), queue_ttl: SOON }),
    isThere: waitsOn("agent"),
    ends: { status: "rejected" },
    asks: [],
  },
};
