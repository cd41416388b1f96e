/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as ENGINE } from "../engine/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  ...ENGINE,

  /** How deep lint looks into a schema: one may refer to itself. */
  schemaDepth: 16,
  /** Expressions whose reads lint remembers: many steps say the same. */
  scannedExpressions: 2_000,
  /** Combinations of statuses for which lint asks a condition: four steps in three ways each, about a millisecond. */
  lintCombinations: 81,
  /** … and how often it asks anything, of a definition: about 0.1 s. */
  lintEvaluations: 10_000,
  /** A registered definition is one row of D1, which holds 2 MB. */
  definitionBytes: 1_800 * KIB,
  /** Definitions that are copied at once: an isolate has 128 MB, and more than one copies. */
  copiedBytes: 2 * MIB,
  workflowsPerTenant: 1_000,
  /** Names that a tenant has ever registered: what a deleted one's versions were numbered is remembered. */
  workflowNames: 10_000,
  versionsPerWorkflow: 1_000,
  /** All channels of a workflow are one value in its row. */
  channelsPerWorkflow: 20,
  /** Workflows that a definition refers to, directly and through others: all of them travel with a task that starts. */
  libraryWorkflows: 50,
  libraryBytes: 4 * MIB,
  /** Boxes and arrows of a diagram; beyond some hundreds nobody reads one. */
  diagramParts: 5_000,

  /** Of one page: each is read from a definition, which may be large … */
  templates: 50,
  /** … and so may its input schema: a larger one is told by `GET /templates/{type}` only. */
  templateSchemaBytes: 16 * KIB,
  /** Parameters that are told. */
  templateParameters: 100,
  /** Values that an example consists of. */
  exampleParts: 1_000,
} as const;
