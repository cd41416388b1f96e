/**
 * Journals that earlier versions have written, played again by this one: what a later engine makes of a task that is under
 * way is what the earlier one would have made of it. A difference here is a change that running tasks will not survive.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readJournal, sourceOf, type ReadJournal } from "../../../src/tasks/recorder/journal-import.ts";
import { replayJournal } from "../../../src/tasks/recorder/journal-replay.ts";
import { STEP_KINDS } from "../../../src/language/kinds/table.ts";

const folder = join(import.meta.dirname, "..", "..", "journals");
const files = readdirSync(folder).filter((name) => name.endsWith(".ndjson"));
const textOf = (name: string): string => readFileSync(join(folder, name), "utf8");

function journalOf(name: string): ReadJournal {
  const journal = readJournal(textOf(name));
  if (!journal.ok) throw new Error(`${name}, line ${journal.error.line}: ${journal.error.message}`);
  return journal.value;
}

test.each(files)("%s comes out the same", (name) => {
  const journal = journalOf(name);
  expect(replayJournal(sourceOf(journal))).toEqual({ ok: true, value: { events: journal.events, matches: true } });
});

describe("among them", () => {
  const texts = files.map(textOf).join("");

  test("are tasks that ended in every way, and steps of every kind", () => {
    const statuses = new Set(files.map((name) => (JSON.parse(textOf(name).split("\n", 1)[0] as string) as { status: string }).status));
    expect([...statuses].toSorted()).toEqual(["canceled", "completed", "failed", "rejected", "timed_out"]);
    expect(STEP_KINDS.filter((kind) => kind !== "agent" && !texts.includes(`"type":"${kind}"`))).toEqual([]);
  });

  test.each(["step.kept", "child.kept", "compensation.completed", "approval.escalated", "signal.received", "task.paused", "step.degraded"])(
    "is one with %s",
    (type) => {
      expect(texts.includes(`"type":"${type}"`)).toBe(true);
    },
  );
});

test("a journal in which one fact is another is found out", () => {
  const journal = journalOf("trip-booking-saga-failed.ndjson");
  const rows = journal.rows.map((row) => ({
    ...row,
    events: row.events.map((event) => (event.type === "compensation.started" ? { ...event, step: "nowhere" } : event)),
  }));
  const again = replayJournal(sourceOf({ rows }));
  expect(again).toMatchObject({
    ok: true,
    value: { matches: false, divergence: { got: { type: "compensation.started" } } },
  });
});
