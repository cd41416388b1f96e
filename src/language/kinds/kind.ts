/**
 * A kind of step as the language knows it: how it is written and what it compiles to, what it evaluates and what is inside
 * it, what can be said of it before it runs, and how it is drawn. Whoever walks over steps reads these; what a kind does
 * when it runs is in `engine/kinds/`.
 */
import type { z } from "zod";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Expression } from "../expressions/expression.ts";
import type { Template } from "../expressions/template.ts";
import type { DoubtCode } from "../doubt.ts";
import type { Read } from "../reads.ts";
import type { Rules } from "../rules.ts";
import type { Shape } from "../shape.ts";
import type { Target } from "../staffing.ts";
import type { AnyStepDefinition } from "../step-definition.ts";

/** `Written`: the step in a definition. `Compiled`: what its node has beside what every node has. */
export interface KindDefinition<Written extends AnyStepDefinition, Compiled extends object> {
  /** What other languages call it, as words in one text, and what to know where they mean something else. */
  readonly synonyms: readonly { readonly words: string; readonly note?: string }[];
  readonly schema: z.ZodType<Written> | ((steps: StepListSchemas<never>) => z.ZodType<Written>);
  readonly compile: (step: StepCompiler, written: Written) => Compiled;
  /** What it evaluates of its own, in the order in which that is written. */
  readonly expressions: (node: Compiled) => readonly Evaluated[];
  /** What has the steps inside it, of any JSON, in the order of its branches. */
  readonly blocks?: (step: JsonObject) => readonly { readonly holder: Json | undefined; readonly field: string }[];
  /** Each of its branches runs the one block inside it. */
  readonly isLoop?: true;
  /** What it needs of others: work, which may cost something; time alone; or the word of people. Without any it only computes. */
  readonly takes?: "work" | "time" | "people";
  /** It ends the task. */
  readonly endsTask?: true;
  /** It sees or changes the whole task, or is looked for there: a map that it is inside of is not spread over other tasks. */
  readonly staysInTask?: true;
  /** It starts the workflow that its field of that name refers to. */
  readonly startsWorkflow?: true;

  /** How it may settle once it runs; in any way unless said. */
  readonly outcomes?: (node: Compiled, analysis: OutcomeAnalysis) => Outcomes;
  /** The shape of its output; anything unless said. */
  readonly output?: (written: Written, node: Compiled, shapes: ShapeAnalysis) => Shape;
  /** The list that it runs over. */
  readonly list?: (written: Written) => Json;
  /** Names that the steps inside it see. */
  readonly variables?: (node: Compiled) => { readonly [name: string]: (shapes: ShapeAnalysis) => Shape };
  /** How many times its branches run, at most. */
  readonly mostBranches?: (node: Compiled) => number;
  /** What of it takes longer than the task may; `null` where nothing does. */
  readonly lateness?: (node: Compiled, written: Written, deadlineMs: number) => Lateness | null;

  /** What is around its label in a diagram; a rectangle unless said. */
  readonly box?: readonly [string, string];
  /** What a diagram says of it beside its id. */
  readonly label?: (step: JsonObject) => readonly string[];
}

/** Schemas of the steps inside a step. */
export interface StepListSchemas<List> {
  /** At least one. */
  readonly steps: z.ZodType<List>;
  /** Maybe none. */
  readonly stepsOfCase: z.ZodType<List>;
}

/** What a step is compiled with. Fields are paths from the step, as `cases/0/when`; `""` is the step itself. */
export interface StepCompiler {
  /** Ids of the steps that it is inside of, from outside in. */
  readonly path: readonly string[];
  /** Names that it sees beside `input`, `steps` and `task`. */
  readonly variables: readonly string[];
  readonly template: (value: unknown, field: string) => Template;
  /** With the names that only this expression may use. */
  readonly expression: (source: string, field: string, names?: readonly string[]) => Expression | null;
  readonly condition: (source: string, field: string, names?: readonly string[]) => Expression | null;
  readonly inner: (holder: StepHolder, field: string, variables?: readonly string[]) => InnerCompiler;
  /** It may wait for a signal of this name. */
  readonly listen: (signal: string) => void;
  /** JSON Pointer to a field. */
  readonly pointerTo: (field: string) => string;
  readonly refuse: (field: string, message: string) => void;
  readonly warn: (field: string, message: string, code: DoubtCode) => void;
  /** By which the task decides. */
  readonly rules: Rules;
}

export interface StepHolder {
  readonly steps: readonly AnyStepDefinition[];
  readonly output?: unknown;
}

/** A block that has been compiled, with what its steps read and are. */
export interface InnerCompiler {
  readonly names: ReadonlySet<string>;
  /** What they read from outside, as it is seen from the step. */
  readonly readsOutside: readonly Read[];
  readonly staysInTask: boolean;
  /** Asked among its steps. */
  readonly condition: (source: string, field: string, names: readonly string[]) => ConditionWithReads;
}

export interface ConditionWithReads {
  readonly condition: Expression | null;
  readonly reads: readonly Read[];
}

/** A value of a step that is evaluated; `null` where it is not written. */
export interface Evaluated {
  readonly field: string;
  readonly value: Expression | Template | null;
  /** The block inside the step whose steps it sees; those beside the step unless said. */
  readonly inside?: number;
  /** A name that it alone sees. */
  readonly name?: { readonly name: string; readonly shape: (shapes: ShapeAnalysis) => Shape };
  /** The block that runs only if it holds. */
  readonly guards?: number;
  /** What follows if it never holds. */
  readonly otherwise?: string;
  /** What it has to be. */
  readonly expected?: { readonly what: string; readonly isRight: (value: Json) => boolean };
}

/** How a step may settle while the task goes on; in none of these ways: the task has ended by then, or waits for ever. */
export interface Outcomes {
  readonly completed: boolean;
  readonly failed: boolean;
}

/** What a condition may come to. */
export interface Truth {
  readonly mayHold: boolean;
  readonly mayNotHold: boolean;
  readonly mayFail: boolean;
}

export interface OutcomeAnalysis {
  readonly truth: (condition: Expression) => Truth;
  /** Of a condition that is asked when the steps of a block have settled and none has made it fail. */
  readonly truthInside: (block: number, condition: Expression) => Truth;
  /** Of a block that may run. */
  readonly block: (block: number) => Outcomes;
}

export interface ShapeAnalysis {
  /** Of a value as it is written, with `${ … }` in its texts. */
  readonly template: (value: Json) => Shape;
  /** Of the list that the step runs over. */
  readonly list: Shape;
  /** Of what a block inside the step comes to. */
  readonly block: (block: number) => Shape;
  /** Of what agents declare to answer. */
  readonly answer: (targets: readonly Target[]) => Shape;
  /** Of what a registered workflow declares to come to. */
  readonly workflow: (reference: string) => Shape;
}

export interface Lateness {
  readonly field: string;
  readonly what: string;
  readonly so: string;
}

/** Whether evaluating it may fail. */
export const mayFailToRender = (template: Template | null): boolean => template !== null && template.expressions.length > 0;

/** A value in a diagram's label. */
export function labelText(value: Json | undefined): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
