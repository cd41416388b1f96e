/** Every aspect there is, and the walkers over them: whoever wants to know what an aspect says asks here. */
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import type { Command } from "../facts/command.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { InputOf, TaskInput } from "../facts/input.ts";
import type { Moment } from "../facts/moment.ts";
import type { Timer } from "../state/timers.ts";
import type { TaskState } from "../state/state.ts";
import type { AgentStep, Phase, Step } from "../state/step-state.ts";
import type { Selection } from "../../language/staffing.ts";
import type { AgentChoice, Choice, World } from "../world.ts";
import type { AspectAsking, AspectFact, AspectHooks, AspectTimed, AspectWait, Ruling, Start, Starter } from "./aspect.ts";
import { budget } from "./budget/budget.ts";
import { family } from "./family/family.ts";
import { hold } from "./hold/hold.ts";
import { cache } from "./cache/cache.ts";
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

/** Where several decide, they do in this order. */
const ASPECTS: readonly AspectHooks[] = [hold, family, budget, cache];

/** Those that have a hook; found once, for they are asked at every event. */
function having<K extends keyof AspectHooks>(hook: K): readonly NonNullable<AspectHooks[K]>[] {
  return ASPECTS.flatMap(({ [hook]: own }) => (own === undefined ? [] : [own]));
}

export const ASPECT_FACTS: { readonly [T in AspectEvent["type"]]: AspectFact<T> } = { ...hold.facts, ...budget.facts, ...cache.facts };
export const ASPECT_WAITS: { readonly [T in Exclude<(AspectWaiting | TaskWaiting)["type"], "timer">]: AspectWait } = {
  ...hold.waits,
  ...budget.waits,
  ...cache.waits,
};
export const ASPECT_MEMBERS = { ...hold.members, ...family.members, ...budget.members, ...cache.members };
const TIMERS: { readonly [T in AspectTimer["type"]]: AspectTimed } = { ...hold.timers, ...budget.timers };
const ADMIT: { readonly [T in AspectInput["type"]]: Admit<T> } = { ...hold.admit, ...budget.admit, ...cache.admit };

type Admit<T extends AspectInput["type"]> = (state: TaskState, input: InputOf<T>, world: World) => Result<Ruling, Rejection>;

const FOLLOW = having("follow");
const HOLD = having("hold");
const GO_ON = having("goOn");
const LOOK_AGAIN = having("lookAgain");
const CUTS_SHORT = having("cutsShort");
const KEEPS_ITEMS = having("keepsItems");
const SKIPS = having("skips");
const AFFORD = having("afford");
const ALLOWS = having("allows");
const ATTEMPT = having("attempt");
const LEND = having("lend");
const PEOPLE = having("people");
const CHECK = having("check");
const ASK = having("ask");
const SETTLE = having("settle");
const COMMANDS = having("commands");
const INPUTS = having("inputs");

export function isOfAspect(event: TaskEvent): event is AspectEvent {
  return OWN_FACTS.has(event.type);
}
const OWN_FACTS: ReadonlySet<string> = new Set(Object.keys(ASPECT_FACTS));

export function foldFact(state: TaskState, event: AspectEvent): void {
  (ASPECT_FACTS[event.type] as AspectFact<AspectEvent["type"]>).fold(state, event);
}

export function followFact(state: TaskState, event: TaskEvent, step: Step | null, before: Phase | null): void {
  for (const follow of FOLLOW) follow(state, event, step, before);
}

export function admitToAspect(state: TaskState, input: AspectInput, world: World): Result<Ruling, Rejection> {
  return (ADMIT[input.type] as Admit<AspectInput["type"]>)(state, input, world);
}

export function holdBack(state: TaskState, now: number): Ruling | "waits" | null {
  return firstOf(HOLD, (hold_) => hold_(state, now));
}

export function goOnFirst(state: TaskState, start: (step: Step) => readonly TaskEvent[]): readonly TaskEvent[] | null {
  return firstOf(GO_ON, (goOn) => goOn(state, start));
}

export function lookAgainAt(state: TaskState): void {
  for (const lookAgain of LOOK_AGAIN) lookAgain(state);
}

/** Whether the task ends with what it has. */
export const isCutShort = (state: TaskState): boolean => CUTS_SHORT.some((cuts) => cuts(state));

export const keepsItems = (state: TaskState): boolean => KEEPS_ITEMS.some((keeps) => keeps(state));

export function reasonToSkip(state: TaskState, step: Step): AspectReason | null {
  return firstOf(SKIPS, (skips) => skips(state, step));
}

/** The choice that all allow for, or what happens instead. */
export function afford(
  state: TaskState,
  step: AgentStep,
  choice: Choice,
  again: (selection: Selection) => Choice | null,
  world: World,
): { readonly choice: Choice } | Ruling {
  let allowed = choice;
  for (const affords of AFFORD) {
    const answer = affords(state, step, allowed, again, world);
    if ("facts" in answer) return answer;
    allowed = answer.choice;
  }
  return { choice: allowed };
}

