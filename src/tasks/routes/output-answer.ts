/** The answer with an output in it. A large one is read from the task's object while the caller takes it. */
import type { Context } from "hono";
import { pulledBody } from "../../http/pulled-body.ts";
import type { Api } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";
import type { Apart } from "../views/task-view.ts";

/** 200 with `answer` as JSON; in the text nobody can tell how it was made. */
export function outputAnswer<T extends object>(c: Context<Api<TaskServices>>, id: string, read: T & Apart) {
  const { large, ...answer } = read;
  if (large === undefined) return c.json<T, 200>(read, 200);
  const [before, after] = aroundOutput(answer).map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  const value = c.var.services.tasks.valueChunks(c.var.principal.tenant, id, large);
  const body = pulledBody(inOrder(before, value, after), before.byteLength + large.bytes + after.byteLength);
  // The framework's types know whole objects alone.
  return c.body(body, 200, { "content-type": "application/json" }) as never;
}

/** The JSON of an object, without the value of `output`. */
function aroundOutput(answer: object): readonly [string, string] {
  const members = Object.entries(answer).filter(([, value]) => value !== undefined);
  const at = members.findIndex(([name]) => name === "output");
  const texts = members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const before = texts.slice(0, at).map((text) => `${text},`);
  const after = texts.slice(at + 1).map((text) => `,${text}`);
  return [`{${before.join("")}"output":`, `${after.join("")}}`];
}

async function* inOrder(
  before: Uint8Array,
  value: AsyncGenerator<Uint8Array>,
  after: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield before;
  yield* value;
  yield after;
}
