/** What is done with all that is registered: copied into files, and put back. */
import type { Actor } from "../shared/actor.ts";
import { log } from "../shared/log.ts";
import { operation } from "../shared/operation.ts";
import { ok } from "../shared/result.ts";
import type { RejectionCode } from "../shared/errors.ts";
import { exportedLines, type FilePosition } from "./export-file.ts";
import { readFile, type FiledRecord } from "./import-file.ts";
import type { BackupServices } from "./services.ts";

export interface ImportCounts {
  readonly created: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly refused: number;
}

export interface RefusedRecord {
  readonly line: number;
  readonly kind: string;
  readonly name: string;
  readonly code: RejectionCode;
  readonly reason: string;
}

interface Outcome {
  readonly record: FiledRecord;
  readonly outcome: keyof ImportCounts;
}

export const exportRegistry = operation("registry:export", async (actor, services: BackupServices, from: FilePosition | null) =>
  ok(await exportedLines(services, actor.tenant, from)),
);

/** A file that is not right changes nothing. Of a right one each record comes about by itself; sending it again does the rest. */
export const importRegistry = operation("registry:import", async (actor, services: BackupServices, text: string, overwrites: boolean) => {
  const read = readFile(services, actor.tenant, text);
  if (!read.ok) return read;
  const outcomes: Outcome[] = [];
  const refused: RefusedRecord[] = [];
  try {
    for (const record of read.value) {
      const restored = await record.restore(actor, overwrites);
      outcomes.push({ record, outcome: restored.ok ? restored.value : "refused" });
      if (restored.ok) continue;
      const { code, detail } = restored.error;
      refused.push({ line: record.line, kind: record.kind.name, name: record.name, code, reason: detail });
    }
  } finally {
    await settle(actor, services, outcomes);
  }
  const counts = Object.fromEntries(services.registered.map(({ name }) => [name, countsOf(name, outcomes)]));
  const { type, id } = actor;
  log("info", "registry imported", { tenant: actor.tenant, by: `${type} ${id}`, records: outcomes.length, refused: refused.length });
  return ok({ counts, refused });
});

async function settle({ tenant }: Actor, { registered }: BackupServices, outcomes: readonly Outcome[]): Promise<void> {
  for (const kind of registered) {
    const changed = outcomes.filter(({ record, outcome }) => record.kind === kind && (outcome === "created" || outcome === "replaced"));
    if (changed.length > 0)
      await kind.settle(
        tenant,
        changed.map(({ record }) => record),
      );
  }
}

function countsOf(kind: string, outcomes: readonly Outcome[]): ImportCounts {
  const count = (wanted: keyof ImportCounts): number =>
    outcomes.filter(({ record, outcome }) => record.kind.name === kind && outcome === wanted).length;
  return { created: count("created"), replaced: count("replaced"), unchanged: count("unchanged"), refused: count("refused") };
}