export const allowsCall = (state: TaskState, step: AgentStep, choice: Choice, isHedge = false): boolean =>
  ALLOWS.every((allows) => allows(state, step, choice, isHedge));

export function attemptMembers(state: TaskState, step: AgentStep, choice: Choice, agent: AgentChoice): AspectsOfAttempt {
  return together(ATTEMPT, (own) => own(state, step, choice, agent));
}

export function childMembers(state: TaskState, step: Starter, world: World, start: Start = ALONE): AspectsOfChild | Ruling {
  const members: AspectsOfChild = {};
  for (const lend of LEND) {
    const answer = lend(state, step, world, start);
    if ("facts" in answer) return answer;
    Object.assign(members, answer);
  }
  return members;
}

const ALONE: Start = { others: [] };

/** Whether an aspect may ask people in the name of the step. */
export const mayAskPeople = (state: TaskState, step: Step): boolean => PEOPLE.some(({ mayAsk }) => mayAsk(state, step));

/** Whoever asks people under this number now. */
export function askingPeople(state: TaskState, approval: number): AspectAsking | null {
  return PEOPLE.find(({ asked }) => asked(state) === approval) ?? null;
}

export const isAspectTimer = (timer: Timer): timer is AspectTimer => Object.hasOwn(TIMERS, timer.type);

export const isTimerCurrent = (state: TaskState, { type, at }: AspectTimer): boolean => TIMERS[type].isCurrent(state, at);

export const timerIsDue = (state: TaskState, { type }: AspectTimer): Ruling => TIMERS[type].due?.(state) ?? { facts: [] };

export function checkStep(state: TaskState, step: AgentStep, world: World): { readonly field: string; readonly error: string } | null {
  return firstOf(CHECK, (check) => check(state, step, world));
}

export function askBeforeAgent(state: TaskState, step: AgentStep, world: World): Ruling | null {
  return firstOf(ASK, (ask) => ask(state, step, world));
}

/** What the aspects add to the fact that settles a step; `brought`: its agents have brought the output. */
export function settleMembers(state: TaskState, step: Step, brought: World | null): AspectsOfSettled {
  return together(SETTLE, (settle) => settle(state, step, brought));
}

/** What follows when a step has waited for an aspect until now; `null` where it waits for something else. */
export function waitIsOver(state: TaskState, step: Step): Ruling | null {
  const { phase } = step;
  if (phase.status !== "waiting" || !isAspectWaiting(phase.on)) return null;
  return ASPECT_WAITS[phase.on.type].due?.(state, step) ?? null;
}

export function isAspectWaiting(on: { readonly type: string }): on is AspectWaiting {
  return OWN_WAITS.has(on.type);
}
const OWN_WAITS: ReadonlySet<string> = new Set(Object.keys(ASPECT_WAITS));

export function commandsOfAspects(event: TaskEvent): readonly Command[] {
  let all = NO_COMMANDS;
  for (const commands of COMMANDS) {
    const some = commands(event);
    if (some.length > 0) all = all.length === 0 ? some : [...all, ...some];
  }
  return all;
}
const NO_COMMANDS: readonly Command[] = [];

/** Why a fact cannot be one where the task stands, or `null`. */
export function faultOfFact(state: TaskState, event: AspectEvent): string | null {
  return (ASPECT_FACTS[event.type] as AspectFact<AspectEvent["type"]>).fault?.(state, event) ?? null;
}

/** Whether only a step that asks agents waits for it. */
export const isOfAgentsAlone = (on: { readonly type: string }): boolean => isAspectWaiting(on) && ASPECT_WAITS[on.type].isOfAgents;

/** What the outside must have said for a fact, where an aspect knows. */
export function inputsOfAspects(event: TaskEvent, moment: Moment): readonly TaskInput[] {
  if (isOfAspect(event)) return (ASPECT_FACTS[event.type] as AspectFact<AspectEvent["type"]>).inputs?.(event, moment) ?? [];
  return INPUTS.flatMap((inputs) => inputs(event, moment));
}

/** Members of a fact; most have none, and adding those to it costs nothing. */
function together<H, M extends object>(hooks: readonly H[], ask: (hook: H) => M | null): M {
  let all = NO_MEMBERS as M;
  for (const hook of hooks) {
    const own = ask(hook);
    if (own !== null) all = all === NO_MEMBERS ? own : { ...all, ...own };
  }
  return all;
}
export const NO_MEMBERS = {};

function firstOf<H, T>(hooks: readonly H[], ask: (hook: H) => T | null): T | null {
  for (const hook of hooks) {
    const said = ask(hook);
    if (said !== null) return said;
  }
  return null;
}

/** What other rooms ask of an aspect: what a task lends those that it starts, and what it came to itself. */
export { loanOf } from "./budget/account.ts";
export { startsTasks } from "./family/claims.ts";
export { familyTooLarge } from "./family/family.ts";
export { shareOf, sharesOfChains, tasksUsed } from "./family/shares.ts";
