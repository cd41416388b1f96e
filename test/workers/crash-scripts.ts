/** Tasks that together have every kind of step, and the world around them: always the same, whatever happens to objects. */
import { expect } from "vitest";
import type { Family } from "./family.ts";
import { insistently } from "./family.ts";
import { agentsAnswer, api, registerAgent, submit, type Asked } from "./harness.ts";
import { registerWebhook } from "./endpoints.ts";

/** Large enough to be kept by reference. */
const NOTE = "n".repeat(3_000);

const work = (id: string, more: Record<string, unknown> = {}) => ({ id, capability: "work", ...more });

/** Every kind, one inside the other: it comes to its end by a step that says so, and then starts another. */
const everything = {
  workflow: {
    steps: [
      work("order", { input: { n: "${ input.n }" } }),
      { id: "hear", type: "signal", name: "paid", match: "signal.n == 2", needs: ["order"] },
      { id: "again", type: "signal", name: "paid", timeout: "300d", needs: ["hear"] },
      { id: "late", type: "signal", name: "late", needs: ["hear"] },
      { id: "nap", type: "wait", for: "90s", needs: ["order"] },
      {
        id: "ask",
        type: "approval",
        title: "Pay ${ input.n }?",
        payload: { n: "${ input.n }", note: "${ input.note }" },
        quorum: 2,
        editable: true,
        needs: ["order"],
      },
      {
        id: "route",
        type: "switch",
        needs: ["order"],
        cases: [
          { when: "input.n > 5", steps: [work("high")] },
          {
            when: "input.n > 1",
            steps: [
              {
                id: "rounds",
                type: "repeat",
                max: 3,
                until: "iteration == 2",
                delay: "10s",
                steps: [
                  { id: "try", capability: "queued", input: { iteration: "${ iteration }" }, timeout: "2s" },
                  { id: "sum", type: "transform", output: "${ steps.try.output.n + iteration }" },
                ],
                output: "${ steps.sum.output }",
              },
            ],
            output: "${ steps.rounds.output }",
          },
        ],
        default: { steps: [work("low")] },
      },
      {
        id: "each",
        type: "map",
        needs: ["order"],
        over: ["x", "y"],
        tolerate: 1,
        steps: [
          { id: "some", type: "switch", cases: [{ when: "item == 'y'", steps: [work("refuse")] }] },
          { id: "pairs", type: "map", over: [1, 2], as: "n", index: "at", concurrency: 1, steps: [work("pair", { input: "${ n }" })] },
        ],
        output: "${ size(steps.pairs.output) }",
      },
      {
        id: "wide",
        type: "map",
        needs: ["order"],
        over: "input.list",
        steps: [
          work("pick", { when: "item % 70 == 0", input: "${ item + steps.order.output.n }" }),
          { id: "value", type: "transform", run_if: "all_settled", output: "${ steps.pick.status == 'completed' ? 1 : 0 }" },
        ],
        output: "${ steps.value.output }",
      },
      { id: "study", type: "workflow", workflow: "crash-study", needs: ["order"], input: { n: "${ input.n }" } },
      { id: "endless", type: "workflow", workflow: "crash-endless", needs: ["order"] },
      {
        id: "stop",
        type: "end",
        status: "completed",
        needs: ["hear", "again", "late", "nap", "ask", "route", "each", "wide", "study"],
        output: {
          heard: "${ [steps.hear.output.n, steps.again.output.n, steps.late.output] }",
          paid: "${ steps.ask.output.payload.n }",
          route: "${ steps.route.output }",
          each: "${ steps.each.output }",
          wide: "${ steps.wide.output.filter(one, one == 1).size() }",
          study: "${ steps.study.output.n }",
        },
      },
      work("never", { needs: ["stop"] }),
    ],
    on_completed: { workflow: "crash-after", input: { route: "${ output.route }" } },
  },
  input: { n: 3, note: NOTE, list: Array.from({ length: 201 }, (_, index) => index) },
};

/** It fails after it has done something, while a task that it has started is at work: all of it is undone. */
const undoing = {
  workflow: {
    steps: [
      work("a", { compensate: { capability: "work", input: "${ steps.a.output.n }" } }),
      { id: "part", type: "workflow", workflow: "crash-part", needs: ["a"] },
      {
        id: "each",
        type: "map",
        needs: ["a"],
        over: [1, 2],
        concurrency: 1,
        steps: [work("book", { input: "${ item }", compensate: { capability: "work", input: "${ item }" } })],
      },
      { id: "go", type: "signal", name: "go", needs: ["each"] },
      work("boom", { needs: ["go"] }),
      work("last", { needs: ["boom", "part"] }),
    ],
    on_failed: { workflow: "crash-after", input: { code: "${ error.code }" } },
  },
  fail_fast: true,
  webhook: { url: "https://own.example/in" },
};

