import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentView, declaredOf, registrationOf, type AgentRecord } from "../../../src/agents/agent.ts";
import { registrationFaults } from "../../../src/agents/registry/registration-check.ts";
import { agentRegistration, type AgentRegistration } from "../../../src/agents/registry/registration.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { agent } from "./candidates.ts";

const URL = "https://agent.example/run";
const CLOSED = { allowLoopback: false };

/** Where a body is refused, or nowhere. */
function refusedAt(body: object): readonly string[] {
  const parsed = agentRegistration.safeParse(body);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => `/${path.join("/")}`);
}
const http = (more: object = {}) => ({ url: URL, capabilities: ["work"], ...more });
const pull = (more: object = {}) => ({ kind: "pull", capabilities: ["work"], ...more });

describe("the body of a registration", () => {
  test("is a URL and what the agent can do, or that it pulls", () => {
    for (const body of [http(), http({ kind: "http" }), pull()]) expect(refusedAt(body)).toEqual([]);
    expect(refusedAt({ capabilities: ["work"] })).toEqual(["/url"]);
    expect(refusedAt({ url: URL })).toEqual(["/capabilities"]);
    expect(refusedAt({ kind: "pull" })).toEqual(["/capabilities"]);
    expect(refusedAt(http({ kind: "builtin" }))).toEqual(["/kind"]);
  });

  test("of an agent that pulls has nothing that is for calling it", () => {
    const calling = {
      url: URL,
      auth: { type: "bearer", value: "secret" },
      cancel_url: URL,
      dispatch: "queue",
      signing_secret: `whsec_${"a".repeat(32)}`,
    };
    for (const [field, value] of Object.entries(calling)) expect(refusedAt(pull({ [field]: value }))).toEqual([`/${field}`]);
    expect(refusedAt(pull(calling))).toHaveLength(5);
    expect(refusedAt(http(calling))).toEqual([]);
  });

  test("names each capability once, in whichever form", () => {
    expect(refusedAt(http({ capabilities: ["a", { name: "b", version: "2" }, "c"] }))).toEqual([]);
    for (const twice of [
      ["a", "a"],
      ["a", { name: "a", version: "2" }],
      [
        { name: "a", version: "1" },
        { name: "a", version: "2" },
      ],
    ]) {
      expect(refusedAt(http({ capabilities: twice }))).toEqual(["/capabilities"]);
    }
  });

  test.each([
    [{ limits: { max_concurrency: 0 } }, "/limits/max_concurrency"],
    [{ limits: { max_concurrency: 1.5 } }, "/limits/max_concurrency"],
    [{ limits: { rate: { count: LIMITS.rateCount + 1, per: "1s" } } }, "/limits/rate/count"],
    [{ limits: { rate: { count: 1, per: "999ms" } } }, "/limits/rate/per"],
    [{ limits: { rate: { count: 1 } } }, "/limits/rate/per"],
    [{ limits: { concurrency: 3 } }, "/limits"],
    [{ timeout: "0s" }, "/timeout"],
    [{ timeout: "soon" }, "/timeout"],
    [{ heartbeat_interval: "500ms" }, "/heartbeat_interval"],
    [{ health: { url: URL, interval: "1s" } }, "/health/interval"],
    [{ health: {} }, "/health/url"],
    [{ breaker: { failure_rate: 0 } }, "/breaker/failure_rate"],
    [{ breaker: { consecutive: 0 } }, "/breaker/consecutive"],
    [{ breaker: { cooldown: "2h" } }, "/breaker/cooldown"],
    [{ weight: 0 }, "/weight"],
    [{ price: { per_call_usd: -1 } }, "/price/per_call_usd"],
    [{ labels: { "a b": "x" } }, "/labels/a b"],
    [{ labels: Object.fromEntries(Array.from({ length: LIMITS.tags + 1 }, (_, index) => [`l${index}`, ""])) }, "/labels"],
    [{ region: "eu west" }, "/region"],
    [{ expected_latency: 5 }, "/expected_latency"],
    [{ dispatch: "pull" }, "/dispatch"],
    [{ draining: "yes" }, "/draining"],
    [{ nope: 1 }, "/"],
  ])("says where it is wrong: %j", (wrong, place) => {
    expect(refusedAt(http(wrong))).toEqual([place]);
  });

  test("describes a capability as far as it likes", () => {
    const full = {
      name: "draw",
      version: "2.1.0",
      description: "draws",
      tags: ["art"],
      input_schema: { type: "object" },
      output_schema: true,
      price: { per_call_usd: 0.01 },
      expected_latency: "2s",
    };
    expect(refusedAt(http({ capabilities: [full] }))).toEqual([]);
    for (const wrong of [{ version: "2 beta" }, { tags: [""] }, { input_schema: "object" }, { price: { usd: 1 } }, { name: "a/b" }]) {
      expect(refusedAt(http({ capabilities: [{ ...full, ...wrong }] }))).not.toEqual([]);
    }
  });
});

