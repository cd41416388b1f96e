/**
 * What keeps a task from beginning: a time, a burst of submissions that it stands for, a gate that limits how many run.
 * One after the other, in this order. A task with none of these has no hold, and costs nothing for it.
 */
import { z } from "zod";
import { causedBy } from "../../../shared/actor.ts";
import { ok } from "../../../shared/result.ts";
import { tasksAbove } from "../../facts/created.ts";
import type { Failure } from "../../facts/failure.ts";
import { number, text, time } from "../../facts/member-schemas.ts";
import { resident } from "../../facts/value.ts";
import { LIMITS } from "../../limits.ts";
import type { TaskState } from "../../state/state.ts";
import type { Aspect, Ruling } from "../aspect.ts";
import type { HoldEvent, HoldInput, HoldOfCreated, HoldTimer, WaitingToBegin } from "./shape.ts";

const notHeld = ({ hold }: TaskState, { type }: HoldEvent): string | null =>
  hold === null ? `${type} of a task that nothing holds back` : null;

export const hold = {
  facts: {
    "task.queued": {
      required: ["waiting_on"],
      fold: (state, { waiting_on: on }) => {
        if (on.type !== "concurrency") return holdUntil(state, on.type, on.until);
        const inputAt = state.hold?.type === "debounce" ? state.hold.inputAt : state.createdAt;
        state.hold = { type: "concurrency", since: state.at, inputAt };
        state.clocks.push({ at: state.at + state.created.queue_ttl_ms, type: "queue" });
      },
      fault: notHeld,
    },
    "task.replaced": {
      required: ["input", "until"],
      fold: (state, { input, until }) => {
        state.input = resident(input, state.seq);
        holdUntil(state, "debounce", until);
      },
      inputs: (event) => [{ ...event, type: "replace" }],
      fault: (state) => (state.hold?.type === "debounce" ? null : "task.replaced of a task that stands for no burst"),
    },
    "task.admitted": {
      required: [],
      fold: (state) => {
        state.hold = null;
      },
      inputs: () => [{ type: "admit" }],
      fault: notHeld,
    },
  },
  admit: {
    // Maybe while it is paused: it goes on with its place then.
    admit: (state) => (isInLine(state) ? ok({ facts: [{ type: "task.admitted" }] }) : NOTHING),
    refuse: (state, input) => {
      if (!isInLine(state)) return NOTHING;
      if ("error" in input) return ok({ facts: [], next: { type: "task_rejected", error: input.error } });
      const isAbove = tasksAbove(state.created).includes(input.by) ? ", which waits for this task and so cannot make room for it" : "";
      return ok(rejected("concurrency_limit", `All places under "${keyOf(state)}" are taken, one of them by ${input.by}${isAbove}`));
    },
    // Nothing comes of it once the burst is over.
    replace: (state, replacement, world) => {
      const { input, until } = replacement;
      if (state.hold?.type !== "debounce" || state.hold.until <= world.now || state.end !== null) return NOTHING;
      const latest = state.created.debounce?.latest_at ?? until;
      return ok({ facts: [{ type: "task.replaced", input, until: Math.min(until, latest), ...causedBy(replacement) }] });
    },
  },
  waits: {
    debounce: { schema: z.looseObject({ type: z.literal("debounce"), until: time }), isOfAgents: false },
    concurrency: { schema: z.looseObject({ type: z.literal("concurrency"), key: text, limit: number }), isOfAgents: false },
  },
  timers: {
    begin: { isCurrent: ({ hold: held }, at) => (held?.type === "timer" || held?.type === "debounce") && held.until === at },
    queue: {
      isCurrent: ({ hold: held, created }, at) => held?.type === "concurrency" && held.since + created.queue_ttl_ms === at,
      due: (state) => rejected("queue_timeout", `It waited for its turn under "${keyOf(state)}" for as long as its queue_ttl allows`),
    },
  },
  members: {
    start_at: time,
    debounce: z.looseObject({ key: text, due_at: time, latest_at: time }),
    gate: z.looseObject({
      key: z.string().min(1).max(LIMITS.gateKeyLength),
      limit: number.max(LIMITS.gateLimit),
      overlap: z.enum(["queue", "reject", "cancel_previous", "return_existing"]),
      outdated: z.literal("cancel").optional(),
    }),
    until: time,
  },
  follow: (state) => {
    if (state.end !== null) state.hold = null;
  },
  hold: ({ hold: held, created }, now) => {
    switch (held?.type) {
      case undefined:
        return null;
      case "new": {
        const { debounce, start_at } = created;
        if (debounce !== undefined) return { facts: [{ type: "task.queued", waiting_on: { type: "debounce", until: debounce.due_at } }] };
        if (start_at !== undefined) return { facts: [{ type: "task.queued", waiting_on: { type: "timer", until: start_at } }] };
        return beyondTime(created);
      }
      case "timer":
      case "debounce":
        return held.until <= now ? beyondTime(created) : "waits";
      case "concurrency":
        return "waits";
    }
  },
  commands: (event) => (event.type === "task.queued" && event.waiting_on.type === "concurrency" ? [{ type: "enter_gate" }] : []),
  // The gate had no place, as the task's end says.
  inputs: (event, moment) => {
    if (event.type !== "step.canceled" && event.type !== "task.rejected") return [];
    const end = moment.find((fact) => fact.type === "task.rejected" && fact.error.code === "concurrency_limit");
    return end?.type === "task.rejected" ? [{ type: "refuse", error: end.error }] : [];
  },
} satisfies Aspect<HoldEvent, HoldInput, Exclude<WaitingToBegin, { readonly type: "timer" }>, HoldTimer>;

const NOTHING = ok<Ruling>({ facts: [] });

const isInLine = ({ hold: held, end }: TaskState): boolean => held?.type === "concurrency" && end === null;
const keyOf = ({ created }: TaskState): string => created.gate?.key ?? "";

function holdUntil(state: TaskState, type: "timer" | "debounce", until: number): void {
  state.hold = type === "timer" ? { type, until } : { type, until, inputAt: state.at };
  state.starts.push({ at: until, type: "begin" });
}

/** Its time has come: now the gate decides, if there is one. */
function beyondTime({ gate }: HoldOfCreated): Ruling {
  if (gate === undefined) return { facts: [{ type: "task.admitted" }] };
  return { facts: [{ type: "task.queued", waiting_on: { type: "concurrency", key: gate.key, limit: gate.limit } }] };
}

function rejected(code: Failure["code"], message: string): Ruling {
  return { facts: [], next: { type: "task_rejected", error: { code, message, retryable: true } } };
}
