/**
 * An aspect of a step or a task: something that any of them may have beside what it does, such as a cached result, a budget
 * or a time before which it does not begin. It is one record: the walkers in `table.ts` ask every aspect, and no other file
 * names one.
 *
 * An aspect stands below the rules: it says what it wants, and the rules make of that the facts that hold for everybody.
 */
import type { z } from "zod";
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import type { Command } from "../facts/command.ts";
import type { EventOf, EventType, TaskEvent } from "../facts/event.ts";
import type { Failure } from "../facts/failure.ts";
import type { InputOf, TaskInput } from "../facts/input.ts";
import type { Moment } from "../facts/moment.ts";
import type { TaskState } from "../state/state.ts";
import type { AgentStep, Phase, Step } from "../state/step-state.ts";
import type { World } from "../world.ts";
import type { AspectEvent, AspectInput, AspectsOfSettled, AspectWaiting } from "./shapes.ts";

/** What is to happen: facts of the aspect, and what follows from them by the rules. */
export interface Ruling {
  readonly facts: readonly TaskEvent[];
  readonly next?: Consequence;
}

export type Consequence = { readonly type: "step_fails"; readonly step: Step; readonly error: Failure };

/** Everything about a fact that is the aspect's own. */
export interface AspectFact<T extends EventType> {
  /** Members that it cannot do without. */
  readonly required: readonly (EventOf<T> extends infer E ? (E extends unknown ? Exclude<keyof E, "type"> : never) : never)[];
  readonly fold: (state: TaskState, event: EventOf<T>) => void;
  /** What the outside must have said for it to be there; absent where it only follows by itself. */
  readonly inputs?: (event: EventOf<T>, moment: Moment) => readonly TaskInput[];
  /** Why it cannot be one where the task stands, or `null`. */
  readonly fault?: (state: TaskState, event: EventOf<T>) => string | null;
}

/** What a step waits for because of it. */
export interface AspectWait {
  readonly schema: z.core.$ZodTypeDiscriminable;
  /** It has waited until now. */
  readonly due?: (state: TaskState, step: Step) => Ruling;
  /** Only steps that ask agents wait for it. */
  readonly isOfAgents: boolean;
}

/** The hooks; all are optional, and those that decide are asked in the order of the table until one says something. */
export interface AspectHooks {
  /** What a fact of the core means to it, once that is folded. `before`: where the fact's step stood before it. */
  readonly follow?: (state: TaskState, event: TaskEvent, step: Step | null, before: Phase | null) => void;
  /** A step is about to begin: what would otherwise fail at its end. The field that is wrong, and how. */
  readonly check?: (state: TaskState, step: AgentStep, world: World) => { readonly field: string; readonly error: string } | null;
  /** A step is about to choose an agent: what it does first. */
  readonly ask?: (state: TaskState, step: AgentStep, world: World) => Ruling | null;
  /** Members of the fact that settles a step; `brought`: its agents have brought the output, and what that is read with. */
  readonly settle?: (state: TaskState, step: Step, brought: World | null) => AspectsOfSettled;
  /** What a fact asks of the world. */
  readonly commands?: (event: TaskEvent) => readonly Command[];
  /** What the outside must have said for a fact of the core that only it explains. */
  readonly inputs?: (event: TaskEvent, moment: Moment) => readonly TaskInput[];
}

export interface Aspect<E extends AspectEvent, I extends AspectInput, W extends AspectWaiting> extends AspectHooks {
  readonly facts: { readonly [T in E["type"]]: AspectFact<T> };
  readonly admit: {
    readonly [T in I["type"]]: (state: TaskState, input: InputOf<T>, world: World) => Result<Ruling, Rejection>;
  };
  readonly waits: { readonly [T in W["type"]]: AspectWait };
  /** Members of facts that only it has. */
  readonly members: { readonly [member: string]: z.ZodType };
}