describe("what a body's shape cannot say", () => {
  const faultsOf = (body: object, policy = CLOSED) => registrationFaults(agentRegistration.parse(body), policy);

  test("every URL in it may be called", () => {
    const inside = "https://10.0.0.1/";
    const faults = faultsOf(http({ url: inside, cancel_url: "http://agent.example/", health: { url: "https://intranet/" } }));
    expect(faults).toEqual([
      { pointer: "/url", message: expect.stringContaining("not an IP address"), code: "url_refused" },
      { pointer: "/cancel_url", message: expect.stringContaining("must be https"), code: "url_refused" },
      { pointer: "/health/url", message: expect.stringContaining("not a single label"), code: "url_refused" },
    ]);
    expect(faultsOf(pull({ health: { url: inside } }))).toMatchObject([{ pointer: "/health/url" }]);
  });

  test("the guard's policy is the one of the service", () => {
    const local = http({ url: "http://127.0.0.1:9000/", health: { url: "http://localhost:9000/health" } });
    expect(faultsOf(local, { allowLoopback: true })).toEqual([]);
    expect(faultsOf(local)).toHaveLength(2);
  });

  test("every schema in it can be applied", () => {
    const capabilities = [
      "plain",
      { name: "fine", input_schema: { type: "object" }, output_schema: false },
      { name: "bad", input_schema: { properties: { x: { pattern: "(" } } }, output_schema: { $ref: "#/$defs/missing" } },
    ];
    expect(faultsOf(http({ capabilities }))).toMatchObject([
      {
        pointer: "/capabilities/2/input_schema",
        code: "invalid_schema",
        message: expect.stringContaining("no JSON Schema that can be applied"),
      },
      { pointer: "/capabilities/2/output_schema", code: "invalid_schema" },
    ]);
  });

  test("its patterns can be matched in linear time, and who is refused is told why", () => {
    const capabilities = [
      { name: "slow", input_schema: { pattern: "^(a+)+$" } },
      { name: "no", output_schema: { pattern: "(?=a)" } },
    ];
    expect(faultsOf(http({ capabilities }))).toMatchObject([
      { pointer: "/capabilities/1/output_schema", code: "invalid_schema", message: expect.stringContaining("lookaround") },
    ]);
  });

  test("no schema in it is larger than a directory should carry", () => {
    const capabilities = [{ name: "large", input_schema: { description: "x".repeat(LIMITS.capabilitySchemaBytes) } }];
    expect(faultsOf(http({ capabilities }))).toMatchObject([
      {
        pointer: "/capabilities/0/input_schema",
        code: "invalid_schema",
        message: `a schema is at most ${LIMITS.capabilitySchemaBytes} bytes`,
      },
    ]);
  });
});

