/** Estimates as their callers meet them: on the agents and workflows that are really registered. */
import { describe, expect, test } from "vitest";
import { api, calls, registerAgent, submit, untilEnded } from "./harness.ts";

interface Quantiles {
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
}
interface Estimated {
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly seed: number;
  readonly runs: number;
  readonly policies: readonly {
    readonly policy: string;
    readonly duration_ms: Quantiles;
    readonly cost_usd: Quantiles;
    readonly calls: Quantiles;
    readonly success: number;
    readonly within_budget?: number;
    readonly critical_path: readonly { readonly step: string }[];
    readonly agents: readonly { readonly agent: string; readonly calls: number }[];
  }[];
  readonly least: { readonly cost_usd: number; readonly calls: number };
  readonly assumptions: readonly { readonly step?: string; readonly agent?: string; readonly field: string }[];
  readonly warnings: readonly { readonly code: string; readonly step?: string }[];
  readonly code?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
}
const estimate = async (body: object, headers: Record<string, string> = {}) => api<Estimated>("POST", "/workflows/estimate", body, headers);
const found = async (body: object): Promise<Estimated> => {
  const answered = await estimate({ runs: 100, ...body });
  expect(answered.status, JSON.stringify(answered.body)).toBe(200);
  return answered.body;
};

const keyFor = async (body: object): Promise<Record<string, string>> => {
  const made = await api<{ key: string }>("POST", "/keys", { name: "test", ...body });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return { authorization: `Bearer ${made.body.key}` };
};

describe("an estimate", () => {
  test("compares policies on the agents that there are, calls nobody and leaves nothing", async () => {
    await registerAgent("swift", { capabilities: [{ name: "sum", price: { per_call_usd: 0.1 } }], expected_latency: "50ms" });
    await registerAgent("thrifty", { capabilities: [{ name: "sum", price: { per_call_usd: 0.001 } }], expected_latency: "5s" });
    const workflow = {
      steps: [
        { id: "a", capability: "sum" },
        { id: "b", capability: "sum", needs: ["a"] },
      ],
    };
    const body = { workflow, input: {}, assume: { a: { succeeds: 1 }, b: { succeeds: 1 } } };
    const { policies, least, warnings } = await found(body);
    expect(policies.map(({ policy }) => policy)).toEqual(["as_defined", "fastest", "cheapest"]);
    const [, fastest, cheapest] = policies;
    expect(fastest?.duration_ms.p50).toBeLessThan(cheapest?.duration_ms.p50 ?? 0);
    expect(cheapest?.cost_usd.p50).toBeLessThan(fastest?.cost_usd.p50 ?? 0);
    expect(least).toMatchObject({ cost_usd: 0.002, calls: 2 });
    expect(warnings).toEqual([]);
    expect(fastest?.critical_path.map(({ step }) => step).toSorted()).toEqual(["a", "b"]);
    expect(calls).toEqual([]);
    expect((await api<{ data: readonly unknown[] }>("GET", "/tasks")).body.data).toEqual([]);
  });

  test("gives the same answer for the same seed, and says which it took", async () => {
    const body = { workflow: { steps: [{ id: "a", capability: "sum" }] }, input: {} };
    const [one, again, other] = [await found({ ...body, seed: 7 }), await found({ ...body, seed: 7 }), await found({ ...body, seed: 8 })];
    expect(again).toEqual(one);
    expect(one.seed).toBe(7);
    expect(other.policies).not.toEqual(one.policies);
    expect((await found(body)).seed).toBeTypeOf("number");
  });

  test("is of the version that a type means, and of the workflows that it starts", async () => {
    await api("PUT", "/workflows/inner", { steps: [{ id: "x", agent: "echo" }] });
    await api("PUT", "/workflows/outer", { steps: [{ id: "c", type: "workflow", workflow: "inner" }] });
    const { workflow, policies, runs } = await found({ type: "outer", input: {}, policies: ["as_defined"] });
    expect({ workflow, runs }).toEqual({ workflow: { name: "outer", version: 1 }, runs: 100 });
    expect(policies).toMatchObject([{ calls: { p5: 1, p95: 1 }, success: 1, agents: [{ agent: "echo", calls: 1 }] }]);
  });

  test("says so where the budget does not cover the cheapest way, or nobody can do a step", async () => {
    const steps = [{ id: "a", capability: "sum" }];
    const tight = await found({ workflow: { steps }, input: {}, budget: { cost_usd: 0.0001 } });
    expect(tight.warnings).toMatchObject([{ code: "budget_too_small", message: expect.stringContaining("0.001 of 0.0001") }]);
    expect(tight.policies[0]?.within_budget).toBe(0);
    const ample = await found({ workflow: { steps }, input: {}, budget: { cost_usd: 10, calls: 50, tokens: 1_000_000, duration: "1h" } });
    expect(ample.warnings).toEqual([]);
    const alone = await found({ workflow: { steps: [{ id: "a", capability: "smu" }] }, input: {} });
    expect(alone.warnings).toMatchObject([{ code: "no_agent", step: "a" }, { code: "never_completes" }]);
  });

  test("tells what it assumed, and takes what the caller knows better", async () => {
    const workflow = {
      steps: [
        { id: "list", capability: "sum" },
        { id: "each", type: "map", over: "steps.list.output", steps: [{ id: "x", agent: "echo" }] },
      ],
    };
    const { assumptions } = await found({ workflow });
    expect(assumptions).toContainEqual(expect.objectContaining({ step: "each", field: "items", value: { min: 5, max: 20 }, given: false }));
    const better = await found({ workflow, assume: { each: { items: 3 }, list: { succeeds: 1 } }, policies: ["cheapest"] });
    expect(better.policies[0]?.calls).toMatchObject({ p5: 4, p95: 4 });
  });

  test("learns what agents do", async () => {
    await registerAgent("known", { dispatch: "inline" });
    const steps = Array.from({ length: 6 }, (_, index) => ({ id: `s${index}`, agent: "known" }));
    const guessed = await found({ workflow: { steps }, input: {} });
    expect(guessed.assumptions).toContainEqual(expect.objectContaining({ agent: "known", field: "latency" }));
    await untilEnded(await submit({ workflow: { steps } }));
    await expect
      .poll(async () => (await found({ workflow: { steps }, input: {} })).assumptions.filter(({ agent }) => agent === "known"), {
        timeout: 15_000,
      })
      .toEqual([]);
    expect((await found({ workflow: { steps }, input: {} })).policies[0]?.duration_ms.p95).toBeLessThan(
      guessed.policies[0]?.duration_ms.p50 ?? 0,
    );
  });
});

