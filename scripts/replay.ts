/**
 * Plays journals again through the engine of this checkout, offline: `npm run replay -- file.ndjson …`, each an export of a
 * task. Says for each how many events agree, and where the first one does not; exit code 1 if any does not, 2 if a file is
 * no journal.
 */
import { readFileSync } from "node:fs";
import { readJournal, sourceOf } from "../src/tasks/recorder/journal-import.ts";
import { replayJournal } from "../src/tasks/recorder/journal-replay.ts";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("Expected files: npm run replay -- task.ndjson");
  process.exit(2);
}
const codes = files.map((file) => {
  const { code, said } = played(file);
  console.log(JSON.stringify({ file, ...said }));
  return code;
});
process.exitCode = Math.max(...codes);

function played(file: string): { readonly code: 0 | 1 | 2; readonly said: object } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { code: 2, said: { error: error instanceof Error ? error.message : String(error) } };
  }
  const journal = readJournal(text);
  if (!journal.ok) return { code: 2, said: { error: journal.error.message, line: journal.error.line, seq: journal.error.seq } };
  const again = replayJournal(sourceOf(journal.value));
  if (!again.ok) return { code: 2, said: { error: again.error.detail } };
  return { code: again.value.matches ? 0 : 1, said: again.value };
}
