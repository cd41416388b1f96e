/**
 * What a task of each shape costs, counted. Where no clock decides a figure is exact, elsewhere
 * it is the most that there may be. A change that costs one more fails here, and says of what.
 */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, expect, test, vi } from "vitest";
import { CacheObject } from "../../src/cache/cache-object.ts";
import { ANSWERED_BY } from "../../src/tasks/contract.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { TaskObject } from "../../src/tasks/object/task-object.ts";
import { familyOf, hasEnded, isPutAway } from "./family.ts";
import { agentsAnswer, api, registerAgent, stubOf, submit } from "./harness.ts";

/** `atMost` in place of a number: a clock decides. */
type Figure = number | { readonly atMost: number };
interface Costs<F = number> {
  /** Calls of objects and their alarms, reading aside. */
  readonly objects: F;
  /** Rows of journals, and alarms that are set, by all objects of the task and its parts. */
  readonly rows: F;
  readonly alarms: F;
  /** Calls of D1 that write, their statements, and the rows they write with those of indexes. */
  readonly d1Calls: F;
  readonly d1Statements: F;
  readonly d1Rows: F;
  readonly kv: F;
  /** Outcomes aside, which travel gathered: one for each agent and second. */
  readonly messages: F;
  /** Of archives. */
  readonly bytes: F;
}

const counted = { objects: 0, d1Calls: 0, d1Statements: 0, d1Rows: 0, kv: 0, messages: 0 };

beforeEach(() => {
  // How fast the machine is decides nothing here. A task that outlives this tells of itself by a message and a call of D1.
  Object.assign(LIMITS, { historyQuietMs: 60_000 });
  const steering = Object.entries(ANSWERED_BY).flatMap(([name, part]) => (part === "queries" ? [] : [name]));
  countCalls(TaskObject.prototype, [...steering, "alarm"]);
  countCalls(CacheObject.prototype, ["ask", "fill", "free", "alarm"]);
  const batch = env.DB.batch.bind(env.DB);
  vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
    const results = await batch(statements);
    const written = results.reduce((sum, { meta }) => sum + meta.rows_written, 0);
    if (written === 0) return results;
    counted.d1Calls++;
    counted.d1Statements += statements.length;
    counted.d1Rows += written;
    return results;
  });
  for (const name of ["get", "put", "delete"] as const) {
    const original = env.CACHE[name].bind(env.CACHE) as (...given: unknown[]) => unknown;
    vi.spyOn(env.CACHE, name).mockImplementation(((...given: unknown[]) => {
      counted.kv++;
      return original(...given);
    }) as never);
  }
  for (const queue of [env.HISTORY, env.DISPATCH] as readonly Queue[]) {
    const [send, sendBatch] = [queue.send.bind(queue), queue.sendBatch.bind(queue)];
    const note = (body: unknown): void => void (counted.messages += Object.hasOwn(body as object, "outcomes") ? 0 : 1);
    vi.spyOn(queue, "send").mockImplementation((body) => {
      note(body);
      return send(body);
    });
    vi.spyOn(queue, "sendBatch").mockImplementation((given) => {
      const messages = [...given];
      for (const { body } of messages) note(body);
      return sendBatch(messages);
    });
  }
});

function countCalls(prototype: object, names: readonly string[]): void {
  const methods = prototype as Record<string, (...given: unknown[]) => unknown>;
  for (const name of names) {
    const original = methods[name];
    if (original === undefined) throw new Error(`No object answers to ${name}`);
    vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...given: unknown[]) {
      counted.objects++;
      return original.apply(this, given);
    });
  }
}

/** Of one task, from its submission until it has been put away with all that it started. */
async function costsOf(body: Record<string, unknown>, meanwhile: (id: string) => Promise<void> = async () => {}): Promise<Costs> {
  const before = { ...counted };
  const id = await submit(body);
  await meanwhile(id);
  const family = await vi.waitUntil(
    async () => {
      const members = await familyOf(id);
      return [...members.values()].every((member) => hasEnded(member) && isPutAway(member)) && members;
    },
    { timeout: 20_000, interval: 50 },
  );
  let [rows, alarms] = [0, 0];
  for (const member of family.values()) {
    const { cost } = await runInDurableObject(
      stubOf(member.id),
      (instance) => instance as unknown as { cost: Readonly<Record<string, number>> },
    );
    rows += cost["rowsWritten"] ?? 0;
    alarms += cost["alarmsSet"] ?? 0;
  }
  const { bytes } = (await env.DB.prepare("SELECT sum(length(body)) AS bytes FROM archive_parts WHERE id = ?")
    .bind(id)
    .first<{ bytes: number }>()) ?? {
    bytes: 0,
  };
  const since = (name: keyof typeof counted): number => counted[name] - before[name];
  return {
    objects: since("objects"),
    rows,
    alarms,
    d1Calls: since("d1Calls"),
    d1Statements: since("d1Statements"),
    d1Rows: since("d1Rows"),
    kv: since("kv"),
    messages: since("messages"),
    bytes,
  };
}

