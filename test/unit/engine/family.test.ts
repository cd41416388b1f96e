/** Whole families, run by the engine alone: nobody counts their tasks, and yet there are never more than there may be. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileWorkflow, type Workflow } from "../../../src/language/compile.ts";
import { graphOfPart } from "../../../src/language/part-graph.ts";
import { shareOf, sharesOfChains, startsTasks, tasksUsed } from "../../../src/engine/aspects/table.ts";
import type { TaskCreated } from "../../../src/engine/facts/created.ts";
import type { Failure } from "../../../src/engine/facts/failure.ts";
import { fold, create, transition } from "../../../src/engine/transition.ts";
import { partOf } from "../../../src/engine/state/scope.ts";
import { stepNamed, type TaskState } from "../../../src/engine/state/state.ts";
import type { StepNode, NodeOf } from "../../../src/language/graph.ts";
import type { Json } from "../../../src/shared/json.ts";
import { newFamily } from "../../../src/tasks/submission/family.ts";
import { runs } from "../runs.ts";
import { createdEvent, given, STARTED_AT, type Steps } from "./scenario.ts";

interface Definition {
  readonly steps: Steps;
  readonly on_completed?: readonly { readonly workflow: string }[];
}
type Definitions = { readonly [name: string]: Definition };

const VALUES = given([{ id: "a", type: "transform", output: 1 }]).world();
const MOST_STEPS = 5_000;

/** What became of a family: how many tasks there were, and the errors of those that failed or could not be chained. */
class Run {
  tasks = 0;
  readonly errors: string[] = [];
  readonly #workflows = new Map<string, Workflow>();
  readonly #chains: (() => void)[] = [];

  constructor(definitions: Definitions, root: string, most: number | null) {
    const library: Record<string, Json> = {};
    for (const [name, definition] of Object.entries(definitions)) {
      const text = JSON.stringify(definition);
      const compiled = compileWorkflow(text);
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
      this.#workflows.set(name, compiled.value);
      library[name] = { name, version: 1, definition: text };
    }
    const compiled = this.#workflow(root);
    const runnable = { type: root, workflow: { name: root, version: 1 }, definition: "", compiled, library };
    const family = most === null ? undefined : newFamily("task_root", runnable, most);
    this.#task(compiled, { ...(family && { family }), input: { value: null } });
    for (let next = this.#chains.shift(); next !== undefined; next = this.#chains.shift()) next();
  }

  #workflow(name: string): Workflow {
    const workflow = this.#workflows.get(name);
    if (workflow === undefined) throw new Error(`There is no workflow ${name}`);
    return workflow;
  }

