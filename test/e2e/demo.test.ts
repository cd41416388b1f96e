/** The demo as a user runs it, on documents and on a recorded workflow, with kills on the way. */
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const main = join(import.meta.dirname, "..", "..", "examples", "demo", "main.ts");
const folder = mkdtempSync(join(tmpdir(), "orchestrator-demo-test-"));

function demo(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("close", (code) => resolve({ code, output }));
  });
}

interface Recorded {
  readonly id: string;
  readonly parents: readonly string[];
  readonly runtimeInSeconds: number;
}

/** Layers in which every task has a few parents in the layer before, like the recordings of real workflows. */
function layered(layers: number, width: number): readonly Recorded[] {
  const name = (layer: number, index: number): string => `Layer.${layer}_ID0000${index}`;
  return Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: width }, (__, index) => ({
      id: name(layer, index),
      parents:
        layer === 0 ? [] : [...new Set([index, (index * 7 + layer) % width, (index + 1) % width])].map((parent) => name(layer - 1, parent)),
      runtimeInSeconds: 20 + ((index * 37 + layer * 11) % 150),
    })),
  ).flat();
}

function recordingOf(tasks: readonly Recorded[]): string {
  const file = join(folder, `${tasks.length}.json`);
  writeFileSync(file, JSON.stringify({ name: "generated", tasks }));
  return file;
}

const GOOD = [
  "✓ every step completed once",
  "✓ no step started before its parents had completed",
  "✓ no step was asked for again after it had completed",
];

describe("the demo", () => {
  test("splits documents, analyses them side by side, looks closer where it must, and reports", async () => {
    const long = `${Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ")}.`;
    writeFileSync(join(folder, "one.md"), `# Orchestration\n\nOrchestration is easy. Orchestration is durable.\n\n## Hard\n\n${long}\n`);
    writeFileSync(join(folder, "two.md"), "# Agents\n\nAgents do the work.\n");
    const { code, output } = await demo(join(folder, "one.md"), join(folder, "two.md"));
    expect(output).toContain("✓ critique");
    expect(output).toContain("# What 2 documents say");
    expect(output).toMatch(/orchestration +█+ \d/);
    expect(output).toContain("60 words");
    expect(code).toBe(0);
  });

  test("leaves out the branch that nobody needs", async () => {
    const { code, output } = await demo(join(folder, "two.md"));
    expect(output).toContain("– critique not needed");
    expect(output).toContain("No sentence is longer");
    expect(code).toBe(0);
  });

  test("replays a recorded workflow by its dependencies while the server is killed again and again", async () => {
    const { code, output } = await demo("--graph", recordingOf(layered(6, 6)), "--kills", "2", "--dispatch", "callback");
    for (const line of GOOD) expect(output).toContain(line);
    expect(output).toContain("steps          36");
    expect(output.match(/SIGKILL/g)).toHaveLength(2);
    expect(code).toBe(0);
  });

  test("says what is wrong with what it is given", async () => {
    const file = join(folder, "broken.json");
    writeFileSync(file, JSON.stringify({ tasks: [{ id: "a", parents: ["b"], runtimeInSeconds: 1 }] }));
    const { code, output } = await demo("--graph", file);
    expect(output).toContain("unknown_need");
    expect(code).toBe(1);
  });
});
