/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as SHARED } from "../shared/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LIMITS = {
  ...SHARED,

  idLength: 128,
  tags: 20,

  steps: 10_000,
  /** Edges of the graph: a step that needs every earlier one fits, a complete graph of ten thousand does not. */
  needs: 200_000,
  expressionLength: 4_096,
  /** A time as it is written, with more digits of a second than anybody has. */
  timeLength: 64,
  expressionNodes: 1_000,
  expressionDepth: 32,
  /** Sets of variables that expressions are compiled with, by isolate: each has its environment. */
  celEnvironments: 100,
  /** Expressions in one template string. */
  templateParts: 100,
  /** Names of functions that do not exist, after which what the library keeps of them is forgotten: a few hundred bytes each. */
  celUnknownNames: 10_000,
  /** Steps of one evaluation: each part of an expression is one, each time that it is evaluated. About 0.5 s of CPU at most. */
  expressionSteps: 5_000_000,
  /** … and of all that follows from one input: what else is evaluated in the same turn fails. */
  turnSteps: 10_000_000,
  /** Characters that are read through in one step, by the platform, and one by one. */
  charactersOfStep: 32,
  charactersOfWalk: 8,
  /** Steps that it takes to list a key of a map. */
  stepsOfKey: 8,
  /** Steps that an error costs, which `||` and `exists()` pass over: it is made, with the place where it is. */
  stepsOfError: 500,
  /** Steps that a function of the library costs. */
  stepsOfLibrary: 100,
  /** Steps that a moment in another time zone costs, which the platform formats and reads again. */
  stepsOfTimeZone: 2_000,
  /** What one evaluation makes on its way, whether it is kept or not: an isolate has 128 MB. */
  expressionBytes: 64 * MIB,
  /** Bytes that a value of JSON may take for each byte of its text. */
  growthOfBytes: 16,
  durationLength: 256,
  /** From here on a text is looked for without going back in the other, which the platform does. */
  searchedLength: 64,
  /** Of a regular expression: its text, and the instructions that RE2 makes of it, which take microseconds each … */
  patternLength: 4_096,
  patternInstructions: 5_000,
  stepsToCompile: 100,
  /** … and then for each character of the text as much time as two steps. */
  stepsOfInstruction: 2,
  /** Instructions of the expressions that an isolate keeps compiled, some hundred bytes each. */
  rememberedInstructions: 50_000,
  /** Compiled workflows an isolate keeps, by size of their text. */
  compiledGraphBytes: 8 * MIB,
  /** Items of a map, those of them at once, iterations of a repeat, cases of a switch: a plan is bounded before it runs. */
  mapItems: 100_000,
  mapConcurrency: 1_000,
  repeatIterations: 10_000,
  switchCases: 100,
  /** Blocks inside blocks. */
  nesting: 8,
  variableLength: 64,
  assignees: 50,
  quorum: 20,
  chains: 10,
  /** Shapes that are told apart where a value may have one of several, as that of whichever agent answers. */
  shapeChoices: 50,
  diagramLabelLength: 60,
  durationMs: 365 * DAY,
  attempts: 100,
  retryAfterMs: 7 * DAY,

  /** One value: an output, an input, a result. RPC carries 32 MiB, memory holds a few of these at once. */
  valueBytes: 16 * MIB,

  /** Agents that a step names as not wanted. */
  excludedAgents: 100,
  /** Fallbacks of a step, and agents asked at once. */
  fallbacks: 10,
  ensembleAgents: 10,

  /** Tasks that one key may let run, and those in line for a place: an object's memory, a few hundred bytes each. */
  gateLimit: 10_000,
  /** A key is a part of its object's name, which the platform bounds; in characters, up to four bytes each. */
  gateKeyLength: 200,
  /** A burst of submissions, at most from its first to its end. */
  debounceMs: 7 * DAY,

  cacheTtlMs: 30 * DAY,

  /** So that sums of any number of them, money in millionths of a dollar, are exact. */
  budgetUsd: 1_000_000,
  budgetTokens: 1_000_000_000_000,
  budgetCalls: 1_000_000_000,
} as const;
