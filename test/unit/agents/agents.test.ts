import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { secretPlace, type AgentRecord } from "../../../src/agents/agent.ts";
import { callbackToken, parseCallbackToken } from "../../../src/agents/transports/callback-token.ts";
import { checkedAgainst, failureOf, notJson, parseCompletion, requestOf, type AgentCall } from "../../../src/agents/transports/protocol.ts";
import { agentRegistration } from "../../../src/agents/registry/registration.ts";
import { createKeyring } from "../../../src/shared/keyring.ts";
import { parseRetryAfter } from "../../../src/shared/retry-after.ts";
import { brokenUrlRule } from "../../../src/shared/url-guard.ts";

const keyring = createKeyring([{ name: "k1", secret: new Uint8Array(32).fill(1) }]);
const signingSecret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;

function agent(id: string, more: Partial<AgentRecord> = {}): AgentRecord {
  return {
    v: 1,
    id,
    kind: "http",
    name: id,
    description: null,
    url: "https://agent.example/",
    capabilities: [{ name: "work" }],
    auth: null,
    signing: keyring.seal(signingSecret, secretPlace("acme", id, "signing")),
    cancelUrl: null,
    expectedLatencyMs: null,
    dispatch: "auto",
    createdAt: 0,
    updatedAt: 0,
    revision: 1,
    ...more,
  };
}

function callTo(record: AgentRecord): AgentCall {
  return {
    tenant: "acme",
    agent: record,
    taskId: "task_1",
    stepId: "a",
    attempt: 2,
    capability: "work",
    input: { x: 1 },
    workflow: { name: "w", version: 3 },
    deadline: null,
    callbackUrl: "https://orchestrator.example/cb",
    idempotencyKey: "task_1/a/1",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    timeoutMs: 1_000,
  };
}

describe("the URL guard", () => {
  test.each([
    ["https://agent.example/run", null],
    ["https://agent.example:8443/run?x=1", null],
    ["http://agent.example/", "https"],
    ["https://user:pass@agent.example/", "user name"],
    ["https://agent.example/#x", "fragment"],
    ["https://127.0.0.1/", "IP address"],
    ["https://2130706433/", "IP address"],
    ["https://0x7f.1/", "IP address"],
    ["https://017700000001/", "IP address"],
    ["https://[::1]/", "IP address"],
    ["https://[::ffff:10.0.0.1]/", "IP address"],
    ["https://localhost/", "single label"],
    ["https://intranet/", "single label"],
    ["https://db.internal/", "public name"],
    ["https://printer.local./", "public name"],
    ["https://x.localhost/", "public name"],
    ["file:///etc/passwd", "https"],
    ["javascript:alert(1)", "https"],
    ["/relative", "absolute"],
    ["", "absolute"],
  ])("%s", (url, rule) => {
    const broken = brokenUrlRule(url, { allowLoopback: false });
    if (rule === null) expect(broken).toBeNull();
    else expect(broken).toContain(rule);
  });

  test("in development loopback is allowed, and only loopback", () => {
    const policy = { allowLoopback: true };
    for (const url of ["http://127.0.0.1:9000/", "http://localhost:1/", "http://[::1]:8080/", "https://127.3.4.5/"])
      expect(brokenUrlRule(url, policy)).toBeNull();
    for (const url of ["http://10.0.0.1/", "http://192.168.1.1/", "http://agent.example/", "https://169.254.169.254/", "ftp://127.0.0.1/"])
      expect(brokenUrlRule(url, policy)).not.toBeNull();
  });
});

