/**
 * `npm run fleet`: two tenants, twelve agents of every kind, two hundred steps; three agents are killed midway and come back.
 * A show and a check at once: it says what happened, and ends with 1 if anything did not hold.
 *
 *   npm run fleet -- --steps N   at least so many steps in the first tasks (200)
 *                    --kills N   kills the server too, so many times at random moments (0)
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ServerProcess } from "../../scripts/server-process.ts";
import { FleetShow } from "./fleet-show.ts";
import { say } from "./moments.ts";

const { values: options } = parseArgs({ options: { steps: { type: "string", default: "200" }, kills: { type: "string", default: "0" } } });
const [steps, kills] = [Number(options.steps), Number(options.kills)];
if (!Number.isInteger(steps) || steps < 1 || steps > 2_000) fail(`--steps: expected a number from 1 to 2000, got "${options.steps}"`);
if (!Number.isInteger(kills) || kills < 0) fail(`--kills: expected a number, got "${options.kills}"`);

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

const state = mkdtempSync(join(tmpdir(), "orchestrator-fleet-"));
let server: ServerProcess | undefined;
let show: FleetShow | undefined;
let stopping: Promise<void> | undefined;

/** Once, however many ask: whoever ends the process waits until nothing of it is left. */
function stop(): Promise<void> {
  return (stopping ??= stopEverything());
}

async function stopEverything(): Promise<void> {
  await show?.stop();
  await server?.stop();
  rmSync(state, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop().then(() => process.exit(130)));

// Much goes on side by side: whatever fails on the side ends the show.
process.on("unhandledRejection", (error) => void failed(error));

async function failed(error: unknown): Promise<void> {
  console.error(error);
  if (server !== undefined) console.error(server.output.slice(-4_000));
  await stop();
  process.exit(1);
}

try {
  say("starting the server …");
  server = await ServerProcess.start(state);
  show = new FleetShow(server);
  const isGood = await show.run({ steps, kills });
  await stop();
  process.exit(isGood ? 0 : 1);
} catch (error) {
  await failed(error);
}
