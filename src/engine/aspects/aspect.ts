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
import type { AgentStep, Approval, Phase, Step } from "../state/step-state.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { Selection } from "../../language/staffing.ts";
import type { AgentChoice, Choice, World } from "../world.ts";
import type {
  AspectEvent,
  AspectInput,
  AspectReason,
  AspectsOfAttempt,
  AspectsOfChild,
  AspectsOfSettled,
  AspectTimer,
  AspectWaiting,
  TaskWaiting,
} from "./shapes.ts";

/** What is to happen: facts of the aspect, and what follows from them by the rules. */
export interface Ruling {
  readonly facts: readonly TaskEvent[];
  readonly next?: Consequence;
}

export type Consequence =
  | { readonly type: "step_fails"; readonly step: Step; readonly error: Failure }
  | { readonly type: "steps_skipped"; readonly steps: readonly Step[]; readonly reason: AspectReason }
  | { readonly type: "task_fails"; readonly error: Failure; readonly reason: AspectReason }
  | { readonly type: "task_rejected"; readonly error: Failure };

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

/** A step that starts tasks. */
export type Starter = Step<NodeOf<"workflow" | "map">>;

/** A task that is about to be started. */
export interface Start {
  /** How many of a map's items it has. */
  readonly items?: number;
  /** What those get that are started in the same breath, before it. */
  readonly others: readonly AspectsOfChild[];
}

/** What a step, or a task that has not begun, waits for because of it. */
export interface AspectWait {
  readonly schema: z.core.$ZodTypeDiscriminable;
  /** It has waited until now. */
  readonly due?: (state: TaskState, step: Step) => Ruling;
  /** Only steps that ask agents wait for it. */
  readonly isOfAgents: boolean;
}

/** A moment at which it wants to be asked. */
export interface AspectTimed {
  /** Whether the moment still means something. */
  readonly isCurrent: (state: TaskState, at: number) => boolean;
  readonly due?: (state: TaskState) => Ruling;
}

/** What it asks people: an approval like others, of a step that is none. */
export interface AspectAsking {
  readonly mayAsk: (state: TaskState, step: Step) => boolean;
  /** The number of what it asks now. */
  readonly asked: (state: TaskState) => number | null;
  /** What follows from a person's word; `fact` is that word. */
  readonly decided: (step: Step, asked: Approval, input: InputOf<"decide">, fact: TaskEvent, world: World) => Result<Ruling, Rejection>;
}

/** The hooks; all are optional, and those that decide are asked in the order of the table until one says something. */
export interface AspectHooks {
  /** What a fact means to it, once that is folded. `before`: where the fact's step stood before it. */
  readonly follow?: (state: TaskState, event: TaskEvent, step: Step | null, before: Phase | null) => void;
  /** What follows for a task that it keeps from beginning; `null` where it does not. */
  readonly hold?: (state: TaskState, now: number) => Ruling | "waits" | null;
  /** What goes on before anything else begins; `null` where nothing does. */
  readonly goOn?: (state: TaskState, start: (step: Step) => readonly TaskEvent[]) => readonly TaskEvent[] | null;
  /** The agents are known afresh. */
  readonly lookAgain?: (state: TaskState) => void;
  /** Whether the task ends with what it has: what cannot be made of it is null. */
  readonly cutsShort?: (state: TaskState) => boolean;
  /** Whether the items of a map stay in this task, however many. */
  readonly keepsItems?: (state: TaskState) => boolean;
  /** Why a step is not begun any more. */
  readonly skips?: (state: TaskState, step: Step) => AspectReason | null;
  /** A step is about to begin: what would otherwise fail at its end. The field that is wrong, and how. */
  readonly check?: (state: TaskState, step: AgentStep, world: World) => { readonly field: string; readonly error: string } | null;
  /** A step is about to choose an agent: what it does first. */
  readonly ask?: (state: TaskState, step: AgentStep, world: World) => Ruling | null;
  /** Agents have been chosen: the choice, or another, or what happens instead. `again` asks selection once more. */
  readonly afford?: (
    state: TaskState,
    step: AgentStep,
    choice: Choice,
    again: (selection: Selection) => Choice | null,
    world: World,
  ) => { readonly choice: Choice } | Ruling;
  /** Whether it allows for one more call beside those at work. */
  readonly allows?: (state: TaskState, step: AgentStep, choice: Choice, isHedge: boolean) => boolean;
  /** Members of the fact by which an attempt begins or joins a line. */
  readonly attempt?: (state: TaskState, step: AgentStep, choice: Choice, agent: AgentChoice) => AspectsOfAttempt | null;
  /** A step is about to start a task: members of that fact, or what happens instead. */
  readonly lend?: (state: TaskState, step: Starter, world: World, start: Start) => AspectsOfChild | Ruling;
  /** Members of the fact that settles a step; `brought`: its agents have brought the output, and what that is read with. */
  readonly settle?: (state: TaskState, step: Step, brought: World | null) => AspectsOfSettled | null;
  readonly people?: AspectAsking;
  /** What a fact asks of the world. */
  readonly commands?: (event: TaskEvent) => readonly Command[];
  /** What the outside must have said for a fact of the core that only it explains. */
  readonly inputs?: (event: TaskEvent, moment: Moment) => readonly TaskInput[];
}

export interface Aspect<
  E extends AspectEvent,
  I extends AspectInput,
  W extends AspectWaiting | TaskWaiting,
  T extends AspectTimer,
> extends AspectHooks {
  readonly facts: { readonly [K in E["type"]]: AspectFact<K> };
  readonly admit: {
    readonly [K in I["type"]]: (state: TaskState, input: InputOf<K>, world: World) => Result<Ruling, Rejection>;
  };
  readonly waits: { readonly [K in W["type"]]: AspectWait };
  readonly timers: { readonly [K in T["type"]]: AspectTimed };
  /** Members of facts that only it has. */
  readonly members: { readonly [member: string]: z.ZodType };
}
