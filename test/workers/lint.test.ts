/** Lint as its callers meet it: with the agents and workflows that are really registered. */
import { exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { AgentDirectory } from "../../src/agents/directory.ts";
import { snapshotOf } from "../../src/agents/selection/selection.ts";
import { WorkflowRegistry } from "../../src/workflows/registry.ts";
import { LINT_CODES, type Warning } from "../../src/workflows/lint/codes.ts";
import { api, registerAgent } from "./harness.ts";

interface Checked {
  readonly valid: boolean;
  readonly errors: readonly { readonly pointer: string; readonly suggestion?: string }[];
  readonly warnings: readonly Warning[];
}

const validate = async (definition: object): Promise<Checked> => (await api<Checked>("POST", "/workflows/validate", definition)).body;
const asking = (capability: string, more: object = {}) => ({ steps: [{ id: "a", capability, ...more }] });

describe("validation", () => {
  test("knows who is registered, also since a moment ago", async () => {
    expect((await validate(asking("brew"))).warnings).toMatchObject([{ code: "unknown_capability", pointer: "/steps/0/capability" }]);
    await registerAgent("brewer", { capabilities: [{ name: "brew", input_schema: { type: "object", required: ["leaf"] } }], region: "eu" });
    expect((await validate(asking("brew", { input: { leaf: "green" } }))).warnings).toEqual([]);
    expect((await validate(asking("brw", { input: {} }))).warnings).toMatchObject([{ suggestion: "brew" }]);
    expect((await validate(asking("brew"))).warnings).toMatchObject([{ code: "missing_input", pointer: "/steps/0/input" }]);
    expect((await validate(asking("brew", { input: { leaf: 1 }, select: { region: "us" } }))).warnings).toMatchObject([
      { code: "no_fitting_agent", pointer: "/steps/0/select/region" },
    ]);
    // What this isolate knew is from before.
    vi.spyOn(AgentDirectory.prototype, "load").mockResolvedValue(snapshotOf([], new Map(), 0));
    expect((await validate(asking("brew", { input: { leaf: "green" } }))).warnings).toEqual([]);
  });

  test("resolves what a definition refers to, itself included", async () => {
    const calling = (workflow: string, more: object = {}) => ({ name: "loop", steps: [{ id: "c", type: "workflow", workflow, ...more }] });
    expect((await validate(calling("smple"))).warnings).toMatchObject([
      { code: "unknown_workflow", pointer: "/steps/0/workflow", message: expect.stringContaining('did you mean "simple"?') },
    ]);
    expect((await validate(calling("simple"))).warnings).toEqual([]);
    expect((await validate(calling("loop"))).warnings).toMatchObject([{ code: "endless_workflow" }]);
    expect((await validate(calling("loop", { when: "input.depth < 3" }))).warnings).toEqual([]);
  });

  test("gives warnings beside what can never work", async () => {
    const { valid, errors, warnings } = await validate({ steps: [{ id: "w", type: "wait", until: "soon", when: "false" }] });
    expect(valid).toBe(false);
    expect(errors).toMatchObject([{ pointer: "/steps/0/until" }]);
    expect(warnings).toMatchObject([{ code: "constant_condition" }]);
  });

  test("suggests", async () => {
    const { errors } = await validate({ steps: [{ id: "a", capability: "echo", depends_on: [] }] });
    expect(errors).toMatchObject([{ pointer: "/steps/0/depends_on", suggestion: "needs" }]);
  });

  test("does what it can while agents and workflows cannot be looked up", async () => {
    vi.spyOn(AgentDirectory.prototype, "load").mockRejectedValue(new Error("D1_ERROR: away"));
    vi.spyOn(WorkflowRegistry.prototype, "resolve").mockRejectedValue(new Error("D1_ERROR: away"));
    const { valid, warnings } = await validate({
      steps: [
        { id: "a", capability: "nobody", when: "false" },
        { id: "c", type: "workflow", workflow: "nothing" },
      ],
    });
    expect(valid).toBe(true);
    expect(warnings.map(({ code }) => code)).toEqual(["constant_condition", "not_checked", "not_checked"]);
  });
});

test("registering answers with the same warnings, whether anything is new or not", async () => {
  const definition = { steps: [{ id: "a", capability: "echo", when: "1 < 2" }] };
  for (const status of [201, 200]) {
    const put = await api<Checked>("PUT", "/workflows/warned", definition);
    expect(put).toMatchObject({ status, body: { version: 1, warnings: [{ code: "constant_condition", pointer: "/steps/0/when" }] } });
  }
  const endless = { steps: [{ id: "c", type: "workflow", workflow: "endless", on_error: "continue" }] };
  expect((await api<Checked>("PUT", "/workflows/endless", endless)).body.warnings).toMatchObject([{ code: "endless_workflow" }]);
  expect((await api("PUT", "/workflows/never", { steps: [{ id: "w", type: "wait", until: "soon" }] })).status).toBe(400);
});

test("a workflow that certainly starts itself again and again is refused", async () => {
  const again = { id: "c", type: "workflow", workflow: "bomb" };
  const mayBeMeant = [
    { steps: [{ ...again, when: "input.depth < 3" }] },
    { steps: [{ ...again, on_error: "continue" }] },
    { steps: [{ id: "m", type: "map", over: "input", steps: [again], concurrency: 2 }] },
    { steps: [{ id: "t", type: "transform", output: 1 }], on_completed: { workflow: "bomb" } },
  ];
  for (const definition of mayBeMeant) expect((await api("PUT", "/workflows/bomb", definition)).status).toBeLessThan(300);
  const certain: [object, string][] = [
    [{ steps: [again] }, "/steps/0"],
    [{ steps: [{ id: "m", type: "map", over: "${ [1, 2] }", steps: [again], tolerate: 2 }] }, "/steps/0/steps/0"],
    [
      { steps: [{ id: "t", type: "transform", output: 1 }], on_completed: [{ workflow: "bomb" }, { workflow: "bomb@latest" }] },
      "/on_completed",
    ],
  ];
  for (const [definition, pointer] of certain) {
    const refused = { status: 400, body: { errors: [{ code: "endless_workflow", pointer }] } };
    expect(await api("PUT", "/workflows/bomb", definition)).toMatchObject(refused);
    expect(await validate({ name: "bomb", ...definition })).toMatchObject({
      valid: false,
      errors: [{ code: "endless_workflow", pointer }],
    });
  }
});

test("a task is refused for what can never work, too", async () => {
  expect(
    await api("POST", "/tasks", { workflow: { steps: [{ id: "m", type: "map", over: "'a'", steps: [{ id: "x", capability: "echo" }] }] } }),
  ).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: "/workflow/steps/0/over" }] },
  });
});

test("the OpenAPI document says what each code means", async () => {
  const response = await exports.default.fetch("https://orchestrator.example/openapi.json");
  const { paths, components } = await response.json<{
    paths: Record<string, { post: { description: string } }>;
    components: { schemas: { Fault: { properties: object }; Warning: object } };
  }>();
  const { description } = paths["/api/v1/workflows/validate"]?.post ?? { description: "" };
  for (const code of Object.keys(LINT_CODES)) {
    expect(description).toContain(`\`${code}\`: `);
    expect(JSON.stringify(components.schemas.Warning)).toContain(`"${code}"`);
  }
  expect(components.schemas.Fault.properties).toHaveProperty("suggestion");
});
