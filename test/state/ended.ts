/** Tasks that have ended in every way, and some whose end has something to follow. */
import type { Situation, Stage } from "./situation.ts";
import { SIGNING_SECRET } from "./endpoints.ts";
import { after, answer, isEnded, quick, signal, steps, submit, tell, waitsOn } from "./steps.ts";

/** Submits, and waits for the end. */
const run =
  (body: object): Situation["begin"] =>
  async (stage) => {
    const begun = await submit(body)(stage);
    await stage.server.ended(begun.id);
    return begun;
  };

export const ENDED: Readonly<Record<string, Situation>> = {
  "has completed": {
    begin: run(steps(quick("a"), quick("b", after("a")))),
    isThere: isEnded,
    ends: { status: "completed", output: { b: answer("b") } },
    asks: [],
  },
  "has completed, and its webhook has not heard of it": {
    begin: async (stage: Stage) => {
      const url = `http://127.0.0.1:${stage.endpoints.port}/hook?as=its-own`;
      return run({ ...steps(quick("a")), webhook: { url, secret: SIGNING_SECRET } })(stage);
    },
    isThere: isEnded,
    ends: { status: "completed", output: { a: answer("a") } },
    asks: [],
  },
  "has failed": {
    begin: run(steps(quick("a"), { id: "b", agent: "refusing", ...after("a") })),
    isThere: isEnded,
    ends: { status: "failed", code: "refused" },
    asks: [],
  },
  "was canceled": {
    begin: async (stage) => {
      const begun = await submit(steps(quick("a"), signal("never", after("a"))))(stage);
      await stage.server.call("POST", `/tasks/${begun.id}/cancel`, { reason: "enough" });
      return begun;
    },
    isThere: isEnded,
    ends: { status: "canceled" },
    asks: [],
  },
  "has passed its deadline": {
    begin: run({ ...steps(signal("never")), deadline: "1s" }),
    isThere: isEnded,
    ends: { status: "timed_out" },
    asks: [],
  },
  "found no agent": {
    begin: run({ ...steps({ id: "a", capability: "nobody" }), on_no_agent: "fail" }),
    isThere: isEnded,
    ends: { status: "failed" },
    asks: [],
  },
  "was imported": {
    begin: async (stage) => {
      const { id } = await run(steps(quick("elsewhere")))(stage);
      const body = await (await stage.server.fetch(`/tasks/${id}/export`)).text();
      const headers = { "content-type": "application/x-ndjson" };
      const imported = await stage.server.fetch("/tasks/import", { method: "POST", headers, body });
      if (!imported.ok) throw new Error(await imported.text());
      const { id: here }: { readonly id: string } = await imported.json();
      return { id: here };
    },
    isThere: isEnded,
    ends: { status: "completed", output: { elsewhere: answer("elsewhere") } },
    asks: [],
  },
  "starts another when it ends": {
    begin: submit({ workflow: { steps: [signal("go")], on_completed: { workflow: "next", input: { after: "${ output.go }" } } } }),
    isThere: waitsOn("signal"),
    goOn: tell("go", "me"),
    ends: { status: "completed", output: { go: "me" } },
    asks: [],
  },
};
