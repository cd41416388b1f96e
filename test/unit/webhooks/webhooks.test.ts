/** The pure parts of telling endpoints: who wants to hear what, when it is tried again, when nobody is told any more. */
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/webhooks/limits.ts";
import { macOfSecret, newSigningSecret, SIGNING_SECRET, signedHeaders } from "../../../src/shared/signing.ts";
import { freshCondition, learned, type EndpointCondition, type Lesson } from "../../../src/webhooks/endpoint-condition.ts";
import type { Answer } from "../../../src/webhooks/delivery.ts";
import { ALL_EVENTS, isWanted, TASK_EVENTS, TEST_EVENT } from "../../../src/webhooks/events.ts";
import { nextTryAt, verdictOn } from "../../../src/webhooks/retry-times.ts";
import { taskMessage, testMessage } from "../../../src/webhooks/message.ts";
import type { TaskEnded } from "../../../src/webhooks/port.ts";
import { changedRecord, isElsewhere, newRecord, resealed } from "../../../src/webhooks/webhook.ts";

const BY = { type: "key", id: "root" } as const;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("events", () => {
  test("an endpoint hears what it names, and with task.* every end of a task", () => {
    for (const event of TASK_EVENTS) {
      expect(isWanted(event, ALL_EVENTS)).toBe(true);
      for (const other of TASK_EVENTS) expect(isWanted(event, [other])).toBe(event === other);
      expect(isWanted(event, [])).toBe(false);
    }
    expect(isWanted(TEST_EVENT, ALL_EVENTS)).toBe(false);
  });
});

describe("the ladder", () => {
  const pauses = [5_000, 300_000, 0.5 * HOUR, 2 * HOUR, 5 * HOUR, 10 * HOUR];

  test("has seven tries, each pause longer by up to half than the table says, in about a day", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (delivery, now) => {
        let at = now;
        for (const [index, pauseMs] of pauses.entries()) {
          const next = nextTryAt(delivery, index + 1, null, at) ?? 0;
          expect(next - at).toBeGreaterThanOrEqual(pauseMs);
          expect(next - at).toBeLessThanOrEqual(pauseMs * 1.5);
          at = next;
        }
        expect(at - now).toBeLessThan(27 * HOUR);
        expect(nextTryAt(delivery, 7, null, at)).toBeNull();
      }),
    );
  });

  test("is the same for the same delivery, and spreads others", () => {
    expect(nextTryAt("a", 3, null, 0)).toBe(nextTryAt("a", 3, null, 0));
    const moments = new Set(Array.from({ length: 100 }, (_, index) => nextTryAt(`delivery_${index}`, 3, null, 0)));
    expect(moments.size).toBeGreaterThan(95);
  });

  test("Retry-After is a minimum, and bounded", () => {
    expect(nextTryAt("a", 1, 60_000, 0)).toBe(60_000);
    expect(nextTryAt("a", 6, 60_000, 0)).toBe(nextTryAt("a", 6, null, 0));
    expect(nextTryAt("a", 1, 365 * DAY, 0)).toBe(LIMITS.webhookRetryAfterMs);
    expect(nextTryAt("a", 7, 60_000, 0)).toBeNull();
  });

  test.each<[string, Answer, number, "delivered" | "pending" | "given_up"]>([
    ["an arrival", { type: "delivered", status: 204 }, 0, "delivered"],
    ["a failure", { type: "failed", status: 500, error: "", retryAfterMs: null }, 0, "pending"],
    ["the last failure", { type: "failed", error: "", retryAfterMs: null }, 6, "given_up"],
    ["being told to stop", { type: "gone", status: 410, error: "" }, 0, "given_up"],
  ])("after %s", (_, answer, tries, status) => {
    const verdict = verdictOn({ id: "d", event: "task.failed", tries }, answer, 1_000);
    expect(verdict.status).toBe(status);
    expect(verdict.nextAt === null).toBe(status !== "pending");
  });

  test("a test is tried once", () => {
    const answer: Answer = { type: "failed", status: 500, error: "", retryAfterMs: null };
    expect(verdictOn({ id: "d", event: TEST_EVENT, tries: 0 }, answer, 0)).toEqual({ status: "given_up", nextAt: null });
  });
});

describe("the condition of an endpoint", () => {
  const after = (lessons: readonly (readonly [Lesson, number])[]): EndpointCondition =>
    lessons.reduce((condition, [lesson, at]) => learned(condition, lesson, at), freshCondition(1));

  test("that fails is disabled after a hundred deliveries given up in a row", () => {
    const givenUp = (count: number) => Array.from({ length: count }, () => ["given_up", 5] as const);
    expect(after(givenUp(99))).toMatchObject({ failing: { since: 5, givenUp: 99 }, disabled: null });
    expect(after(givenUp(100)).disabled).toMatchObject({ since: 5, reason: "100 deliveries in a row were given up" });
    expect(after([...givenUp(99), ["delivered", 6], ...givenUp(99)]).disabled).toBeNull();
  });

  test("that fails is disabled when nothing has arrived for ten days", () => {
    const started: readonly (readonly [Lesson, number])[] = [
      ["failed", 0],
      ["given_up", DAY],
    ];
    expect(after([...started, ["given_up", 10 * DAY - 1]]).disabled).toBeNull();
    expect(after([...started, ["given_up", 10 * DAY]]).disabled?.reason).toBe("no delivery has arrived for 10d");
    expect(after([...started, ["delivered", 5 * DAY], ["given_up", 10 * DAY]]).disabled).toBeNull();
  });

  test("that wants nothing more is disabled at once, and the first reason stays", () => {
    const gone = after([["gone", 7]]);
    expect(gone.disabled).toMatchObject({ since: 7, isPublished: false });
    expect(learned(gone, "gone", 9).disabled?.since).toBe(7);
  });

  test("is the same object where nothing was learned", () => {
    const fresh = freshCondition(1);
    expect(learned(fresh, "delivered", 1)).toBe(fresh);
    const failing = learned(fresh, "failed", 1);
    expect(learned(failing, "failed", 2)).toBe(failing);
  });
});

