/** A step that lets time pass: for a while, or until a moment. What has passed already is not waited for. */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { isoTime, parseDuration } from "../../shared/time.ts";
import type { TaskEvent } from "../facts/event.ts";
import { dateOf } from "../../language/expressions/timestamp.ts";
import type { Rules } from "../../language/rules.ts";
import type { NodeOf } from "../../language/graph.ts";
import { scopeOfStep } from "../state/scope.ts";
import { expressionError } from "../facts/failure.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import type { Step } from "../state/step-state.ts";
import type { Kind } from "./kind.ts";

const timeAsBefore = (text: string): number => (ISO_TIME.test(text) ? Date.parse(text) : Number.NaN);

/** A date, or a time with its zone: whatever else `Date` can read means something else to somebody. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

export const wait: Kind<NodeOf<"wait">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const { type, value } = step.node.until;
    const evaluated = value.evaluate(() => scopeOfStep(state, step, world.values));
    const until = evaluated.ok ? momentOf(step.node.until, evaluated.value, state.graph.rules, world.now) : evaluated;
    if (!until.ok) return [...started, ...failStep(state, step, expressionError(step, type, until.error), world)];
    if (until.value <= world.now) return [...started, completed(step, until.value)];
    return [...started, { type: "step.waiting", step: step.path, waiting_on: { type: "timer", until: until.value } }];
  },
  due: (_state, step, world) => {
    const until = step.phase.status === "waiting" && step.phase.on.type === "timer" ? step.phase.on.until : world.now;
    return [{ type: "timer.fired", step: step.path }, completed(step, until)];
  },
};

function completed(step: Step, until: number): TaskEvent {
  return { type: "step.completed", step: step.path, output: { value: { waited_until: isoTime(until) } } };
}

function momentOf({ type, value: template }: NodeOf<"wait">["until"], value: Json, rules: Rules, now: number): Result<number, string> {
  // What is written out was checked where it came in, by what held then.
  const timeOf =
    rules === 0 || template.expressions.length === 0 ? timeAsBefore : (text: string) => dateOf(text, rules)?.getTime() ?? Number.NaN;
  const at = type === "for" ? durationEnd(value, now) : typeof value === "string" ? timeOf(value) : Number.NaN;
  if (at === null || Number.isNaN(at)) {
    const wanted = type === "for" ? 'a duration such as "10m"' : 'a time such as "2027-01-31T09:00:00Z"';
    return err(`expected ${wanted}, got ${JSON.stringify(value).slice(0, 100)}`);
  }
  if (at - now > LIMITS.durationMs) return err("a step waits at most 365 days");
  return ok(at);
}

function durationEnd(value: Json, now: number): number | null {
  const ms = typeof value === "string" ? parseDuration(value) : null;
  return ms === null ? null : now + ms;
}
