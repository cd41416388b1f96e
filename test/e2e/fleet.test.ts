/** The fleet as a user runs it: unlike agents in two tenants, three of which die and come back, with and without kills of the server. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const main = join(import.meta.dirname, "..", "..", "examples", "fleet", "main.ts");

function fleet(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("close", (code) => resolve({ code, output }));
  });
}

const HOLDS = [
  /✓ each of the \d+ steps settled once, completed/,
  /✓ each of the \d+ attempts came to an end/,
  /✓ nobody stood in line until the time was up/,
  /✓ the events of each task came once, in order and without a gap/,
  /✓ all calls for a step carried one idempotency key/,
  /✓ the narrow agent never had more than 3 keys in flight/,
  /✓ nobody was asked for anything but what a journal of its own tenant names/,
  /✓ no step has an answer of the other tenant's agents/,
  /✓ every attempt was chosen by a receipt, with a reason for everybody else/,
  /✓ unequal agents were used unequally/,
];

/** What the outage looks like from outside, and what it leaves behind. */
const SEEN = [
  /default\/swift is (unhealthy|degraded), its breaker (open|half_open)/,
  /acme\/reader is (unhealthy|degraded), its breaker (open|half_open)/,
  /acme\/picker is offline/,
  /steps are done, without the dead/,
  /default\/swift is back, pid \d+, and tells nobody/,
  /default\/swift has worked again, [1-9]\d* calls; its breaker is closed/,
  /acme\/reader has worked again, [1-9]/,
  /acme\/picker has worked again, [1-9]/,
  /retries on another +[1-9]/,
  /hedges +\d/,
  /degraded steps +[1-9]/,
  /breakers opened +[1-9]/,
  /cost +0\.\d*[1-9]/,
  // Whoever is known well enough by then to be the cheapest, among those that work just then.
  /: (slow|steady): cheapest.*, best of [23] with/,
  // Whoever it is by then: swift on trial or as the best again, an ensemble of the others where it is left alone.
  /: [a-z, ]+: balanced.*, best of [2-4]/,
];

describe("the fleet", () => {
  test("works through an outage and loses nothing, while the server is killed", { timeout: 240_000 }, async () => {
    const { code, output } = await fleet("--steps", "60", "--kills", "1");
    for (const line of [...HOLDS, ...SEEN]) expect(output).toMatch(line);
    expect(output.match(/SIGKILL to the server/g)).toHaveLength(1);
    expect(output).not.toContain("✗");
    expect(code).toBe(0);
  });

  test("says what is wrong with what it is given", async () => {
    const { code, output } = await fleet("--kills", "many");
    expect(output).toContain("--kills: expected a number");
    expect(code).toBe(2);
  });
});