  /** Runs a task and all that its steps start; what its end starts comes later, on its own. */
  #task(workflow: Workflow, of: Partial<TaskCreated>, graph = workflow.graph): TaskState {
    if (this.tasks++ > MOST_STEPS) throw new Error("A family without an end");
    const created: TaskCreated = { ...createdEvent(), task: `task_${this.tasks}`, ...of };
    const world = { ...VALUES, childTask: (step: string, branch: number) => `${created.task}/${step}/${branch}` };
    const first = create(graph, created, world);
    const rows = [...first.events];
    const { state } = first;
    for (let [next] = state.children; next !== undefined; [next] = state.children) {
      const [task, child] = next;
      const ended = this.#child(state, workflow, task, child.step, child.branch);
      rows.push(...transition(state, [{ type: "child", task, failedItems: 0, ...ended }], world).events);
    }
    const again = fold(graph, created, STARTED_AT);
    again.add(rows.slice(1), STARTED_AT);
    expect(again.state.family).toEqual(state.family);
    expect(state.end, "a task without an end").not.toBeNull();
    if (state.end?.error) this.errors.push(state.end.error.code);
    if (state.end?.status === "completed") this.#chain(state, graph.onCompleted);
    return state;
  }

  #child(state: TaskState, workflow: Workflow, task: string, index: number, branch: number) {
    const step = stepNamed(state, state.steps[index]?.path ?? "");
    const depth = (state.created.parent?.depth ?? 0) + 1;
    if (depth > 20) return { status: "failed" as const, output: null, error: failure("nested_too_deep"), used: 0 };
    const parent = { task: state.created.task, step: step.path, branch, depth };
    const share = shareOf(state, task);
    const child =
      step.node.kind === "map"
        ? this.#part(state, workflow, step.node, step.path, branch, { parent, share })
        : this.#started(step.node, { parent, share });
    const used = tasksUsed(child);
    const { status = "failed", output = null, error = null } = child.end ?? {};
    return { status, output, error, ...(used !== undefined && { used }) };
  }

  #started(node: StepNode, { parent, share }: { parent: TaskCreated["parent"]; share: TaskCreated["family"] }): TaskState {
    const workflow = this.#workflow((node as NodeOf<"workflow">).workflow);
    return this.#task(workflow, { ...(parent && { parent }), ...(share && startsTasks(workflow.graph) && { family: share }) });
  }

  #part(
    state: TaskState,
    workflow: Workflow,
    node: NodeOf<"map">,
    path: string,
    branch: number,
    { parent, share }: { parent: TaskCreated["parent"]; share: TaskCreated["family"] },
  ): TaskState {
    const graph = graphOfPart(workflow.graph, node.path);
    const step = stepNamed(state, path) as Parameters<typeof partOf>[1];
    const input = partOf(state, step, branch * 100, branch * 100 + 100, VALUES.values) as unknown as Json;
    const spread = { path: node.path, first: branch * 100, concurrency: 100, tolerate: 0 };
    if (graph === null) throw new Error("a map without a part");
    return this.#task(workflow, { ...(parent && { parent }), spread, input: { value: input }, ...(share && { family: share }) }, graph);
  }

  #chain(state: TaskState, chains: TaskState["graph"]["onCompleted"]): void {
    const shares = sharesOfChains(state, chains);
    const depth = (state.created.chain?.depth ?? 0) + 1;
    chains.forEach(({ workflow: name }, index) => {
      const share = shares?.[index];
      if (share === null) return void this.errors.push("family_too_large");
      if (depth > 100) return void this.errors.push("chain_too_long");
      const workflow = this.#workflow(name);
      const chain = { from: state.created.task, depth };
      this.#chains.push(() => this.#task(workflow, { chain, ...(share && startsTasks(workflow.graph) && { family: share }) }));
    });
  }
}

const failure = (code: string): Failure => ({ code, message: code, retryable: false });
const plain: Steps[number] = { id: "t", type: "transform", output: 1 };
const start = (id: string, workflow: string, more: object = {}): Steps[number] => ({ id, type: "workflow", workflow, ...more });
const each = (over: string, ...steps: Steps): Steps[number] => ({ id: "m", type: "map", over, steps });

