/**
 * `npm run estimates`: ten workflows are estimated and then run, on the real service with real agents whose delays and
 * prices it has to find out. The middle of three runs should lie between p5 and p95 of what was estimated, in nine of ten.
 *
 *   npm run estimates -- --rounds N   so many times each (1)
 */
import { parseArgs } from "node:util";
import { ROSTER } from "./roster.ts";
import { Stage } from "./stage.ts";
import { compare, table, type Comparison } from "./trial.ts";
import { PROFILE, TRIALS } from "./workflows.ts";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "1" } } });
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds: expected a number, got "${options.rounds}"`);
  process.exit(2);
}

let stage: Stage | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void (stage?.close() ?? Promise.resolve()).then(() => process.exit(130)));
}
try {
  console.log("Starting the server and the agents …");
  stage = await Stage.open(ROSTER, { profile: PROFILE });
  console.log("Calling every agent, until its figures are known …");
  await stage.warmUp();
  const comparisons: Comparison[] = [];
  for (let round = 0; round < rounds; round++) {
    const taken: Comparison[] = [];
    for (const trial of TRIALS) taken.push(await compare(trial, stage));
    console.log(`\n${table(taken)}`);
    comparisons.push(...taken);
  }
  const within = comparisons.filter(({ isWithin }) => isWithin).length;
  console.log(`\n${within} of ${comparisons.length} within p5 and p95, duration and cost alike`);
  process.exitCode = within >= Math.floor(0.9 * comparisons.length) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await stage?.close();
  // Whatever still runs must not keep trials that have failed from ending.
  process.exit();
}
