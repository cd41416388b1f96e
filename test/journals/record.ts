/**
 * `npm run journals`: plays the examples on the real service with real agents, and some that are more trouble, tries again what failed, and stores the
 * journals here, one for every way that a workflow ended. What is stored stays: it is what older versions of the engine have
 * written, and every later one has to make the same of it. So a file that is there is not written again (`-- --again` does).
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { play } from "../../examples/workflows/play.ts";
import { SCENARIOS } from "../../examples/workflows/scenarios.ts";
import { Stage } from "../../examples/workflows/stage.ts";
import { EXTRAS, prepareExtras } from "./extras.ts";

const { values: options } = parseArgs({ options: { again: { type: "boolean", default: false } } });

interface Listed {
  readonly id: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null };
  readonly status: string;
  readonly waiting_on: { readonly type: string } | null;
  readonly forked_from?: { readonly retry: boolean };
}

/** Of this run, by name. */
const stored = new Map<string, readonly string[]>();

const stage = await Stage.open();
try {
  const { orchestrator } = stage;
  for (const scenario of SCENARIOS) await play(scenario, stage);
  await prepareExtras(orchestrator);
  const extras = await Promise.all(EXTRAS.map(async ({ task }) => orchestrator.submit(task)));
  await Promise.all(EXTRAS.map(async ({ meanwhile }, index) => meanwhile?.(orchestrator, extras[index] as string)));
  await Promise.all(extras.map(endOf));
  // A task is in the list about a second after its end.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const first = await listed();
  // Tried again, and from the beginning with what it was to wait for in its place.
  const again = first.flatMap(({ id, status }) =>
    status === "completed" ? [] : [orchestrator.call<Listed>("POST", `/tasks/${id}/retry`, {})],
  );
  const stopped = first.find(({ workflow }) => workflow.name === "stopped");
  again.push(orchestrator.call<Listed>("POST", `/tasks/${stopped?.id ?? ""}/fork`, { from: { seq: 1 }, outputs: { go: "gone" } }));
  const forks = await Promise.all(again.map(async (answer) => endOf((await answer).id)));
  const tasks = [...first, ...forks];
  const parts = await Promise.all(tasks.map(async (task) => ({ task, children: await partsOf(task.id) })));
  for (const { task, children } of parts) {
    await store(nameOf(task), task.id);
    const [part] = children;
    if (part !== undefined) await store(`${nameOf(task)}-part`, part);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stage.close();
  process.exit();
}

/** What is listed, the oldest first, once all of that have ended. */
async function listed(): Promise<readonly Listed[]> {
  const { data } = await stage.orchestrator.call<{ readonly data: readonly Listed[] }>("GET", "/tasks?limit=1000");
  return Promise.all(data.toReversed().map(({ id }) => endOf(id)));
}

async function endOf(id: string): Promise<Listed> {
  for (;;) {
    const task = await stage.orchestrator.call<Listed>("GET", `/tasks/${id}/status`);
    if (!["queued", "running", "waiting", "paused"].includes(task.status)) return task;
    // Who waited for a word that never came waits again.
    if (task.waiting_on?.type === "signal" && task.forked_from !== undefined)
      await stage.orchestrator.call("POST", `/tasks/${id}/cancel`, {});
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Tasks with some of a map's items, which are not listed. */
async function partsOf(id: string): Promise<readonly string[]> {
  const { data } = await stage.orchestrator.call<{
    readonly data: readonly { readonly type: string; readonly data: { readonly items?: number; readonly task?: string } }[];
  }>("GET", `/tasks/${id}/events?limit=1000`);
  return data.flatMap(({ type, data: { items, task } }) =>
    type === "child.started" && items !== undefined && task !== undefined ? [task] : [],
  );
}

function nameOf({ type, workflow, status, forked_from }: Listed): string {
  return [type ?? workflow.name ?? "inline", status, ...(forked_from === undefined ? [] : [forked_from.retry ? "retried" : "forked"])].join(
    "-",
  );
}

/** One for every way to such an end: by what kinds of facts there are in it. */
async function store(name: string, id: string): Promise<void> {
  const text = await stage.orchestrator.exported(id);
  const kinds = [...new Set(text.match(/"type":"(?:task|step|attempt|branch|child|approval|signal|compensation)\.\w+"/g))]
    .toSorted()
    .join();
  const known = stored.get(name) ?? [];
  if (known.includes(kinds)) return;
  stored.set(name, [...known, kinds]);
  const file = join(import.meta.dirname, `${name}${known.length === 0 ? "" : `-${known.length + 1}`}.ndjson`);
  if (existsSync(file) && !options.again) return;
  writeFileSync(file, text);
  console.log(name);
}
