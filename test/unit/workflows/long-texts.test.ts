/** What hints and lint look for in texts is found in a time that the length bounds: nothing below takes more than a moment. */
import { expect, test } from "vitest";
import { compileWorkflow } from "../../../src/language/compile.ts";

test.each<[string, Record<string, unknown>]>([
  ["marks that do not end", { type: "transform", when: `{{${" ".repeat(4_000)}`, output: 1 }],
  ["marks in a text", { type: "transform", output: `steps.a {{${" ".repeat(100_000)}` }],
  ["a duration", { capability: "c", timeout: `1${" ".repeat(120_000)}x` }],
  ["words with nothing around them", { type: "transform", when: `a ${" ".repeat(4_000)}nd b`, output: 1 }],
  ["quotes that are escaped", { type: "transform", when: `"${'\\"'.repeat(2_000)}`, output: 1 }],
  ["quotes that are escaped, in what is read of a step", { type: "transform", output: `\${${'\\"'.repeat(2_000)}` }],
  ["choices without another", { type: "transform", when: "if ".repeat(1_300), output: 1 }],
  ["a time", { type: "wait", until: `2026-01-01T00:00:00.${"1".repeat(100_000)}` }],
])("%s", (_, step) => {
  const from = process.cpuUsage();
  compileWorkflow(JSON.stringify({ steps: [{ id: "a", ...step }] }));
  const { user } = process.cpuUsage(from);
  expect(user).toBeLessThan(1_000_000);
});
