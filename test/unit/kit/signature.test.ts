import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { defineAgent } from "../../../src/kit/agent.ts";
import { ask, bodyOf, SECRET, signed } from "./orchestrator.ts";

const OTHER = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
const body = JSON.stringify(bodyOf());
let executed = 0;
const definition = { id: "agent", capabilities: ["work"], execute: () => ++executed };
const agent = defineAgent({ ...definition, secret: SECRET });

describe("a request to an agent with a secret", () => {
  test("is believed when an independent implementation signed it", async () => {
    expect(await ask(agent, signed(body))).toMatchObject({ status: 200 });
  });

  test("is believed when one of several signatures is good, of which some may be of versions to come", async () => {
    const request = signed(body);
    const good = request.headers.get("webhook-signature") ?? "";
    request.headers.set("webhook-signature", `v2,abc v1a,${"A".repeat(43)}= v1,not-base64! v1,${"A".repeat(43)}= ${good}`);
    expect(await ask(agent, request)).toMatchObject({ status: 200 });
  });

  test("is believed with the old secret and the new one while the secret is being replaced", async () => {
    const rotating = defineAgent({ ...definition, secret: [OTHER, SECRET] });
    expect(await ask(rotating, signed(body, { secret: OTHER }))).toMatchObject({ status: 200 });
    expect(await ask(rotating, signed(body, { secret: SECRET }))).toMatchObject({ status: 200 });
  });

  const wrong: readonly (readonly [string, () => Request])[] = [
    ["signed with another secret", () => signed(body, { secret: OTHER })],
    [
      "whose body was changed",
      () => new Request("https://agent.example/", { method: "POST", headers: signed(body).headers, body: body.replace("step", "stop") }),
    ],
    ["six minutes old", () => signed(body, { at: new Date(Date.now() - 360_000) })],
    ["from six minutes ahead", () => signed(body, { at: new Date(Date.now() + 360_000) })],
    ...["webhook-id", "webhook-timestamp", "webhook-signature"].map(
      (name) =>
        [
          `without ${name}`,
          () => {
            const request = signed(body);
            request.headers.delete(name);
            return request;
          },
        ] as const,
    ),
    [
      "whose id was changed",
      () => {
        const request = signed(body);
        request.headers.set("webhook-id", "task_1/step/2");
        return request;
      },
    ],
    [
      "whose time is none",
      () => {
        const request = signed(body);
        request.headers.set("webhook-timestamp", "yesterday");
        return request;
      },
    ],
  ];
  test.each(wrong)("is refused and does nothing: %s", async (_, request) => {
    const before = executed;
    const answer = await ask(agent, request());
    expect(answer).toMatchObject({ status: 401, body: { code: "signature_invalid", retryable: false } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(executed).toBe(before);
  });

  test("to cancel is refused alike", async () => {
    const cancel = JSON.stringify({ task_id: "task_1", step_id: "step", attempt: 1, reason: "x" });
    expect(await ask(agent, signed(cancel, { path: "/cancel" }))).toMatchObject({ status: 204 });
    expect(await ask(agent, signed(cancel, { path: "/cancel", secret: OTHER }))).toMatchObject({ status: 401 });
  });

  test("is told apart by bytes, not by what they decode to", async () => {
    const broken = new Request("https://agent.example/", {
      method: "POST",
      headers: signed("\uFFFD").headers,
      body: new Uint8Array([0xff]),
    });
    expect(await ask(agent, broken)).toMatchObject({ status: 401 });
  });
});

test("a secret that is no secret is refused at the definition, and so is one that was looked up in vain", () => {
  for (const secret of ["", "secret", "whsec_", "whsec_***", SECRET.slice("whsec_".length)])
    expect(() => defineAgent({ ...definition, secret })).toThrow(/whsec_/);
  expect(() => defineAgent({ ...definition, secret: undefined as unknown as string })).toThrow(/signing_secret/);
  expect(() => defineAgent({ ...definition, secret: [] })).toThrow(/signing_secret/);
  expect(() => new Webhook(SECRET)).not.toThrow();
});
