/**
 * `npm run state`: records a state folder. Starts a version of the service (`-- --checkout DIR`, this one unless said; it needs
 * its `node_modules`), registers things, begins a task of every kind, kills the server in the middle of all of them, and
 * stores the folder here with what must become of it. A later version has to go on with it (`e2e/state.test.ts`); so a folder
 * is recorded once for a version, and stays.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Server, temporaryFolder, until } from "../e2e/processes.ts";
import { Endpoints } from "./endpoints.ts";
import { eventsOf, SITUATIONS, viewOf, type KnownTask, type Manifest } from "./manifest.ts";
import { pack } from "./packed-folder.ts";
import { register } from "./registered.ts";
import type { Begun, Situation, Stage } from "./situation.ts";
import { signal, steps } from "./steps.ts";

/** Seldom used, and not among those that a system gives away. */
const PORT = 23_917;
/** More than a bulk order does in one go. */
const OBSOLETE = 120;
const SETTINGS = {
  ROOT_API_KEY: "root-key-of-the-state-folder-0123456789",
  // It goes on long after it was recorded, and what had ended is to be there.
  TASK_RETENTION: "3650d",
};
/** Where the service keeps its own: objects, tables, values. */
const isOfTheService = (path: string): boolean => /^v3\/(d1|do|kv)\//.test(path) && !path.endsWith("-shm");

const root = join(import.meta.dirname, "..", "..");
const { values: options } = parseArgs({ options: { checkout: { type: "string", default: root } } });
const checkout = resolve(options.checkout);
const version = execFileSync("git", ["rev-parse", "--short=7", "HEAD"], { cwd: checkout, encoding: "utf8" }).trim();
const target = join(import.meta.dirname, version);
if (existsSync(`${target}.json`)) {
  console.error(`${target}.json is there already: what is recorded stays`);
  process.exit(1);
}

const folder = temporaryFolder();
const endpoints = await Endpoints.at(PORT, "recording");
if (endpoints === null) throw new Error(`Port ${PORT} is taken`);
const server = await Server.start({ folder, checkout, settings: SETTINGS });
const keys = await register(server, PORT);
const stage: Stage = { server, endpoints, keys };

const begun: (readonly [name: string, situation: Situation, begun: Begun])[] = [];
// In order: some of them are in line behind others.
for (const [name, situation] of Object.entries(SITUATIONS)) begun.push([name, situation, await situation.begin(stage)]);
const missing = (await Promise.all(begun.map(isThere))).filter((problem) => problem !== null);
if (missing.length > 0) throw new Error(`Not where they were to be:\n${missing.join("\n")}`);
const tasks = await Promise.all(begun.map(knownOf));
const bulk = await beginBulk();
await server.kill();
endpoints.close();

const manifest: Manifest = {
  version,
  recorded_at: new Date().toISOString(),
  port: PORT,
  settings: SETTINGS,
  keys,
  tasks,
  bulk,
};
const packed = pack(folder, isOfTheService);
writeFileSync(`${target}.folder`, packed);
writeFileSync(`${target}.json`, JSON.stringify(manifest, null, 2));
execFileSync(join(root, "node_modules", ".bin", "oxfmt"), [`${target}.json`]);
console.log(`${target}: ${tasks.length} tasks, ${(packed.length / 1024).toFixed(0)} KiB`);
process.exit();

/** An order that has begun to be carried out. */
async function beginBulk(): Promise<Manifest["bulk"]> {
  const obsolete = { ...steps(signal("never")), tags: ["obsolete"] };
  const ids: string[] = [];
  for (let count = 0; count < OBSOLETE; count++) ids.push(await server.submit(obsolete));
  await until("them to be listed", async () => {
    const { data } = await server.call<{ data: unknown[] }>("GET", "/tasks?tag=obsolete&limit=1000");
    return data.length === OBSOLETE;
  });
  const id = await server.submit({ type: "bulk", action: "cancel", filter: { tag: "obsolete" } });
  // The latest are the first.
  await until("the first to be canceled", async () => (await server.task(ids.at(-1) as string)).status === "canceled");
  return { id, tasks: ids };
}

/** `null` once it is, else what it looks like. */
async function isThere([name, situation, { id }]: (typeof begun)[number]): Promise<string | null> {
  const look = async (): Promise<boolean> => situation.isThere(await viewOf(situation, id, stage), stage);
  try {
    await until(name, look, 15_000);
    return null;
  } catch {
    return `${name}: ${JSON.stringify(await viewOf(situation, id, stage))}`;
  }
}

async function knownOf([name, situation, { id, notes = {} }]: (typeof begun)[number]): Promise<KnownTask> {
  const [view, events] = [await viewOf(situation, id, stage), await eventsOf(situation, id, stage)];
  return {
    situation: name,
    id,
    notes,
    status: view.status,
    waits_on: view.waiting_on?.type ?? null,
    events: events.map(({ type }) => type),
    completed: events.flatMap(({ type, step_id }) => (type === "step.completed" && step_id !== undefined ? [step_id] : [])),
    keys: Object.fromEntries(endpoints?.callsOf(id).map(({ step, key }) => [step, key]) ?? []),
    ends: situation.ends,
    asks: situation.asks,
  };
}
