/** A task as a file: pages of whole lines, each value once, and what was left behind named as that. */
import { expect, test } from "vitest";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import { journalSource } from "../../../src/tasks/journal/journal-source.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { journalPage, linesIn } from "../../../src/tasks/recorder/journal-file.ts";
import { createdEvent } from "../engine/scenario.ts";

// Two of them are more than a page.
const text = "x".repeat(LIMITS.exportPageBytes * 0.75);
const completed = (step: string, payload: number): TaskEvent => ({ type: "step.completed", step, output: { payload, bytes: text.length } });
const events: readonly TaskEvent[] = [
  { ...createdEvent(), webhook: { url: "https://hooks.example", secret: "sealed" } },
  completed("a", 1),
  completed("b", 2),
  completed("c", 1),
  completed("d", 0),
  completed("e", 0),
];
const source = journalSource([{ seq: events.length, at: 1, events }], new Map([1, 2].map((payload) => [payload, text])));

function pages(last: number): readonly { readonly seq: number; readonly event: TaskEvent }[][] {
  const pages: { seq: number; event: TaskEvent }[][] = [];
  for (let after = 0; after < last;) {
    const page = journalPage(source, after, last) ?? new Uint8Array();
    pages.push(
      new TextDecoder()
        .decode(page)
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { seq: number; event: TaskEvent }),
    );
    expect(linesIn(page)).toBe(pages.at(-1)?.length);
    after += linesIn(page);
  }
  return pages;
}

test("comes in pages, each until there is enough of it, up to the event that was asked for", () => {
  expect(pages(6).map((page) => page.map(({ seq }) => seq))).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(pages(2).flat()).toHaveLength(2);
  expect(journalPage(source, 6, 6)).toBeNull();
});

test("has every value once, and says which were left behind", () => {
  const outputs = pages(6)
    .flat()
    .flatMap(({ event }) => ("output" in event && event.output !== undefined ? [event.output] : []));
  expect(outputs.map((output) => ("value" in output ? "value" : output))).toEqual([
    "value",
    "value",
    { seq: 2, bytes: text.length },
    { payload: 0, bytes: text.length },
    { payload: 0, bytes: text.length },
  ]);
});

test("has nothing that binds it to this service", () => {
  const [first] = pages(1).flat();
  expect(first?.event).toMatchObject({ tenant: "", origin: "" });
  expect(JSON.stringify(first)).not.toMatch(/acme|hooks|sealed|orchestrator\.example/);
});
