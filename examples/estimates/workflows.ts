/** Ten workflows of different shape. None of them was made to be estimated easily, and nothing in the estimate knows them. */
import type { StepDefinition, WorkflowDefinition } from "../../src/language/definition.ts";
import type { Json } from "../../src/shared/json.ts";

export interface Trial {
  readonly name: string;
  readonly workflow: WorkflowDefinition;
  readonly input: Json;
}

const items = (count: number): readonly Json[] => Array.from({ length: count }, (_, index) => ({ id: index, isLong: index % 3 === 0 }));

const row = (ids: readonly string[], capability: string, more: Partial<StepDefinition> = {}): readonly StepDefinition[] =>
  ids.map((id) => ({ id, capability, ...more }) as StepDefinition);

/** Steps one after the other. */
const chain = (capabilities: readonly string[]): readonly StepDefinition[] =>
  capabilities.map((capability, index) => ({ id: `s${index}`, capability, ...(index > 0 && { needs: [`s${index - 1}`] }) }));

/** Another workflow, which some of these start. */
export const PROFILE: WorkflowDefinition = {
  description: "Looks somebody up and reads what there is.",
  steps: [
    { id: "search", capability: "search", input: { name: "${ input.name }" } },
    { id: "read", capability: "read", needs: ["search"] },
  ],
};

export const TRIALS: readonly Trial[] = [
  {
    name: "chain",
    workflow: { steps: chain(["search", "read", "review", "write", "review", "write"]) },
    input: {},
  },
  {
    name: "fan-out",
    workflow: {
      steps: [
        ...row(
          Array.from({ length: 14 }, (_, index) => `read${index}`),
          "read",
        ),
        { id: "sum", capability: "write", needs: Array.from({ length: 14 }, (_, index) => `read${index}`) },
      ],
    },
    input: {},
  },
  {
    name: "diamond",
    workflow: {
      steps: [
        { id: "start", capability: "search" },
        { id: "left", capability: "write", needs: ["start"] },
        { id: "middle", capability: "review", needs: ["start"] },
        { id: "right", capability: "read", needs: ["start"] },
        { id: "deeper", capability: "read", needs: ["right"] },
        { id: "join", capability: "write", needs: ["left", "middle", "deeper"] },
      ],
    },
    input: {},
  },
  {
    name: "map",
    workflow: {
      steps: [
        {
          id: "each",
          type: "map",
          over: "input.documents",
          as: "document",
          concurrency: 4,
          steps: [
            { id: "read", capability: "read", input: "${ document }" },
            { id: "judge", capability: "review", when: "document.isLong", needs: ["read"] },
          ],
        },
        { id: "sum", capability: "write", input: "${ steps.each.output }" },
      ],
    },
    input: { documents: items(18) },
  },
  {
    name: "spread map",
    workflow: {
      steps: [{ id: "each", type: "map", over: "input.documents", steps: [{ id: "label", capability: "classify", input: "${ item }" }] }],
      output: "${ size(steps.each.output) }",
    },
    input: { documents: items(230) },
  },
  {
    name: "switch",
    workflow: {
      steps: [
        {
          id: "route",
          type: "switch",
          cases: [
            { when: "input.kind == 'note'", steps: [{ id: "file", capability: "file" }] },
            { when: "input.kind == 'report'", steps: chain(["search", "think", "write"]) },
          ],
          default: { steps: [{ id: "glance", capability: "read" }] },
        },
        { id: "check", capability: "review", needs: ["route"], when: "input.kind != 'note'" },
      ],
    },
    input: { kind: "report" },
  },
  {
    name: "repeat",
    workflow: {
      steps: [
        {
          id: "refine",
          type: "repeat",
          max: 10,
          until: "iteration >= 4",
          delay: "150ms",
          steps: [
            { id: "draft", capability: "write" },
            { id: "judge", capability: "review", needs: ["draft"] },
          ],
        },
      ],
    },
    input: {},
  },
  {
    name: "hedged",
    workflow: {
      steps: chain(Array.from({ length: 8 }, () => "look")).map(
        (step) => ({ ...step, hedge: { after: "120ms", max_share: 0.5 } }) as StepDefinition,
      ),
    },
    input: {},
  },
  {
    name: "flaky",
    workflow: {
      steps: chain(["translate", "translate", "translate", "translate"]).map(
        (step) => ({ ...step, retry: { max_attempts: 8, delay: "200ms", factor: 1.5 } }) as StepDefinition,
      ),
    },
    input: {},
  },
  {
    name: "limited, others",
    workflow: {
      steps: [
        { id: "ann", type: "workflow", workflow: "profile", input: { name: "Ann" } },
        { id: "bob", type: "workflow", workflow: "profile", input: { name: "Bob" } },
        ...row(
          Array.from({ length: 9 }, (_, index) => `file${index}`),
          "file",
          { needs: ["ann"] },
        ),
        { id: "vote", capability: "look", ensemble: { agents: 2, mode: "all" }, needs: ["bob"] },
        {
          id: "end",
          capability: "write",
          run_if: "all_settled",
          needs: ["vote", ...Array.from({ length: 9 }, (_, index) => `file${index}`)],
        },
      ],
    },
    input: {},
  },
];
