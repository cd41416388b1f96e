/**
 * `npm run bench`: figures, against equivalents measured in the same run and against bounds (`report.ts`).
 * `-- --only hedge,breaker` measures some of them, `-- --json` prints one JSON object as the last line, `-- --rounds N` has
 * the comparison take more or fewer than five turns. `-- --against REF` compares with another version instead (`against.ts`).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { admissionFigures } from "./admission.ts";
import { compareWith } from "./against.ts";
import { AgentProcess } from "./agent-process.ts";
import { budgetFigures } from "./budget.ts";
import { breakerFigures } from "./breaker.ts";
import { cacheFigures } from "./cache.ts";
import { compare } from "./comparison.ts";
import { estimateFigures } from "./estimate.ts";
import { gateFigures } from "./gates.ts";
import { hedgeFigures } from "./hedge.ts";
import { hotPathFigures } from "./hot-path.ts";
import { lintFigures } from "./lint.ts";
import { mapFigures } from "./maps.ts";
import { recorderFigures } from "./recorder.ts";
import { relayFigures } from "./relays.ts";
import { isWithin, progress, report, type Figures } from "./report.ts";
import { selectionFigures } from "./selection.ts";
import { Service } from "./service.ts";
import { timerFigures } from "./timers.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    against: { type: "string" },
  },
});

type Measure = (agents: AgentProcess, service: Service) => Promise<Figures> | Figures;

/** In this order: the comparison has the service to itself, and everybody their own agents in it. */
const MEASURES: Readonly<Record<string, Measure>> = {
  selection: selectionFigures,
  lint: lintFigures,
  estimate: estimateFigures,
  comparison: (agents, service) => compare(agents, service, state, Number(options.rounds ?? 5)),
  relays: (agents, service) => relayFigures(agents, service, state),
  hot_path: hotPathFigures,
  admission: admissionFigures,
  gates: gateFigures,
  budget: budgetFigures,
  hedge: hedgeFigures,
  breaker: breakerFigures,
  map: mapFigures,
  timers: timerFigures,
  cache: cacheFigures,
  recorder: recorderFigures,
};

if (options.against !== undefined) await compareVersions(options.against);
const chosen = options.only?.split(",") ?? Object.keys(MEASURES);
const unknown = chosen.filter((name) => !(name in MEASURES));
if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")} to measure; there are ${Object.keys(MEASURES).join(", ")}`);

async function compareVersions(reference: string): Promise<never> {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
  const compared = await AgentProcess.start();
  try {
    const only = options.only?.split(",");
    console.log(await compareWith(compared, folder, { reference, rounds: Number(options.rounds ?? 15), ...(only && { only }) }));
  } finally {
    compared.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit();
}

const state = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
let isGood = false;
/** What could not be measured: the figures of the others are told all the same. */
const failed: string[] = [];
const agents = await AgentProcess.start();
let service: Service | undefined;
try {
  service = await Service.start(join(state, "ours"));
  const figures: Figures = {};
  for (const [name, measure] of Object.entries(MEASURES)) {
    if (!chosen.includes(name)) continue;
    progress(name);
    try {
      Object.assign(figures, await measure(agents, service));
    } catch (error) {
      failed.push(name);
      progress(`  ${name} was not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  console.log(report(figures));
  if (options.json) console.log(JSON.stringify(figures));
  if (failed.length > 0) console.error(`Not measured: ${failed.join(", ")}`);
  isGood = isWithin(figures) && failed.length === 0;
} finally {
  await service?.server.stop();
  agents.stop();
  rmSync(state, { recursive: true, force: true });
}
process.exitCode = isGood ? 0 : 1;