describe("what was registered", () => {
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const identifiers = fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/).filter((text) => !text.startsWith("__"));
  const texts = fc.string({ minLength: 1, maxLength: 50 });
  const units: readonly (readonly [unit: string, ms: number])[] = [
    ["ms", 1],
    ["s", 1_000],
    ["m", 60_000],
    ["h", 3_600_000],
    ["d", 86_400_000],
  ];
  /** Durations between two, in every unit that can say one. */
  const between = (leastMs: number, mostMs: number): fc.Arbitrary<string> =>
    fc.oneof(
      ...units.flatMap(([unit, ms]) => {
        const [min, max] = [Math.ceil(leastMs / ms), Math.min(999_999_999, Math.floor(mostMs / ms))];
        return min > max ? [] : [fc.integer({ min, max }).map((amount) => `${amount}${unit}`)];
      }),
    );
  const [SECOND, HOUR, DAY] = [1_000, 3_600_000, 86_400_000];
  const price = fc.record({
    per_call_usd: optional(fc.double({ min: 0, max: 100, noNaN: true })),
    per_1k_input_tokens_usd: optional(fc.constant(0.5)),
  });
  const schema = fc.constantFrom(true, false, {}, { type: "object", required: ["a"] });
  const capability = fc.record({
    name: identifiers,
    version: optional(fc.constantFrom("1", "2.1.0-beta+7")),
    description: optional(fc.string({ maxLength: 50 })),
    tags: optional(fc.array(texts, { maxLength: 3 })),
    input_schema: optional(schema),
    output_schema: optional(schema),
    price: optional(price),
    expected_latency: optional(between(0, 30 * DAY)),
  });
  const common = {
    name: optional(texts),
    description: optional(fc.string({ maxLength: 50 })),
    capabilities: fc.uniqueArray(fc.oneof(identifiers, capability), {
      minLength: 1,
      maxLength: 4,
      selector: (offered) => (typeof offered === "string" ? offered : offered.name),
    }),
    expected_latency: optional(between(0, 30 * DAY)),
    price: optional(price),
    limits: optional(
      fc.record({
        max_concurrency: optional(fc.integer({ min: 1, max: 100 })),
        rate: optional(fc.record({ count: fc.integer({ min: 1, max: 100 }), per: between(SECOND, HOUR) })),
      }),
    ),
    timeout: optional(between(1, 365 * DAY)),
    labels: optional(fc.dictionary(identifiers, fc.string({ maxLength: 10 }), { maxKeys: 3 })),
    region: optional(identifiers),
    weight: optional(fc.double({ min: 0.001, max: 1_000, noNaN: true })),
    heartbeat_interval: optional(between(SECOND, HOUR)),
    health: optional(fc.record({ url: fc.webUrl(), interval: optional(between(5_000, HOUR)) })),
    breaker: optional(
      fc.record({
        failure_rate: optional(fc.double({ min: 0.01, max: 1, noNaN: true })),
        window: optional(between(SECOND, HOUR)),
        min_calls: optional(fc.integer({ min: 1, max: 100 })),
        consecutive: optional(fc.integer({ min: 1, max: 100 })),
        cooldown: optional(between(SECOND, HOUR)),
        probes: optional(fc.integer({ min: 1, max: 100 })),
        slow: optional(between(0, 30 * DAY)),
      }),
    ),
    draining: optional(fc.boolean()),
  };
  /** As they come over the wire: without what was left out. */
  const bodies: fc.Arbitrary<AgentRegistration> = fc
    .oneof(
      fc.record({ ...common, kind: fc.constant("pull") }),
      fc.record({
        ...common,
        kind: optional(fc.constant("http")),
        url: fc.webUrl(),
        cancel_url: optional(fc.webUrl()),
        dispatch: optional(fc.constantFrom("auto", "inline", "queue")),
      }),
    )
    .map((body) => agentRegistration.parse(JSON.parse(JSON.stringify(body))));

  const recordOf = (body: AgentRegistration): AgentRecord => ({ ...agent("a"), ...declaredOf(body), name: body.name ?? "a" });

  test("can be registered again as it reads, and is the same then", () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const record = recordOf(body);
        const again = agentRegistration.parse(JSON.parse(JSON.stringify(registrationOf(record))));
        expect(recordOf(again)).toEqual(record);
        expect(registrationOf(recordOf(again))).toEqual(registrationOf(record));
      }),
      { numRuns: 500 },
    );
  });

  test.each(["11d", "12d", "365d"])("allows attempts of %s, and reads so that it can be registered again", (timeout) => {
    const record = recordOf(agentRegistration.parse(http({ timeout, capabilities: [{ name: "work", expected_latency: timeout }] })));
    expect(agentRegistration.safeParse(registrationOf(record)).error?.issues).toBeUndefined();
  });

  test("is kept without holes: what was not said is not there", () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const record = recordOf(body);
        expect(JSON.parse(JSON.stringify(record))).toStrictEqual(record);
      }),
    );
  });

  test("is shown to readers without its secrets", () => {
    const secret = {
      ...recordOf(agentRegistration.parse(http())),
      auth: { type: "header", name: "x-key", sealed: "sealed!" },
      signing: "sealed!",
    } as const;
    expect(agentView(secret)).toMatchObject({ id: "a", auth: { type: "header", name: "x-key" }, draining: false });
    expect(JSON.stringify(agentView(secret))).not.toContain("sealed!");
  });
});
