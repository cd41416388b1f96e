/** What the outside must have said for a fact to be there, most likely first; nothing where it can only follow by itself. */
import { causedBy } from "../../shared/actor.ts";
import type { Json } from "../../shared/json.ts";
import { inputsOfAspects } from "../aspects/table.ts";
import type { EventOf, TaskEvent } from "../facts/event.ts";
import type { InputOf, TaskInput } from "../facts/input.ts";
import type { PastChild, PastStep } from "../facts/past.ts";
import type { StoredValue } from "../facts/value.ts";
import type { Moment } from "../facts/moment.ts";

export function inputsFor(moment: Moment, read: (stored: StoredValue) => Json): readonly TaskInput[] {
  const fact = moment.next;
  if (fact === undefined) return [];
  const told = inputsOfAspects(fact, moment);
  return told.length > 0 ? told : inputsOfCore(fact, moment, read);
}

function inputsOfCore(fact: TaskEvent, moment: Moment, read: (stored: StoredValue) => Json): readonly TaskInput[] {
  switch (fact.type) {
    case "task.paused":
      return [{ type: "pause", ...(fact.by && { by: fact.by }), ...causedBy(fact) }];
    case "task.resumed":
      return [...cancellations(moment), { type: "resume", ...(fact.by && { by: fact.by }), ...causedBy(fact) }];
    case "child.canceled":
      return [{ type: "dismissed", tasks: fact.tasks }];
    case "task.archived":
      return [{ ...fact, type: "archive" }];
    case "step.kept":
    case "child.kept":
      return [past(moment, read)];
    case "signal.received": {
      const { name, key, fingerprint } = fact;
      return [
        { type: "signal", name, payload: read(fact.payload), key, ...(fingerprint !== undefined && { fingerprint }), ...causedBy(fact) },
      ];
    }
    case "approval.decided":
      return [decision(fact, read)];
    case "approval.link_withdrawn":
      return [{ type: "withdraw_link", approval: fact.approval, link: fact.link, ...causedBy(fact) }];
    case "child.ended":
      return [childInput(fact)];
    case "compensation.completed":
    case "compensation.failed":
      return undoInputs(fact);
    case "attempt.claimed":
      return [claim(fact)];
    case "attempt.progressed":
      return [heartbeat(fact, moment.at)];
    case "attempt.lost":
      return [{ type: "lose", step: fact.step, attempt: fact.attempt }];
    case "attempt.failed":
      return [{ ...replyFacts(fact), type: "fail", error: fact.error }];
    case "attempt.declined": {
      const { step, attempt, reason, retry_at: retryAt, error, slot } = fact;
      if (error !== undefined) return [{ ...replyFacts(fact), type: "fail", error }];
      return [{ type: "decline", step, attempt, reason, retryAt, ...(slot && { isReturned: true as const }) }];
    }
    case "step.completed":
      return completions(moment, fact.step);
    case "attempt.completed":
      return completions(moment, fact.step);
    case "attempt.canceled":
      return [...completions(moment, fact.step), ...cancellations(moment)];
    case "task.started":
    case "step.started":
    case "attempt.started":
      return grants(moment);
    default:
      return cancellations(moment);
  }
}

function past(moment: Moment, read: (stored: StoredValue) => Json): TaskInput {
  const steps: PastStep[] = [];
  const children: PastChild[] = [];
  const undoIn = ({ undo }: { readonly undo?: StoredValue }) => undo !== undefined && { undo: read(undo) };
  for (const fact of moment.facts.slice(moment.done)) {
    if (fact.type === "step.kept")
      steps.push({ path: fact.step, kind: fact.kind, output: read(fact.output), of: fact.of ?? null, ...undoIn(fact) });
    else if (fact.type === "child.kept") {
      const { step, branch, task, output, failed_items: failedItems = 0, of = null } = fact;
      children.push({
        step,
        branch,
        task,
        output: output === undefined ? null : { value: read(output) },
        failedItems,
        of,
        ...undoIn(fact),
      });
    } else break;
  }
  return { type: "keep", steps, children };
}

