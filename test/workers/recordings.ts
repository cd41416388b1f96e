/** Tasks as only history has them left. */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import { Journal } from "../../src/tasks/object/journal.ts";
import { api, stubOf } from "./harness.ts";

/** Until its archive is written. */
export async function putAway(id: string): Promise<void> {
  await vi.waitUntil(
    async () => {
      const { body } = await api<{ data: { type: string }[] }>("GET", `/tasks/${id}/events?limit=1000`);
      return body.data.at(-1)?.type === "task.archived";
    },
    { timeout: 10_000, interval: 50 },
  );
}

/** … and its object has forgotten it. */
export async function archived(id: string): Promise<void> {
  await putAway(id);
  await runInDurableObject(stubOf(id), async (_, { storage }) => {
    await storage.deleteAll();
    await storage.deleteAlarm();
  });
  await abortAllDurableObjects();
  await runInDurableObject(stubOf(id), (_, { storage }) => {
    if (new Journal(storage.sql).exists) throw new Error("The object still has it");
  });
}
