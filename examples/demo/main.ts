/**
 * `npm run demo`: the service and five agents, each a process, at work on real documents.
 *
 *   npm run demo                          the documents of this project
 *   npm run demo -- FILE_OR_FOLDER …      your own
 *   npm run demo -- --graph FILE          replays a recorded workflow, one second of it in one millisecond
 *     --dispatch inline|queue|callback    how its agent is reached (inline)
 *     --scale MS                          milliseconds for a second of the recording (1)
 *     --kills N                           kills the server N times on the way
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ServerProcess } from "../../scripts/server-process.ts";
import { reportOn } from "./documents.ts";
import { Orchestrator } from "../setup/orchestrator.ts";
import { DISPATCHES, replay, type Dispatch } from "./replay.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    graph: { type: "string" },
    dispatch: { type: "string", default: "inline" },
    scale: { type: "string", default: "1" },
    kills: { type: "string", default: "0" },
  },
});

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

const dispatch = options.dispatch as Dispatch;
const [scale, kills] = [Number(options.scale), Number(options.kills)];
if (!DISPATCHES.includes(dispatch)) fail(`--dispatch: expected one of ${DISPATCHES.join(", ")}, got "${dispatch}"`);
if (!(scale > 0)) fail(`--scale: expected a positive number of milliseconds, got "${options.scale}"`);
if (!Number.isInteger(kills) || kills < 0) fail(`--kills: expected a number, got "${options.kills}"`);

const state = mkdtempSync(join(tmpdir(), "orchestrator-demo-"));
let server: ServerProcess | undefined;
let isStopping = false;

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await server?.stop();
  rmSync(state, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop().then(() => process.exit(130)));

try {
  console.log("Starting the server …");
  server = await ServerProcess.start(state);
  const orchestrator = new Orchestrator(server);
  const isGood =
    options.graph === undefined
      ? await reportOn(positionals, orchestrator)
      : await replay({ file: options.graph, dispatch, scale, kills }, orchestrator, server);
  process.exitCode = isGood ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await stop();
  // Whatever still runs must not keep a demo that has failed from ending.
  process.exit();
}
