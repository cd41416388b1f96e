/**
 * `npm run storm -- --seconds 300`: kills the server at random under a mixed load, and says what was lost, done twice, untold, unasked
 * or wrong. `-- --kills N` ends it after so many, `-- --seed N` repeats one.
 */
import { parseArgs } from "node:util";
import { storm } from "./storm.ts";

const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, kills: { type: "string", default: "1000000" }, seed: { type: "string" } },
});
const seed = Number(options.seed ?? Math.floor(Math.random() * 1_000_000));
console.log(`seed ${seed}`);
const { lost, twice, untold, unasked, wrong, byKind, ...counts } = await storm({
  seed,
  seconds: Number(options.seconds),
  kills: Number(options.kills),
  progress: (text) => console.log(text),
});
for (const [what, faults] of Object.entries({ lost, twice, untold, unasked, wrong }))
  for (const fault of faults) console.log(`${what}: ${fault}`);
console.log(JSON.stringify(byKind));
console.log(`${counts.kills} kills, ${counts.accepted} tasks, ${counts.calls} calls`);
console.log(`lost ${lost.length}, twice ${twice.length}, untold ${untold.length}, unasked ${unasked.length}, wrong ${wrong.length}`);
process.exit([lost, twice, untold, unasked, wrong].every((faults) => faults.length === 0) ? 0 : 1);