describe("a message", () => {
  const ended: TaskEnded = {
    id: "task_1",
    type: "study",
    workflow: { name: "study", version: 2 },
    status: "completed",
    outputText: '{"found":[1,2.50]}',
    outputBytes: 18,
    error: null,
    tags: ["x"],
    createdAt: 0,
    finishedAt: 1_000,
  };

  test("says what ended, how and with what", () => {
    expect(JSON.parse(taskMessage(ended))).toEqual({
      type: "task.completed",
      timestamp: "1970-01-01T00:00:01.000Z",
      data: {
        id: "task_1",
        type: "study",
        workflow: { name: "study", version: 2 },
        status: "completed",
        output: { found: [1, 2.5] },
        error: null,
        tags: ["x"],
        created_at: "1970-01-01T00:00:00.000Z",
        finished_at: "1970-01-01T00:00:01.000Z",
      },
    });
    const child = taskMessage({ ...ended, parent: { task: "task_0", step: "study" }, chainedFrom: "task_2" });
    expect(JSON.parse(child)).toMatchObject({ data: { parent: { task_id: "task_0", step_id: "study" }, chained_from: "task_2" } });
    expect(JSON.parse(testMessage("hook_1", 0))).toEqual({
      type: "webhook.test",
      timestamp: "1970-01-01T00:00:00.000Z",
      data: { webhook: "hook_1" },
    });
  });

  test("is never larger than its bound, and then names the output's size", () => {
    fc.assert(
      fc.property(fc.nat(2 * LIMITS.webhookBodyBytes), fc.constantFrom("x", "é", "\u0001"), (length, character) => {
        const outputText = JSON.stringify(character.repeat(length / 2));
        const outputBytes = Buffer.byteLength(outputText);
        const body = taskMessage({ ...ended, outputText, outputBytes });
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(LIMITS.webhookBodyBytes);
        const { data } = JSON.parse(body) as { data: object };
        expect(data).toMatchObject("output" in data ? { output: JSON.parse(outputText) as string } : { output_bytes: outputBytes });
      }),
      { numRuns: 30 },
    );
    const unsent = JSON.parse(taskMessage({ ...ended, outputText: null, outputBytes: 16_000_000 })) as { data: object };
    expect(unsent.data).toMatchObject({ output_bytes: 16_000_000 });
    expect(unsent.data).not.toHaveProperty("output");
    expect(JSON.parse(taskMessage({ ...ended, outputText: null, outputBytes: 0 }))).toMatchObject({ data: { output: null } });
  });
});

describe("a signature", () => {
  test("is believed by an independent implementation that has any of the secrets", () => {
    const secrets = [newSigningSecret(), newSigningSecret()];
    const body = '{"text":"é"}';
    const headers = signedHeaders(secrets.map(macOfSecret), "delivery_1", body, new Date());
    for (const secret of secrets) {
      expect(secret).toMatch(SIGNING_SECRET);
      expect(new Webhook(secret).verify(body, headers)).toEqual({ text: "é" });
    }
    expect(() => new Webhook(newSigningSecret()).verify(body, headers)).toThrow("No matching signature");
    expect(() => new Webhook(secrets[0] ?? "").verify(`${body} `, headers)).toThrow("No matching signature");
  });
});

describe("a registration", () => {
  const record = newRecord("hook_1", { url: "https://a.example/x" }, false, "first", BY, 0);

  test("goes elsewhere with another origin, not with another path", () => {
    expect(isElsewhere(record, { url: "https://a.example/y" })).toBe(false);
    expect(isElsewhere(record, {})).toBe(false);
    for (const url of ["https://b.example/x", "https://a.example:8443/x", "http://a.example/x"])
      expect(isElsewhere(record, { url })).toBe(true);
  });

  test("keeps replaced secrets for a day, and not more than a few", () => {
    let rotated = record;
    for (let count = 1; count <= 5; count++) rotated = resealed(rotated, `secret ${count}`, true, count);
    expect(rotated.earlierSecrets.map(({ sealed }) => sealed)).toEqual(["secret 4", "secret 3", "secret 2"]);
    expect(resealed(rotated, "later", true, 2 * DAY).earlierSecrets.map(({ sealed }) => sealed)).toEqual(["secret 5"]);
    expect(resealed(rotated, "elsewhere", false, 5).earlierSecrets).toEqual([]);
  });

  test("that is enabled again begins anew", () => {
    const disabled = changedRecord(record, { enabled: false }, BY, 5);
    expect(disabled).toMatchObject({ disabled: { since: 5 }, epoch: 1, revision: 2 });
    expect(changedRecord(disabled, { enabled: false }, BY, 9).disabled?.since).toBe(5);
    expect(changedRecord(disabled, { enabled: true }, BY, 9)).toMatchObject({ disabled: null, epoch: 2, revision: 3 });
    expect(changedRecord(record, { events: ["task.failed"], description: "d" }, BY, 1)).toMatchObject({
      events: ["task.failed"],
      description: "d",
    });
    expect(changedRecord(record, { events: null, description: null }, BY, 1)).toMatchObject({ events: ALL_EVENTS, description: null });
  });
});
