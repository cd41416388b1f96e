/** What is known of the values in a simulated run: of an expression where it stands, and of what a step came to. */
import { outerOf, type Frame, type Instance } from "./frame.ts";
import { unknown, type Answer, type Question, type Reading } from "./known.ts";
import type { Run } from "./run.ts";

export function answerFor(run: Run, question: Question, frame: Frame): Answer {
  const { knowledge } = run.setting;
  return knowledge.ask(question, frame.surrounding, ({ depth, index }): Reading => {
    let at: Frame | null = frame;
    for (let out = depth; out > 0 && at !== null; out--) at = outerOf(at);
    const instance = at?.steps[index];
    if (instance === undefined) return { status: "pending", output: unknown("a step outside") };
    const { status } = instance;
    if (status === "pending" || status === "running") return { status: "pending", output: knowledge.nothing };
    return { status, output: status === "completed" ? outputOf(run, instance) : knowledge.nothing };
  });
}

function outputOf(run: Run, instance: Instance): Answer {
  return (instance.output ??= worked(run, instance));
}

function worked(run: Run, instance: Instance): Answer {
  const { step, branches, frame } = instance;
  const { knowledge } = run.setting;
  if (instance.isFallback && typeof step.onError !== "string") return answerFor(run, step.onError, frame);
  switch (step.kind) {
    case "transform":
      return answerFor(run, step.output, frame);
    case "map":
      return knowledge.listOf(branches?.count ?? 0);
    case "switch":
    case "repeat":
    case "workflow": {
      const last = branches?.last ?? null;
      if (last === null) return knowledge.nothing; // no case held
      return last.block.output === null ? unknown(`steps.${step.name}.output`) : answerFor(run, last.block.output, last);
    }
    case "agent":
    case "wait":
    case "signal":
    case "approval":
    case "end":
      return unknown(`steps.${step.name}.output`);
  }
}