describe("requests to agents", () => {
  test("carry what the contract says, signed so that a standard library verifies it", () => {
    const now = new Date();
    const { headers, body } = requestOf(callTo(agent("one")), keyring, now);
    expect(headers).toMatchObject({ "idempotency-key": "task_1/a/1", traceparent: expect.stringMatching(/^00-/) });
    expect(JSON.parse(body)).toEqual({
      task_id: "task_1",
      step_id: "a",
      attempt: 2,
      capability: "work",
      input: { x: 1 },
      context: { workflow: { name: "w", version: 3 }, deadline: null, callback_url: "https://orchestrator.example/cb" },
    });
    expect(new Webhook(signingSecret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(signingSecret).verify(`${body} `, headers)).toThrow();
  });

  test("carry the agent's own credentials", () => {
    const sealed = keyring.seal("s3cret", secretPlace("acme", "one", "auth"));
    expect(
      requestOf(callTo(agent("one", { auth: { type: "bearer", name: "authorization", sealed } })), keyring, new Date()).headers[
        "authorization"
      ],
    ).toBe("Bearer s3cret");
    expect(requestOf(callTo(agent("one", { auth: { type: "header", name: "X-Key", sealed } })), keyring, new Date()).headers["x-key"]).toBe(
      "s3cret",
    );
  });

  test("fail clearly when the secrets cannot be read any more", () => {
    const moved = agent("two", { signing: keyring.seal(signingSecret, secretPlace("acme", "one", "signing")) });
    expect(() => requestOf(callTo(moved), keyring, new Date())).toThrow("register the agent again");
  });
});

describe("replies", () => {
  test("a completion is an output and maybe usage; what else it says is the agent's business", () => {
    expect(parseCompletion({ output: null })).toEqual({ output: null });
    expect(parseCompletion({ output: [1], usage: { input_tokens: 3 }, extra: true })).toEqual({ output: [1], usage: { input_tokens: 3 } });
  });

  test.each([[{}], [null], ["text"], [[]], [1], [{ result: 1 }], [{ Output: 1 }]])(
    "%j is no completion, and would be none again",
    (body) => {
      expect(parseCompletion(body)).toMatchObject({
        code: "reply_invalid",
        retryable: false,
        message: expect.stringContaining('"output"'),
      });
    },
  );

  test.each([
    [null, undefined, "usage is not"],
    ["much", undefined, "usage is not"],
    [[1], undefined, "usage is not"],
    [{ input_tokens: 1.5, output_tokens: 3 }, { output_tokens: 3 }, "usage.input_tokens"],
    [{ input_tokens: -1, cost_usd: 0.5 }, { cost_usd: 0.5 }, "usage.input_tokens"],
    [{ output_tokens: null }, {}, "usage.output_tokens"],
    [{ cost_usd: "1" }, {}, "usage.cost_usd"],
    [
      { cost_usd: 1e308, input_tokens: 9e15, output_tokens: 3 },
      { output_tokens: 3 },
      "usage.cost_usd is no amount of dollars up to 1000000",
    ],
  ])("a usage of %j loses no answer: what can be read counts, the rest is named", (said, usage, fault) => {
    const completion = parseCompletion({ output: 1, usage: said });
    expect(completion).toMatchObject({ output: 1, usageFault: expect.stringContaining(fault) });
    expect("usage" in completion ? completion.usage : undefined).toEqual(usage);
  });

  test.each([
    ["", "application/json", false],
    [" \r\n", null, false],
    ["<html>", "text/html", false],
    ["ok", null, false],
    ['{"output":', "text/plain", false],
    ['{"output":', "application/json; charset=utf-8", true],
    ['{"output":', "application/vnd.acme+json", true],
    ['{"output":', null, true],
  ])("of %j, sent as %s, a second call may bring more: %s", (text, type, retryable) => {
    expect(notJson(text, type)).toMatchObject({ code: "reply_invalid", retryable });
  });

  test.each([
    [500, true],
    [503, true],
    [408, true],
    [425, true],
    [429, true],
    [400, false],
    [401, false],
    [404, false],
    [410, false],
    [422, false],
  ])("status %i may be retried: %s", (status, retryable) => {
    expect(failureOf(status, null, undefined, 0)).toMatchObject({ retryable, status });
  });

  test("a problem body says more", () => {
    expect(failureOf(400, "7", { code: "quota", detail: "no more", retryable: true }, 0)).toEqual({
      code: "quota",
      message: "no more",
      retryable: true,
      retry_after_ms: 7_000,
      status: 400,
    });
    expect(failureOf(503, null, { code: 3, retryable: "yes", title: "down" }, 0)).toMatchObject({
      code: "agent_unavailable",
      message: "down",
      retryable: true,
    });
  });

  test("Retry-After comes as seconds or as a date", () => {
    expect(parseRetryAfter("120", 0)).toBe(120_000);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 10_000)).toBe(50_000);
    expect(parseRetryAfter("Thu, 01 Jan 1970 00:00:00 GMT", 10_000)).toBe(0);
    expect(parseRetryAfter("soon", 0)).toBeNull();
  });

  const at1970 = (seconds: number): string => new Date(seconds * 1_000).toUTCString();
  test.each([
    ["1.5", 1_500],
    ["20.5", 20_500],
    [" 2 ", 2_000],
    ["0", 0],
    ["9999999999", 9_999_999_999_000],
    [at1970(60), 60_000],
    ["Thursday, 01-Jan-70 00:01:00 GMT", 60_000],
    ["Thu Jan  1 00:01:00 1970", 60_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777_000],
  ])("a Retry-After of %j is read as the standard has it", (text, ms) => expect(parseRetryAfter(text, 0)).toBe(ms));

  test.each(["", "-5", "1,5", "1e3", "0x10", "5 minutes", "January 5 2001", "2030-01-01T00:00:00Z"])(
    "a Retry-After of %j is none",
    (text) => expect(parseRetryAfter(text, 0)).toBeNull(),
  );

  test("a year of two digits is the next that it can be, or of the past", () => {
    const now = Date.UTC(2090, 0, 1);
    expect(parseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", now)).toBe(Date.UTC(2094, 10, 6, 8, 49, 37) - now);
    expect(parseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", Date.UTC(2026, 0, 1))).toBe(0);
  });
});

describe("an output that its agent declares a schema for", () => {
  const items = { type: "array", items: { type: "object", required: ["name"], properties: { name: { type: "string" } } } };
  const capability = (outputSchema?: object | boolean) => ({
    name: "work",
    ...(outputSchema !== undefined && { outputSchema: outputSchema as never }),
  });

  test("is as declared, or there is nothing to say", () => {
    expect(checkedAgainst(capability(items), [{ name: "a" }])).toBeNull();
    for (const lenient of [undefined, capability(), capability(true), capability({})])
      expect(checkedAgainst(lenient, { any: "thing" })).toBeNull();
  });

  test("is no reply where it is not, told with the places, and the agent may do better next time", () => {
    const failure = checkedAgainst(capability(items), [{ name: "a" }, { name: 7 }, {}]);
    expect(failure).toMatchObject({ code: "reply_invalid", retryable: true });
    expect(failure?.message).toContain("/output/1/name: ");
    expect(failure?.message).toContain("/output/2: ");
    expect(failure?.message).not.toContain("/output/0");
    expect(checkedAgainst(capability(items), "text")?.message).toContain("/output: ");
    expect(checkedAgainst(capability(false), null)?.message).toContain("/output: nothing is allowed here");
  });

  test("names a few places, however many are wrong", () => {
    const message =
      checkedAgainst(
        capability(items),
        Array.from({ length: 50 }, () => ({})),
      )?.message ?? "";
    expect(message.match(/\/output/g)).toHaveLength(5);
  });
});

describe("callback tokens", () => {
  const address = { tenant: "acme", task: "task_1", step: "A.b-c_1", attempt: 3 };
  test("lead back to their attempt", () => expect(parseCallbackToken(keyring, callbackToken(keyring, address))).toEqual(address));
  test("cannot be turned into another's", () => {
    const token = callbackToken(keyring, address);
    for (const forged of [token.replace("~3~", "~4~"), token.replace("acme", "evil"), token.slice(1), "", "a~b~c~d~e~f"])
      expect(parseCallbackToken(keyring, forged)).toBeNull();
  });
});

describe("registration", () => {
  const faults = (body: object): number =>
    agentRegistration.safeParse({ url: "https://a.example", capabilities: ["x"], ...body }).success ? 0 : 1;
  test("is strict", () => {
    expect(faults({})).toBe(0);
    expect(faults({ capabilities: [] })).toBe(1);
    expect(faults({ nope: 1 })).toBe(1);
    expect(faults({ auth: { type: "basic", value: "x" } })).toBe(1);
    expect(faults({ auth: { type: "header", name: "Host", value: "x" } })).toBe(1);
    expect(faults({ auth: { type: "bearer", value: "line\nbreak" } })).toBe(1);
    expect(faults({ signing_secret: "short" })).toBe(1);
    expect(faults({ signing_secret: signingSecret })).toBe(0);
  });
});
