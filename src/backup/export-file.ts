/** One file of an export: as many records as a file has, from a place on. */
import type { BackupServices } from "./services.ts";
import { lineText } from "./file-line.ts";
import { LIMITS } from "./limits.ts";

/** The kind that comes next, and after which of it. */
export type FilePosition = readonly [kind: string, after: string | null];

export interface ExportedLines {
  readonly lines: readonly string[];
  /** `null`: this was the last file. */
  readonly next: FilePosition | null;
}

export async function exportedLines(
  { registered, keyring }: BackupServices,
  tenant: string,
  from: FilePosition | null,
): Promise<ExportedLines> {
  const lines: string[] = [];
  let bytes = 0;
  const first = from === null ? 0 : registered.findIndex(({ name }) => name === from[0]);
  for (const [index, { name, exportPage }] of registered.entries()) {
    if (index < first) continue;
    let after = index === first ? (from?.[1] ?? null) : null;
    do {
      if (lines.length + LIMITS.chunkRecords > LIMITS.fileRecords || bytes > LIMITS.fileBytes) return { lines, next: [name, after] };
      const { records, next } = await exportPage(tenant, after, LIMITS.chunkRecords);
      for (const record of records) {
        const text = lineText(keyring, tenant, name, record);
        bytes += Buffer.byteLength(text);
        lines.push(text);
      }
      after = next;
    } while (after !== null);
  }
  return { lines, next: null };
}
