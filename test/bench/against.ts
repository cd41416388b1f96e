/**
 * `npm run bench -- --against REF`: what is committed here against another version, both from checkouts of their own and by
 * their own `npm start`, and both against bare.
 *
 * V1. All of them take turns in random order, in every round; what is compared are the medians of one round.
 * V2. The other version runs twice: how far it is from itself is what the machine does.
 * V3. A difference is told only where the median of the rounds lies beyond 1 with 95 % certainty.
 */
import { join } from "node:path";
import type { AgentProcess } from "./agent-process.ts";
import { checkOut } from "./checkouts.ts";
import { progress } from "./report.ts";
import { Service } from "./service.ts";
import { median, shuffled, spreadOf, verdictOn, type Spread } from "./statistics.ts";
import { ours, plain, type Target, type Work } from "./targets.ts";
import { takeTurn, type Cell, type Turn } from "./turns.ts";

const VERSIONS = ["here", "there", "again", "bare"] as const;
type Version = (typeof VERSIONS)[number];
type Targets = Readonly<Record<Version, Target>>;
type Turns = Readonly<Record<Version, Turn>>;

/** Rounds that are not counted: the first ones also pay for compilers and empty caches. */
const WARM_UPS = 1;
/** Fewer do not come to 95 % certainty, however far apart the two are. */
const LEAST_ROUNDS = 6;

interface Shape {
  readonly work: Work;
  readonly times: number;
  readonly warmUps?: number;
  readonly together?: number;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  single: { work: { shape: "chain", steps: 1 }, times: 40, warmUps: 20 },
  chain10: { work: { shape: "chain", steps: 10 }, times: 15, warmUps: 8 },
  fan100: { work: { shape: "fan", steps: 100 }, times: 6, warmUps: 3 },
  fan100_50ms: { work: { shape: "fan", steps: 100, ms: 50, way: "auto" }, times: 2 },
  fan100_500ms: { work: { shape: "fan", steps: 100, ms: 500, way: "auto" }, times: 1 },
  burst_200x5: { work: { shape: "chain", steps: 5 }, times: 1, warmUps: 10, together: 200 },
};

interface Asked {
  readonly reference: string;
  readonly rounds: number;
  /** Of `SHAPES`; all of them unless said. */
  readonly only?: readonly string[];
}

/** The table, as text. */
export async function compareWith(agent: AgentProcess, folder: string, { reference, rounds, only }: Asked): Promise<string> {
  const unknown = (only ?? []).filter((name) => !(name in SHAPES));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")} to compare; there are ${Object.keys(SHAPES).join(", ")}`);
  // The launcher would trace every target into a database of its own, whose writes are nobody's work.
  process.env["X_LOCAL_OBSERVABILITY"] = "false";
  const [here, there] = [join(folder, "here"), join(folder, "there")];
  const commits = [checkOut("HEAD", here), checkOut(reference, there)] as const;
  const started: Target[] = [];
  const start = async (name: Version, checkout: string): Promise<Target> => {
    const target = await ours(await Service.startCheckout(checkout, join(folder, `${name}-state`)), agent, name);
    started.push(target);
    return target;
  };
  try {
    const targets: Targets = {
      here: await start("here", here),
      there: await start("there", there),
      again: await start("again", there),
      bare: await plain("bare", join(folder, "bare"), agent),
    };
    started.push(targets.bare);
    const shapes = Object.entries(SHAPES).filter(([name]) => only?.includes(name) ?? true);
    const measured = await takeRounds(targets, shapes, rounds);
    return table(commits, measured);
  } finally {
    await Promise.all(started.map(({ server }) => server.stop()));
  }
}

type Measured = ReadonlyMap<string, readonly Turns[]>;

async function takeRounds(targets: Targets, shapes: readonly (readonly [string, Shape])[], rounds: number): Promise<Measured> {
  const measured = new Map<string, Turns[]>(shapes.map(([name]) => [name, []]));
  for (let round = -WARM_UPS; round < rounds; round++) {
    progress(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
    for (const [name, { work, ...cell }] of shuffled(shapes)) {
      const turns = await turnsOf({ ...cell, name, runs: VERSIONS.map((key) => ({ key, target: targets[key], work })) });
      if (round >= 0) measured.get(name)?.push(turns);
    }
  }
  return measured;
}

async function turnsOf(cell: Cell<Version>): Promise<Turns> {
  const turns: Partial<Record<Version, Turn>> = {};
  for (const run of shuffled(cell.runs)) turns[run.key] = await takeTurn(run, cell);
  progress(`  ${cell.name}: ${VERSIONS.map((key) => `${key} ${median((turns[key] as Turn).ms).toFixed(1)} ms`).join(", ")}`);
  return turns as Turns;
}

type Figure = (turn: Turn) => number;
const time: Figure = ({ ms }) => median(ms);
const cpu: Figure = ({ cpuSecondsPerStep }) => cpuSecondsPerStep;

function table([here, there]: readonly [string, string], measured: Measured): string {
  const rows = [...measured].flatMap(([name, turns]) => [row(name, turns, time), row(`${name}, processor`, turns, cpu)]);
  const head = ["", `${here} / bare`, `${there} / bare`, `${here} / ${there}`, `${there} / itself`, ""];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)));
  return [head, ...rows]
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function row(name: string, turns: readonly Turns[], figure: Figure): readonly string[] {
  const ratio = (above: Version, below: Version): Spread => spreadOf(turns.map((turn) => figure(turn[above]) / figure(turn[below])));
  const difference = ratio("here", "there");
  const cells = [ratio("here", "bare"), ratio("there", "bare"), difference, ratio("again", "there")].map(written);
  return [name, ...cells, turns.length < LEAST_ROUNDS ? "too few rounds to tell" : verdictOn(difference)];
}

const written = ({ median: middle, low, high }: Spread): string => `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
