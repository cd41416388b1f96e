/** The engine with the real selection: what a step asks for, what it gets, and what is written down of it. */
import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import { lookupIn } from "../../../src/agents/selection/selection.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import type { Json } from "../../../src/shared/json.ts";
import { DEFAULTS } from "../../../src/shared/limits.ts";
import { agent, directoryOf, KNOWN, seen, stateOf, type Candidates } from "../agents/candidates.ts";
import { completes, fails, given, step, type Options, type Scenario, type Steps } from "./scenario.ts";

function among(candidates: Candidates, steps: Steps, options: Options = {}): Scenario {
  return given(steps, { ...options, lookup: lookupIn(directoryOf(...candidates)) });
}
const selectedBy = (task: Scenario) =>
  task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "agent.selected" ? [event] : [])));
const chosenBy = (task: Scenario): readonly string[] => selectedBy(task).map(({ agent }) => agent);
const chain = (length: number, more: (index: number) => Record<string, unknown>): Steps =>
  Array.from({ length }, (_, index) => step(`s${index}`, { ...(index > 0 && { needs: [`s${index - 1}`] }), ...more(index) }));

/** Every step completes, one after the other. */
function run(task: Scenario, output: Json = 1): Scenario {
  for (const { id } of task.graph.steps) task.when(completes(id, output));
  return task;
}

const three = ["a", "b", "c"].map((id) => agent(id));
const known = (id: string, more: Parameters<typeof seen>[1] = {}, record: Partial<AgentRecord> = {}) =>
  [agent(id, record), stateOf(seen(KNOWN, more))] as const;

describe("who gets a step", () => {
  test("is written down with the reason, in the row that starts it, before it starts", () => {
    const task = among([known("a"), agent("b", { draining: true }), known("c", { latencyMs: 9_000 })], [step("x")]);
    expect(task.last.events.map(({ type }) => type)).toEqual([
      "task.created",
      "agent.selected",
      "task.started",
      "step.started",
      "attempt.started",
    ]);
    expect(selectedBy(task)[0]?.receipt).toMatchObject({
      policy: "balanced",
      candidates: [
        { agent: "a", verdict: "chosen", parts: { success: 1, latency: 1, price: 1, load: 1 } },
        { agent: "c", verdict: "eligible" },
        { agent: "b", verdict: "draining", reason: "it takes no new work" },
      ],
    });
  });

  test("is written down too where nobody gets it", () => {
    const task = among([agent("b", { draining: true })], [step("x")]).then("task.created", "step.waiting x");
    expect(task.last.events[1]).toMatchObject({ receipt: { candidates: [{ agent: "b", verdict: "draining" }] } });
  });

  test("is spread: what the task has under way with an agent is load", () => {
    const steps = Array.from({ length: 30 }, (_, index) => step(`s${index}`, { select: { policy: "least_loaded" } }));
    const chosen = chosenBy(among([known("a"), known("b"), known("c")], steps));
    for (const id of ["a", "b", "c"]) expect(chosen.filter((one) => one === id)).toHaveLength(10);
  });

  test("is who takes the step's input", () => {
    const picky = agent("a", { capabilities: [{ name: "work", inputSchema: { type: "object", required: ["text"] } }] });
    const task = among([picky, agent("b")], [step("x", { input: { words: "${input.words}" } })], { input: { words: 3 } });
    expect(chosenBy(task)).toEqual(["b"]);
    expect(selectedBy(task)[0]?.receipt.candidates).toContainEqual(expect.objectContaining({ agent: "a", verdict: "input_schema" }));
  });
});

describe("turns", () => {
  const round_robin = () => ({ select: { policy: "round_robin" } });

  test("go round within a task", () => {
    expect(chosenBy(run(among(three, chain(9, round_robin)))).join("")).toMatch(/^(abc|bca|cab){3}$/);
  });

  test("go round although the task chooses for other steps in between", () => {
    const others = ["x", "y"].map((id) => agent(id, { capabilities: [{ name: "other" }] }));
    const steps = chain(6, (index) => ({ ...round_robin(), capability: index % 2 === 0 ? "work" : "other" }));
    const chosen = chosenBy(run(among([agent("a"), agent("b"), ...others], steps)));
    expect(chosen.filter((id) => id === "a" || id === "b").join("")).toMatch(/^(aba|bab)$/);
    expect(chosen.filter((id) => id === "x" || id === "y").join("")).toMatch(/^(xyx|yxy)$/);
  });

  test("go round among tasks that take one each, too", () => {
    const first = Array.from({ length: 90 }, (_, index) => chosenBy(among(three, chain(1, round_robin), { id: `task_${index}` }))[0]);
    for (const id of ["a", "b", "c"]) expect(first.filter((one) => one === id).length).toBeGreaterThan(15);
  });
});