function decision(
  { approval, decision: word, by, voice, comment, payload, ...of }: EventOf<"approval.decided">,
  read: (stored: StoredValue) => Json,
): TaskInput {
  const said = { ...causedBy(of), ...(comment !== undefined && { comment }), ...(payload !== undefined && { payload: read(payload) }) };
  // Whoever was let decide then is let now.
  return { type: "decide", approval, decision: word, by, roles: ["admin"], ...(voice !== undefined && { voice }), ...said };
}

function childInput(fact: EventOf<"child.ended">): TaskInput {
  const { type: _, step: __, branch: ___, task, status, output, error, failed_items, ...members } = fact;
  const said = { output: output ?? null, error: error ?? null, isWorded: true as const, failedItems: failed_items ?? 0 };
  return { type: "child", task, status, ...said, ...members };
}

/** Of what a task has undone; what is undone in this one follows from its steps. */
function undoInputs({ task, ...fact }: EventOf<"compensation.completed" | "compensation.failed">): readonly TaskInput[] {
  if (task === undefined) return [];
  const said = { output: null, isWorded: true as const, failedItems: 0 };
  if (fact.type === "compensation.completed") return [{ type: "child", task, status: "completed", error: null, ...said }];
  return [{ type: "child", task, status: "failed", error: fact.error, ...said }];
}

function claim(fact: EventOf<"attempt.claimed">): TaskInput {
  const { step, attempt } = fact;
  if (fact.via === "queue") return { type: "claim", step, attempt, delivery: fact.delivery, ...(fact.renews && { renews: true }) };
  return { type: "accept", step, attempt, ...(fact.ms !== undefined && { ms: fact.ms }) };
}

function heartbeat({ step, attempt, lease_until, progress }: EventOf<"attempt.progressed">, at: number): TaskInput {
  const extended = lease_until === undefined ? {} : { extendMs: lease_until - at };
  return { type: "heartbeat", step, attempt, ...extended, ...(progress !== undefined && { progress }) };
}

/** The reply that completed an attempt at the step, wherever among the facts it established. */
function completions(moment: Moment, path: string): readonly TaskInput[] {
  const fact = moment.find(
    ({ type, ...of }) => (type === "step.completed" || type === "attempt.completed") && "step" in of && of.step === path,
  );
  if ((fact?.type !== "step.completed" && fact?.type !== "attempt.completed") || fact.attempt === undefined) return [];
  const { output, usage, usage_fault: usageFault, attempt } = fact;
  const said = { ...(usage !== undefined && { usage }), ...(usageFault !== undefined && { usageFault }) };
  return [{ ...replyFacts({ ...fact, attempt }), type: "complete", output, ...said }];
}

function replyFacts({ step, attempt, digest, ms }: Pick<InputOf<"complete">, "step" | "attempt" | "digest" | "ms">) {
  return { step, attempt, ...(digest !== undefined && { digest }), ...(ms !== undefined && { ms }) };
}

/** An attempt that begins with a slot was let in. */
function grants(moment: Moment): readonly TaskInput[] {
  const started = moment.find(({ type }) => type === "attempt.started");
  if (started?.type !== "attempt.started" || started.slot === undefined) return [];
  const { step, attempt } = started;
  const isPull = started.way === "pull";
  return [{ type: "grant", step, attempt, isPull }];
}

function cancellations(moment: Moment): readonly TaskInput[] {
  const fact = moment.find((one) => one.type === "task.canceled" || (one.type === "task.ending" && one.ending === "canceled"));
  if (fact?.type !== "task.canceled" && fact?.type !== "task.ending") return [];
  return [{ type: "cancel", ...(fact.reason !== undefined && { reason: fact.reason }), ...causedBy(fact) }];
}