describe("what cannot be estimated", () => {
  const workflow = { steps: [{ id: "a", agent: "echo" }] };

  test.each([
    ["nothing to run", {}, "/type"],
    ["two things to run", { type: "simple", workflow }, "/workflow"],
    ["a field that there is not", { workflow, sede: 1 }, "/sede"],
    ["no runs", { workflow, runs: 0 }, "/runs"],
    ["too many runs", { workflow, runs: 10_001 }, "/runs"],
    ["a policy that needs a key", { workflow, policies: ["sticky"] }, "/policies/0"],
    ["a policy twice", { workflow, policies: ["fastest", "fastest"] }, "/policies"],
    ["an empty budget", { workflow, budget: {} }, "/budget"],
    ["a negative budget", { workflow, budget: { cost_usd: -1 } }, "/budget/cost_usd"],
    ["an assumption of a step that there is not", { workflow, assume: { b: { items: 1 } } }, "/assume/b"],
    ["an assumption that says nothing about such a step", { workflow, assume: { a: { items: 1 } } }, "/assume/a/items"],
    ["a range the wrong way round", { workflow, assume: { a: { takes: { min: "2s", max: "1s" } } } }, "/assume/a/takes"],
  ])("%s", async (_, body, pointer) => {
    const { status, body: problem } = await estimate(body);
    expect(status).toBe(400);
    expect(problem.errors?.map((error) => error.pointer)).toContain(pointer);
  });

  test("a definition that is none, an input that does not fit, a type that nobody registered", async () => {
    expect((await estimate({ workflow: { steps: [{ id: "a", capability: "x", needs: ["b"] }] } })).status).toBe(400);
    await api("PUT", "/workflows/strict", { input_schema: { type: "object", required: ["q"] }, ...workflow });
    expect(await estimate({ type: "strict", input: {} })).toMatchObject({ status: 400, body: { errors: [{ pointer: "/input" }] } });
    expect((await estimate({ type: "strict", runs: 10 })).status).toBe(200);
    expect(await estimate({ type: "strct" })).toMatchObject({ status: 404, body: { code: "unknown_type" } });
  });

  test("too large a workflow is refused, with what to do", async () => {
    const steps = Array.from({ length: 13 }, (_, index) => ({ id: `t${index}`, type: "transform", output: index }));
    const each = { steps: [{ id: "each", type: "map", over: "input", steps }] };
    const { status, body } = await estimate({ workflow: each, assume: { each: { items: 10_000 } }, policies: ["as_defined"] });
    expect({ status, code: body.code }).toEqual({ status: 422, code: "limit_reached" });
  });

  test("without the scope, and what is another tenant's", async () => {
    expect((await estimate({ workflow }, { authorization: "Bearer no-such-key" })).status).toBe(401);
    await registerAgent("worker");
    expect((await estimate({ workflow }, await keyFor({ roles: ["agent"], agent: "worker" }))).status).toBe(403);
    const other = await keyFor({ roles: ["viewer"], tenant: "other" });
    await api("PUT", "/workflows/mine", workflow);
    expect((await estimate({ workflow, runs: 10 }, other)).status).toBe(200);
    expect(await estimate({ type: "mine" }, other)).toMatchObject({ status: 404, body: { code: "unknown_type" } });
    const { body } = await estimate({ workflow: { steps: [{ id: "a", agent: "worker" }] }, runs: 10 }, other);
    expect(body.warnings).toMatchObject([{ code: "no_agent" }, { code: "never_completes" }]);
  });
});
