import { expect, test } from "vitest";
import { exportedLines } from "../../../src/backup/export-file.ts";
import { LIMITS } from "../../../src/backup/limits.ts";
import type { RegisteredKind } from "../../../src/records/registered.ts";
import { createKeyring } from "../../../src/shared/keyring.ts";
import { ok } from "../../../src/shared/result.ts";

const keyring = createKeyring([{ name: "k", secret: new Uint8Array(32) }]);
const TEXT = "字".repeat(300_000);

/** One page for each of so many records. */
const texts = (count: number): RegisteredKind => ({
  name: "text",
  exportPage: async (_, after) => {
    const number = Number(after ?? 0) + 1;
    return { records: [{ number, text: TEXT }], next: number === count ? null : String(number) };
  },
  read: (_, record) => ok({ record, name: "", secrets: [], faults: [], restore: async () => ok("created" as const) }),
  settle: async () => {},
});

test("a file is as large as it may be in bytes, whatever its letters are, and the next one goes on where it ends", async () => {
  const services = { registered: [texts(10)], keyring };
  const first = await exportedLines(services, "t", null);
  const size = Buffer.byteLength(first.lines.join("\n"));
  expect(size).toBeGreaterThan(LIMITS.fileBytes);
  expect(size).toBeLessThan(LIMITS.fileBytes + 1_000_000);
  const rest = await exportedLines(services, "t", first.next);
  expect(first.lines.length + rest.lines.length).toBe(10);
});