const list = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);
const step = (id: string, more: Record<string, unknown> = {}) => ({ id, capability: "worker", ...more });

/** The row of a task with its three indexes, and its archive. */
const HISTORY = { d1Calls: 1, d1Statements: 2, d1Rows: 5, kv: 0, messages: 0 };

const SHAPES: Readonly<Record<string, { readonly steps: readonly object[]; readonly input?: unknown; readonly costs: Costs<Figure> }>> = {
  "one step": { steps: [step("a")], costs: { objects: 1, rows: 5, alarms: 2, ...HISTORY, bytes: { atMost: 1_200 } } },
  "chain of 10": {
    steps: list(10).map((n) => step(`s${n}`, n === 0 ? {} : { needs: [`s${n - 1}`] })),
    costs: { objects: 1, rows: 14, alarms: 2, ...HISTORY, bytes: { atMost: 6_500 } },
  },
  "fan-out 100": {
    steps: list(100).map((n) => step(`s${n}`)),
    costs: { objects: 1, rows: { atMost: 12 }, alarms: 2, ...HISTORY, bytes: { atMost: 55_000 } },
  },
  "map of 200": {
    steps: [{ id: "m", type: "map", over: "input", steps: [step("a")] }],
    input: list(200),
    costs: { objects: 1, rows: { atMost: 20 }, alarms: 2, ...HISTORY, bytes: { atMost: 140_000 } },
  },
  approval: {
    steps: [{ id: "ask", type: "approval", title: "May it?" }],
    costs: {
      objects: 2,
      rows: 5,
      alarms: 2,
      d1Calls: { atMost: 2 },
      d1Statements: { atMost: 4 },
      d1Rows: { atMost: 11 },
      kv: 0,
      messages: 1,
      bytes: { atMost: 1_500 },
    },
  },
  retry: {
    steps: [step("flaky", { retry: { delay: "1ms", jitter: "none" } })],
    costs: {
      objects: 2,
      rows: { atMost: 7 },
      alarms: { atMost: 4 },
      d1Calls: { atMost: 2 },
      d1Statements: { atMost: 3 },
      d1Rows: { atMost: 7 },
      kv: 0,
      messages: { atMost: 1 },
      bytes: { atMost: 2_000 },
    },
  },
  cached: {
    steps: [step("kept", { cache: { ttl: "1h" } })],
    costs: { objects: 2, rows: 5, alarms: 2, ...HISTORY, bytes: { atMost: 1_200 } },
  },
  compensated: {
    steps: [step("book", { compensate: { capability: "worker" } }), step("doomed", { needs: ["book"], retry: { max_attempts: 1 } })],
    costs: { objects: 1, rows: 7, alarms: 2, ...HISTORY, bytes: { atMost: 3_000 } },
  },
};

test.each(Object.entries(SHAPES))("what it costs a task to be of this shape: %s", async (name, { steps, input = null, costs }) => {
  await registerAgent("worker", { dispatch: "inline" });
  let isFirst = true;
  agentsAnswer(({ stepId }) => {
    const fails = stepId === "doomed" || (stepId === "flaky" && isFirst);
    if (stepId === "flaky") isFirst = false;
    return fails
      ? Response.json({ code: "no", message: "no", retryable: stepId === "flaky" }, { status: 500 })
      : Response.json({ output: stepId });
  });
  const body = { workflow: { steps }, input };
  // What an isolate learns once is nobody's cost, and what is cached has been made before.
  await costsOf({ workflow: { steps: name === "cached" ? steps : [step("first")] }, input });
  const decide = async (id: string): Promise<void> => {
    const { body: asked } = await api<{ waiting_on: { approval_id: string } }>("GET", `/tasks/${id}/status`);
    expect((await api("POST", `/approvals/${asked.waiting_on.approval_id}/decide`, { decision: "approve" })).status).toBe(200);
  };
  const found = await costsOf(body, name === "approval" ? decide : undefined);
  const allowed = Object.entries(costs).map(([of, figure]: [string, Figure]) => {
    const is = found[of as keyof Costs];
    return [of, typeof figure === "number" ? figure : is <= figure.atMost ? is : figure];
  });
  expect(found).toEqual(Object.fromEntries(allowed));
});