describe("equal keys", () => {
  const ten = Array.from({ length: 10 }, (_, index) => agent(`agent_${index}`));
  const sticky = { select: { sticky: "input.conversation" } };

  test("get the same agent, in every step and task", () => {
    const chosen = Array.from({ length: 5 }, (_, index) =>
      chosenBy(
        run(
          among(
            ten,
            chain(4, () => sticky),
            { id: `task_${index}`, input: { conversation: 7 } },
          ),
        ),
      ),
    );
    expect(new Set(chosen.flat()).size).toBe(1);
  });

  test("may be what another step said", () => {
    const steps = [
      step("first"),
      step("x", { select: { sticky: "steps.first.output" } }),
      step("y", { select: { sticky: "steps.first.output" } }),
    ];
    const [, x, y] = chosenBy(among(ten, steps).when(completes("first", "k")));
    expect(x).toBe(y);
  });

  test("that cannot be evaluated fail the step", () => {
    among(ten, [step("x", sticky)]).then("task.created", "step.failed x (expression_error)", "task.failed (expression_error)");
  });
});

describe("a deadline", () => {
  const fleet = [
    known("dear", { p50Ms: 10, p95Ms: 20, p99Ms: 30, costUsd: 1 }),
    known("slow", { p50Ms: 5_000, p95Ms: 9_000, p99Ms: 9_900, costUsd: 0 }),
  ];
  test("is met by the cheapest agent that is fast enough: the step's own", () => {
    expect(chosenBy(among(fleet, [step("x", { select: { meet: { within: "1s" } } })]))).toEqual(["dear"]);
    expect(chosenBy(among(fleet, [step("x", { select: { meet: { within: "1m" } } })]))).toEqual(["slow"]);
  });
  test("… or what is left of the task's", () => {
    const task = among(
      fleet,
      chain(2, () => ({ select: { meet: {} } })),
      { deadlineMs: 30_000 },
    );
    task.now += 28_000;
    task.when({ ...completes("s0"), ms: 100 } as TaskInput);
    expect(chosenBy(task)).toEqual(["slow", "dear"]);
    expect(selectedBy(task)[1]?.receipt.note).toContain("within 2000 ms");
  });
});

describe("what a task has seen of an agent", () => {
  const inARow = DEFAULTS.breaker.consecutive;
  const onlyOne = { policy: "cheapest" };
  const candidates = [known("a", { costUsd: 0 }), known("b", { costUsd: 5 })];
  const failing = (id: string, attempt: number): TaskInput => fails(id, { code: "agent_unreachable", retryable: false }, attempt);

  test("keeps it from asking again one that fails and fails", () => {
    const steps = chain(inARow + 2, () => ({ select: onlyOne, run_if: "all_settled" }));
    const task = among(candidates, steps);
    for (let index = 0; index < inARow; index++) task.when(failing(`s${index}`, 1));
    expect(chosenBy(task)).toEqual([...Array<string>(inARow).fill("a"), "b"]);
    expect(selectedBy(task).at(-1)?.receipt.candidates).toContainEqual({
      agent: "a",
      verdict: "breaker",
      reason: `${inARow} failures in a row in this task`,
    });
  });

  test("does not hold a caller's mistakes against it", () => {
    const task = among(
      candidates,
      chain(inARow + 2, () => ({ select: onlyOne, run_if: "all_settled" })),
    );
    for (let index = 0; index < inARow; index++) task.when(fails(`s${index}`, { code: "agent_refused", status: 400, retryable: false }));
    expect(new Set(chosenBy(task))).toEqual(new Set(["a"]));
  });

  test("sends a step that failed to another agent, and names the first as tried", () => {
    const retry = { delay: "0s", jitter: "none" };
    const task = among(candidates, [step("x", { select: onlyOne, retry })]).when(fails("x"));
    expect(chosenBy(task)).toEqual(["a", "b"]);
    expect(selectedBy(task)[1]?.receipt.candidates).toContainEqual(expect.objectContaining({ agent: "a", verdict: "tried" }));
    const same = among(candidates, [step("x", { select: onlyOne, retry: { ...retry, on: "same" } })]).when(fails("x"));
    expect(chosenBy(same)).toEqual(["a", "a"]);
  });

  test("makes a second agent of an ensemble another one", () => {
    const task = among(three, [step("x", { ensemble: { agents: 3, mode: "all" } })]);
    const started = task.last.events.flatMap((event) => (event.type === "attempt.started" ? [event.agent] : []));
    expect(started.toSorted()).toEqual(["a", "b", "c"]);
  });
});
