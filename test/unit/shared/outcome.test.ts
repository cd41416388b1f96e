import { describe, expect, test } from "vitest";
import { failureOf, replyInvalid } from "../../../src/agents/transports/protocol.ts";
import { classOf, isFault, OUTCOME_CLASSES, type OutcomeClass } from "../../../src/shared/outcome.ts";

describe("whose fault a failure is", () => {
  const rows: readonly (readonly [what: string, error: Parameters<typeof classOf>[0], expected: OutcomeClass])[] = [
    ["no reply in time", { code: "timeout", retryable: true }, "timeout"],
    ["nobody there", { code: "agent_unreachable", retryable: true }, "unavailable"],
    ["gone", { code: "agent_gone", retryable: false }, "unavailable"],
    ["a redirect", { code: "redirect_refused", retryable: false }, "unavailable"],
    ["a reply that cannot be read", replyInvalid("it is no JSON"), "invalid"],
    ["a reply that is too large", { code: "reply_too_large", retryable: false }, "invalid"],
    ["the author's expression", { code: "expression_error", retryable: false }, "lost"],
    ["trouble of ours", { code: "internal", retryable: true }, "lost"],
    ["lost too often", { code: "attempt_lost", retryable: false }, "lost"],
    ["a secret that cannot be read", { code: "agent_misconfigured", retryable: false }, "lost"],
    ["a URL that may not be called any more", { code: "url_refused", retryable: false }, "lost"],
    ["an agent that says it cannot now", { code: "model_overloaded", retryable: true }, "unavailable"],
    ["an agent that says it never will", { code: "prompt_too_long", retryable: false }, "refused"],
  ];
  test.each(rows)("%s", (_, error, expected) => expect(classOf(error)).toBe(expected));

  const statuses: readonly (readonly [status: number, expected: OutcomeClass])[] = [
    [400, "refused"],
    [401, "refused"],
    [404, "refused"],
    [408, "unavailable"],
    [409, "refused"],
    [422, "refused"],
    [425, "refused"],
    [429, "throttled"],
    [500, "unavailable"],
    [503, "unavailable"],
    [599, "unavailable"],
  ];
  test.each(statuses)("status %i is %s, whatever the body says of trying again", (status, expected) => {
    for (const body of [null, { retryable: true }, { retryable: false }, { code: "quota", detail: "no more" }]) {
      expect(classOf(failureOf(status, null, body, 0))).toBe(expected);
    }
  });

  test("is the agent's own for three of the classes", () => {
    expect(OUTCOME_CLASSES.filter(isFault)).toEqual(["timeout", "unavailable", "invalid"]);
  });

  test("cannot be put on us by an agent that borrows a word of ours", () => {
    // An agent that answers 500 with the code "internal" has failed, whatever it calls that.
    expect(classOf(failureOf(500, null, { code: "internal" }, 0))).toBe("unavailable");
    expect(classOf(failureOf(429, null, { code: "timeout" }, 0))).toBe("throttled");
  });
});