const definitions = {
  "crash-study": { steps: [work("look"), { id: "rest", type: "wait", for: "20s", needs: ["look"] }], output: "${ steps.look.output }" },
  "crash-endless": { steps: [{ id: "hear", type: "signal", name: "nothing" }] },
  "crash-part": {
    steps: [
      work("taken", { compensate: { capability: "work", input: "part" } }),
      { id: "long", type: "wait", for: "300d", needs: ["taken"] },
    ],
  },
  "crash-after": { steps: [work("then", { input: "${ input }" })] },
};

/** Agents, definitions, people and an endpoint: made once, they stay for all tests of a file. */
export interface World {
  readonly people: readonly Readonly<Record<string, string>>[];
  readonly webhooks: readonly string[];
  readonly hosts: readonly string[];
}
let made: Promise<World> | null = null;

export function world(): Promise<World> {
  return (made ??= makeWorld());
}

async function makeWorld(): Promise<World> {
  await registerAgent("work", { dispatch: "inline" });
  await registerAgent("queued", { dispatch: "queue" });
  for (const [name, definition] of Object.entries(definitions)) {
    const { status, body } = await api("PUT", `/workflows/${name}`, definition);
    expect([200, 201], JSON.stringify(body)).toContain(status);
  }
  const people: Record<string, string>[] = [];
  for (const name of ["ann", "bob"]) {
    const { key } = (await api<{ key: string }>("POST", "/keys", { name, roles: ["operator"] })).body;
    people.push({ authorization: `Bearer ${key}` });
  }
  const { id } = await registerWebhook("all");
  return { people, webhooks: [id], hosts: ["all", "own"] };
}

/** Whether what must come early has come. */
let isReady = false;

/** What agents do, the same whoever asks and however often. `at`: before and after they have worked. */
export function agentsWork(at: (moment: "call before" | "call after") => Promise<void> = async () => {}): void {
  agentsAnswer(async (asked) => {
    if (asked.url.host === "all.example" || asked.url.host === "own.example") return new Response();
    await at("call before");
    const answer = await worked(asked);
    await at("call after");
    return answer;
  });
}

async function worked({ stepId, input }: Asked): Promise<Response> {
  if (stepId === "order") while (!isReady) await scheduler.wait(5);
  if (stepId === "boom") return Response.json({ code: "boom", message: "for good" }, { status: 400 });
  if (stepId.endsWith("/refuse")) return Response.json({ code: "refused", message: "no" }, { status: 400 });
  return Response.json({ output: { n: 7, input: input ?? null } });
}

export interface Script {
  readonly name: string;
  readonly start: () => Promise<string>;
  /** What people and programs do meanwhile, made anew for every run. */
  readonly actor: () => (family: Family) => Promise<void>;
  readonly result: unknown;
}

const waitsFor = (family: Family, role: string, step: string): boolean =>
  family.get(role)?.task.steps.find(({ id }) => id === step)?.status === "waiting";

/** Does everything twice, as one does whose answer got lost. */
function twice(): (what: string, act: () => Promise<unknown>) => Promise<void> {
  const done = new Map<string, number>();
  return async (what, act) => {
    const times = done.get(what) ?? 0;
    if (times === 2) return;
    await act();
    done.set(what, times + 1);
  };
}

export const EVERYTHING: Script = {
  name: "of every kind",
  start: async () => {
    isReady = false;
    const id = await submit(everything);
    for (const n of [1, 2]) {
      const headers = { "idempotency-key": `paid ${n}` };
      for (let time = 0; time < 2; time++) {
        expect(await insistently("POST", `/tasks/${id}/signals/paid`, { payload: { n, note: NOTE } }, headers)).toBe(202);
      }
    }
    isReady = true;
    return id;
  },
  actor: () => {
    const once = twice();
    return async (family) => {
      const root = family.get("root");
      const asked = root?.task.steps.find(({ id }) => id === "ask")?.approval;
      if (root === undefined) return;
      if (waitsFor(family, "root", "late")) {
        const headers = { "idempotency-key": "late" };
        await once("late", () => insistently("POST", `/tasks/${root.id}/signals/late`, { payload: "late" }, headers));
      }
      if (asked === undefined) return;
      for (const [index, who] of (await world()).people.entries()) {
        // Both make the same of it: an edit asks anew those who had approved what it was.
        const decision = { decision: "approve", payload: { n: 4 } };
        await once(`approval ${index}`, () => insistently("POST", `/approvals/${asked.id}/decide`, decision, who));
      }
    };
  },
  result: { heard: [2, 1, "late"], paid: 4, route: 9, each: [2, null], wide: 3, study: 7 },
};

export const UNDOING: Script = {
  name: "that is undone",
  start: () => submit(undoing),
  actor: () => async (family) => {
    const root = family.get("root");
    if (root === undefined || !waitsFor(family, "root", "go") || !waitsFor(family, "root/part/0", "long")) return;
    await insistently("POST", `/tasks/${root.id}/signals/go`, { payload: null }, { "idempotency-key": "go" });
  },
  result: null,
};