describe("a family of tasks ends at its bound", () => {
  test("where a workflow starts itself twice, by its steps", () => {
    const run = new Run({ bomb: { steps: [{ ...each("${ [1, 2] }", start("again", "bomb")), tolerate: 2 }] } }, "bomb", 300);
    expect(run.tasks).toBeLessThanOrEqual(300);
    expect(run.tasks).toBeGreaterThan(100);
  });

  test("where it starts itself twice when it ends", () => {
    const run = new Run({ bomb: { steps: [plain], on_completed: [{ workflow: "bomb" }, { workflow: "bomb" }] } }, "bomb", 300);
    expect(run.tasks).toBeLessThanOrEqual(300);
    expect(run.tasks).toBeGreaterThan(100);
    expect(new Set(run.errors)).toEqual(new Set(["family_too_large"]));
  });

  test("and parts of a map count", () => {
    const wide = {
      steps: [
        each(
          "${ 'x'.lowerAscii() == 'x' ? range : [] }".replace("range", `[${Array.from({ length: 301 }, (_, i) => i).join(",")}]`),
          plain,
        ),
      ],
    };
    expect(new Run({ wide }, "wide", 5)).toMatchObject({ tasks: 5, errors: [] });
    const less = new Run({ wide }, "wide", 4);
    expect(less.errors).toEqual(["family_too_large"]);
    expect(less.tasks).toBeLessThanOrEqual(4);
  });

  test("whatever it is made of", () => {
    const names = ["a", "b", "c"];
    const reference = fc.constantFrom(...names);
    const starting = reference.map((name) => start("s", name));
    const inner = fc.oneof(
      { weight: 2, arbitrary: fc.constant(plain) },
      { weight: 3, arbitrary: starting },
      fc
        .record({ count: fc.integer({ min: 0, max: 3 }), step: starting })
        .map(({ count, step }) => each(`\${ [${Array.from({ length: count }, (_, i) => i).join(",")}] }`, step)),
      fc
        .record({ max: fc.integer({ min: 1, max: 3 }), step: starting })
        .map(({ max, step }) => ({ id: "r", type: "repeat", max, steps: [step], until: "${ iteration == " + max + " }" })),
      fc.record({ holds: fc.boolean(), one: starting, other: starting }).map(({ holds, one, other }) => ({
        id: "w",
        type: "switch",
        cases: [{ when: `size(task.id) > ${holds ? 0 : 1_000}`, steps: [one] }],
        default: { steps: [other] },
      })),
    );
    const definition = fc.record({
      steps: fc
        .array(inner, { minLength: 1, maxLength: 3 })
        .map((steps) => steps.map((one, index) => ({ ...one, id: `${one.id}${index}`, on_error: "continue" }))),
      on_completed: fc.array(
        reference.map((workflow) => ({ workflow })),
        { minLength: 1, maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.record({ a: definition, b: definition, c: definition }), fc.integer({ min: 1, max: 120 }), (definitions, most) => {
        expect(new Run(definitions, "a", most).tasks).toBeLessThanOrEqual(most);
      }),
      { numRuns: runs(75) },
    );
  });
});

describe("a family within its bound is not refused", () => {
  const leaf = { steps: [plain] };

  test("however deep, where beside each of its tasks there is a small one and after each another", () => {
    const levels = Array.from({ length: 19 }, (_, level) => [
      `level${level}`,
      { steps: [start("small", "leaf"), start("next", level === 18 ? "leaf" : `level${level + 1}`)], on_completed: [{ workflow: "leaf" }] },
    ]);
    const definitions = { leaf, ...(Object.fromEntries(levels) as Definitions) };
    expect(new Run(definitions, "level0", 58)).toMatchObject({ tasks: 58, errors: [] });
  });

  test("however long a chain is, with a small one beside each", () => {
    const definitions = { leaf, poll: { steps: [plain], on_completed: [{ workflow: "leaf" }, { workflow: "poll" }] } };
    const run = new Run(definitions, "poll", 250);
    expect(run).toMatchObject({ tasks: 201, errors: ["chain_too_long", "chain_too_long"] });
  });

  test("where one after the other comes to many, because what comes to few pays the rest back", () => {
    const list = `\${ [${Array.from({ length: 40 }, (_, i) => i).join(",")}] }`;
    const many = { steps: [each(list, start("one", "leaf"))] };
    const steps = ["a", "b", "c"].map((id, index, all) => start(id, "many", index === 0 ? {} : { needs: [all[index - 1]] }));
    expect(new Run({ leaf, many, three: { steps } }, "three", 124)).toMatchObject({ tasks: 124, errors: [] });
  });

  test("and one from before there was a bound starts what it likes", () => {
    const steps = [each("${ [1, 2] }", start("again", "two")), start("more", "leaf")];
    expect(new Run({ leaf, two: { steps: [start("x", "leaf"), start("y", "leaf")] }, old: { steps } }, "old", null)).toMatchObject({
      tasks: 8,
      errors: [],
    });
  });
});
