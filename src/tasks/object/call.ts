/** Turns a live attempt into what a transport sends. Inputs are not recorded: they are evaluated again, to the same. */
import type { AgentRecord } from "../../agents/agent.ts";
import type { AgentCall, CallAddress, CarriedCall, Outcome } from "../../agents/transports/protocol.ts";
import { attemptTimeoutMs, idempotencyKey } from "../../engine/rules/attempt.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import type { TaskInput } from "../../engine/facts/input.ts";
import { scopeOfStep } from "../../engine/state/scope.ts";
import { stepNamed } from "../../engine/state/state.ts";
import { liveAttempt, targetOfStep, type AgentStep } from "../../engine/state/step-state.ts";
import type { StoredValue, Values } from "../../engine/facts/value.ts";
import { passesBound } from "../../shared/json-size.ts";
import { jsonToBytes } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { hexFromText } from "../../shared/random.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { isoTime } from "../../shared/time.ts";
import type { AttemptOf } from "../messages.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";

/** Of an attempt, also of one that is over. */
export function addressOf({ state }: Loaded, at: AttemptOf, agent: AgentRecord): CallAddress {
  const step = stepNamed(state, at.step) as AgentStep;
  const { tenant, task, traceparent, tracestate } = state.created;
  return {
    tenant,
    agent,
    taskId: task,
    stepId: step.path,
    attempt: at.attempt,
    idempotencyKey: idempotencyKey(state, step),
    traceparent: childSpan(traceparent, `${task}/${step.path}/${at.attempt}`),
    ...(tracestate !== undefined && { tracestate }),
  };
}

export function callOf(
  loaded: Loaded,
  at: AttemptOf,
  agent: AgentRecord,
  values: Values,
  ports: TaskPorts,
  now: number,
): Result<AgentCall, Failure> {
  const { state } = loaded;
  const step = stepNamed(state, at.step) as AgentStep;
  const input = step.node.input.evaluate(() => scopeOfStep(state, step, values));
  if (!input.ok) return err({ code: "expression_error", message: input.error, retryable: false });
  // What is referred to often may be a thousand times as large as what there is.
  if (passesBound(input.value, { length: LIMITS.callInputBytes, depth: Number.POSITIVE_INFINITY }) !== null)
    return err({ code: "expression_error", message: `input: it is larger than ${LIMITS.callInputBytes} bytes`, retryable: false });
  const target = targetOfStep(step);
  const { tenant, task, workflow, deadline_at, origin } = state.created;
  return ok({
    ...addressOf(loaded, at, agent),
    capability: target.type === "capability" ? target.capability : null,
    input: input.value,
    workflow,
    deadline: deadline_at === undefined ? null : isoTime(deadline_at),
    callbackUrl: ports.agents.callbackUrl(origin, { tenant, task, ...at }),
    timeoutMs: attemptTimeoutMs(state, step, liveAttempt(step, at.attempt), now),
  });
}

/** As another isolate can be given it. An input that is made of several values may be larger than one may be. */
export function carried(call: AgentCall): Result<CarriedCall, Failure> {
  // Counted before it is copied.
  const isLarge = passesBound(call.input, { length: LIMITS.valueBytes, depth: Number.POSITIVE_INFINITY }) !== null;
  const input = isLarge ? null : jsonToBytes(call.input);
  if (input !== null && input.byteLength <= LIMITS.valueBytes) return ok({ ...call, input });
  const message = `Step "${call.stepId}", input: it has more than ${LIMITS.valueBytes} bytes, a value has at most so many`;
  return err({ code: "expression_error", message, retryable: false });
}

/** What an outcome tells the task. `store` puts the output where it belongs; `null` means it is too large. */
export function inputFor(
  at: { readonly step: string; readonly attempt: number },
  outcome: Outcome,
  store: (output: Extract<Outcome, { type: "completed" }>) => StoredValue | null,
  digest?: string,
): TaskInput {
  const reply = { ...at, ...("ms" in outcome && outcome.ms !== undefined && { ms: outcome.ms }), ...(digest !== undefined && { digest }) };
  switch (outcome.type) {
    case "completed": {
      const output = store(outcome);
      if (output === null)
        return {
          ...reply,
          type: "fail",
          error: { code: "reply_too_large", message: "The output is larger than a value may be", retryable: false },
        };
      return {
        ...reply,
        type: "complete",
        output,
        ...(outcome.usage && { usage: outcome.usage }),
        ...(outcome.usageFault !== undefined && { usageFault: outcome.usageFault }),
      };
    }
    case "accepted":
      return { ...reply, type: "accept" };
    case "failed":
      return { ...reply, type: "fail", error: outcome.error };
    case "withheld":
      return { ...at, type: "decline", reason: outcome.reason, retryAt: 0, isReturned: true };
    case "lost":
      return { ...at, type: "lose" };
  }
}

/** W3C trace context for one attempt: the task's trace, a span of its own that is the same however often it is sent. */
export function childSpan(traceparent: string, attempt: string): string {
  const [version, trace, , flags] = traceparent.split("-");
  return [version, trace, hexFromText(attempt), flags].join("-");
}
