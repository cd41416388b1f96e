/**
 * `npm run examples`: the service, the agents, and every workflow of this folder, with what people and other systems do meanwhile.
 *
 *   npm run examples                          all of them
 *   npm run examples -- trip-booking-saga …   these
 */
import { parseArgs } from "node:util";
import { play } from "./play.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Stage } from "./stage.ts";

const { positionals: wanted } = parseArgs({ allowPositionals: true });
const known = new Set(SCENARIOS.map(({ workflow }) => workflow));
const unknown = wanted.find((name) => !known.has(name));
if (unknown !== undefined) {
  console.error(`There is no example "${unknown}"; there are ${[...known].join(", ")}`);
  process.exit(2);
}

let stage: Stage | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void (stage?.close() ?? Promise.resolve()).then(() => process.exit(130)));
}
try {
  console.log("Starting the server and the agents …");
  stage = await Stage.open();
  console.log(`${stage.agents.length} agents: ${stage.agents.map(({ id }) => id).join(", ")}`);
  let isGood = true;
  for (const scenario of SCENARIOS)
    if (wanted.length === 0 || wanted.includes(scenario.workflow)) isGood = (await play(scenario, stage)) && isGood;
  process.exitCode = isGood ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await stage?.close();
  // Whatever still runs must not keep examples that have failed from ending.
  process.exit();
}
