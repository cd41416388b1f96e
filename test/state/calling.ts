/** Tasks whose agents are at work, in every way that they can be asked. */
import { until } from "../e2e/processes.ts";
import { agentAt } from "./registered.ts";
import type { Situation } from "./situation.ts";
import {
  after,
  answer,
  answerLater,
  ask,
  cached,
  claim,
  held,
  isCalled,
  leaseOf,
  LONG,
  quick,
  signal,
  SOON,
  steps,
  submit,
  waitsOn,
} from "./steps.ts";

/** More than fits into the journal's rows, which is stored beside them. */
const LARGE = "a large value ".repeat(4_000);

const DAY_MS = 86_400_000;

const list = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

const newest = (...all: readonly object[]): object => ({
  ...steps(...all),
  concurrency: { key: '"newest"', limit: 1, overlap: "cancel_previous" },
  queue_ttl: LONG,
});

export const CALLING: Readonly<Record<string, Situation>> = {
  "is in a call": {
    begin: submit(steps(quick("first"), held("middle", { ...after("first"), timeout: LONG }), quick("last", after("middle")))),
    isThere: isCalled("middle"),
    ends: { status: "completed", output: { last: answer("last") } },
    asks: ["middle", "last"],
  },
  "is in a call with a large value": {
    begin: submit({
      workflow: {
        steps: [quick("large", { input: { text: "${ input.text }" } }), held("middle", after("large"))],
        output: "${ size(steps.large.output.input.text) }",
      },
      input: { text: LARGE },
    }),
    isThere: isCalled("middle"),
    ends: { status: "completed", output: LARGE.length },
    asks: ["middle"],
  },
  "is in a call by queue": {
    begin: submit(steps(ask("queued", "slow", { timeout: SOON }), quick("last", after("slow")))),
    isThere: isCalled("slow"),
    ends: { status: "completed", output: { last: answer("last") } },
    asks: ["slow", "last"],
  },
  "is to be called back": {
    begin: async (stage) => {
      const begun = await submit(steps(ask("later", "promised", { timeout: LONG }), quick("last", after("promised"))))(stage);
      const call = await until("the call", () => stage.endpoints.callsOf(begun.id, "promised")[0]);
      await until("its 202 to be known", async () => (await leaseOf(call.callback, stage)) > Date.now() + 300 * DAY_MS);
      return { ...begun, notes: { callback: call.callback } };
    },
    isThere: isCalled("promised"),
    goOn: ({ notes }, stage) => answerLater(notes?.["callback"] ?? "", "as promised", stage),
    ends: { status: "completed", output: { last: answer("last") } },
    asks: ["last"],
  },
  "is with a worker that pulled it": {
    begin: async (stage) => {
      const begun = await submit(steps(ask("puller", "dig", { timeout: LONG })))(stage);
      const { task, callback } = await claim(stage);
      if (task !== begun.id) throw new Error("Another task was claimed");
      return { ...begun, notes: { callback } };
    },
    isThere: ({ status }) => status === "running",
    goOn: ({ notes }, stage) => answerLater(notes?.["callback"] ?? "", "dug", stage),
    ends: { status: "completed", output: { dig: "dug" } },
    asks: [],
  },
  "waits for a worker to pull it": {
    begin: submit({ ...steps(ask("puller", "dig", { timeout: LONG })), queue_ttl: LONG }),
    isThere: waitsOn("capacity"),
    goOn: async ({ id }, stage) => {
      const { task, callback } = await claim(stage);
      if (task !== id) throw new Error("Another task was claimed");
      await answerLater(callback, "dug, too", stage);
    },
    ends: { status: "completed", output: { dig: "dug, too" } },
    asks: [],
  },
  "has the only place of an agent": {
    begin: submit(steps(ask("narrow", "inside", { timeout: LONG }))),
    isThere: isCalled("inside"),
    ends: { status: "completed", output: { inside: answer("inside") } },
    asks: ["inside"],
  },
  "is in line for the only place of an agent": {
    begin: submit({ ...steps(ask("narrow", "outside", { timeout: LONG })), queue_ttl: LONG }),
    isThere: waitsOn("capacity"),
    ends: { status: "completed", output: { outside: answer("outside") } },
    asks: ["outside"],
  },
  "is in the middle of a map": {
    begin: submit(
      steps({
        id: "each",
        type: "map",
        over: list(5),
        concurrency: 2,
        steps: [held("one", { input: { item: "${ item }", hold: "${ item == 3 }" } })],
        output: "${ steps.one.output.input.item }",
      }),
    ),
    isThere: isCalled("each[3]/one", "each[4]/one"),
    ends: { status: "completed", output: { each: [0, 1, 2, 3, 4] } },
    asks: ["each[3]/one"],
  },
  "is in the middle of a map that is spread over tasks": {
    begin: async (stage) => {
      const begun = await submit(
        steps({
          id: "each",
          type: "map",
          over: list(201),
          steps: [
            {
              id: "which",
              type: "switch",
              cases: [{ when: "item == 150", steps: [held("one", { timeout: LONG })] }],
              default: { output: "${ item }" },
            },
          ],
          output: "${ index }",
        }),
      )(stage);
      await until("the item to be asked for", () =>
        stage.endpoints.calls.some(({ step }) => step.endsWith("/one") && step.includes("which")),
      );
      return begun;
    },
    isThere: () => true,
    ends: { status: "completed", output: { each: list(201) } },
    asks: [],
  },
  "undoes what it did": {
    begin: submit(
      steps(quick("book", { compensate: { agent: "held", input: { undo: "${ steps.book.output.step }" } } }), {
        ...after("book"),
        id: "pay",
        agent: "refusing",
      }),
    ),
    isThere: ({ id, compensations }, { endpoints }) =>
      compensations?.[0]?.status === "running" && endpoints.calls.some(({ task, agent }) => task === id && agent === "held"),
    ends: { status: "failed", code: "refused" },
    asks: ["book~undo"],
  },
  "is canceled for a newer one, and undoes what it did": {
    begin: submit(newest(quick("book", { compensate: { agent: "held" } }), signal("never", after("book")))),
    isThere: ({ ending, compensations }) => ending === "canceled" && compensations?.[0]?.status === "running",
    ends: { status: "canceled" },
    asks: ["book~undo"],
  },
  "waits for those to end that were canceled for it": {
    begin: submit(newest(quick("instead"))),
    isThere: waitsOn("concurrency"),
    ends: { status: "completed", output: { instead: answer("instead") } },
    asks: ["instead"],
  },
  "brings a result to the cache, for which another waits": {
    begin: submit(steps(cached("brought"))),
    isThere: isCalled("brought"),
    ends: { status: "completed", output: { brought: answer("brought", { q: 1 }) } },
    asks: ["brought"],
  },
  "asks three at once, of whom two have answered": {
    begin: submit(steps({ id: "sing", capability: "choir", ensemble: { agents: 3, mode: "all" } })),
    isThere: isCalled("sing"),
    ends: { status: "completed", output: { sing: list(3).map(() => answer("sing")) } },
    asks: ["sing"],
  },
  "asks two, as the first takes long": {
    begin: submit(steps({ id: "race", capability: "pair", hedge: { after: "200ms", max_share: 1 } })),
    isThere: ({ id }, { endpoints }) => endpoints.callsOf(id).length === 2,
    ends: { status: "completed", output: { race: answer("race") } },
    asks: ["race"],
  },
  "asks somebody else, as the first refused": {
    begin: submit(steps({ id: "rescued", agent: "refusing", fallback: [{ agent: "held" }] })),
    isThere: ({ id }, { endpoints }) => endpoints.callsOf(id).some(({ agent }) => agent === "held"),
    ends: { status: "completed", output: { rescued: answer("rescued") } },
    asks: ["rescued"],
  },
  "was started by a schedule": {
    begin: async ({ server }) => {
      await server.call("PUT", "/schedules/by-hand", { cron: "0 0 1 1 *", task: steps(held("scheduled")) });
      const { task_id } = await server.call<{ task_id: string }>("POST", "/schedules/by-hand/trigger", {});
      return { id: task_id };
    },
    isThere: isCalled("scheduled"),
    ends: { status: "completed", output: { scheduled: answer("scheduled") } },
    asks: ["scheduled"],
  },
  "is of another tenant": {
    isAcme: true,
    begin: async ({ server, endpoints, keys }) => {
      const as = { authorization: `Bearer ${keys.acme}` };
      await server.call("PUT", "/agents/held", agentAt(endpoints.port, "held", "/held"), as);
      return server.call<{ id: string }>("POST", "/tasks", steps(held("theirs")), as);
    },
    isThere: isCalled("theirs"),
    ends: { status: "completed", output: { theirs: answer("theirs") } },
    asks: ["theirs"],
  },
  "is a fork, and waits where the first one did": {
    begin: async ({ server }) => {
      const id = await server.submit(steps(quick("kept"), signal("go", after("kept")), quick("last", after("go"))));
      await server.call("POST", `/tasks/${id}/signals/go`, { payload: 1 });
      await server.ended(id);
      const fork = await server.call<{ id: string }>("POST", `/tasks/${id}/fork`, { from: { step: "go" } });
      return { id: fork.id };
    },
    isThere: waitsOn("signal"),
    goOn: ({ id }, { server }) => server.call("POST", `/tasks/${id}/signals/go`, { payload: 2 }),
    ends: { status: "completed", output: { last: answer("last") } },
    asks: ["last"],
  },
};
