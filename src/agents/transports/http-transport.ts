/** Calls an agent over HTTP and reads its reply, within the attempt's time and a bound on bytes. Never throws. */
import type { Failure } from "../../engine/facts/failure.ts";
import { notExact } from "../../shared/json-number.ts";
import { checkedText, type TextProblem } from "../../shared/json-text.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { Keyring } from "../../shared/keyring.ts";
import { troubleOf } from "../../objects/trouble.ts";
import { LIMITS } from "../limits.ts";
import type { CancelHearing } from "../port.ts";
import {
  failureOf,
  isTransient,
  notJson,
  parseCompletion,
  replyInvalid,
  requestOf,
  SecretUnreadable,
  type AgentCall,
  type AgentRequest,
  type Outcome,
} from "./protocol.ts";
import type { AwakeTimer } from "../../shared/awake-timer.ts";
import { readText, TooLarge, type ReadingRoom } from "../../shared/read-text.ts";
import { excerpt } from "../../shared/text.ts";
import { brokenUrlRule, type UrlPolicy } from "../../shared/url-guard.ts";

/**
 * `controller` ends the call: at its timeout, by the timer, or early by whoever made it, who then does not care about the
 * outcome. `room`: for the reply, where several are read at once.
 */
export async function callAgent(
  call: AgentCall,
  keyring: Keyring,
  policy: UrlPolicy,
  controller: AbortController,
  timer: AwakeTimer,
  room?: ReadingRoom,
): Promise<Outcome> {
  const startedAt = Date.now();
  const fail = (error: Failure, isGone = false): Outcome => ({
    type: "failed",
    error,
    ms: Date.now() - startedAt,
    ...(isGone && { isGone }),
  });

  const broken = brokenUrlRule(call.agent.url, policy);
  if (broken !== null)
    return fail({ code: "url_refused", message: `The URL of agent "${call.agent.id}" is not allowed: ${broken}`, retryable: false });
  let isTimedOut = false;
  const liftLimit = timer.start(Math.min(call.timeoutMs, LIMITS.awaitMs), () => {
    isTimedOut = true;
    controller.abort();
  });
  try {
    const { url, headers, body } = requestOf(call, keyring, new Date(startedAt));
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: controller.signal });
    const { status } = response;
    if (status === 202) {
      await response.body?.cancel();
      return { type: "accepted", ms: Date.now() - startedAt };
    }
    if (status >= 300 && status < 400) {
      await response.body?.cancel();
      return fail({
        code: "redirect_refused",
        message: `The agent answered with status ${status}; redirects are not followed, register the final URL`,
        retryable: false,
        status,
      });
    }
    const text = await readText(response, LIMITS.valueBytes, { room });
    if (!response.ok)
      return fail(failureOf(status, response.headers.get("retry-after"), problemIn(text), Date.now()), status === 404 || status === 410);
    return completed(text, response.headers.get("content-type"), Date.now() - startedAt);
  } catch (error) {
    if (isTimedOut) return fail({ code: "timeout", message: timeoutMessage(call.timeoutMs), retryable: true });
    if (error instanceof TooLarge)
      return fail({ code: "reply_too_large", message: `The agent's reply is larger than ${LIMITS.valueBytes} bytes`, retryable: false });
    if (error instanceof SecretUnreadable) return fail({ code: "agent_misconfigured", message: error.message, retryable: false });
    // A connection that broke may be the agent's doing; what the runtime ended is not.
    const trouble = troubleOf(error);
    if (trouble === "reset" || trouble === "overloaded") return { type: "lost", message: messageOf(error) };
    return fail({ code: "agent_unreachable", message: `The agent could not be reached: ${messageOf(error)}`, retryable: true }, true);
  } finally {
    liftLimit();
  }
}

/** Tells an agent something, within a time that begins when the request leaves. Never throws. */
export async function postNotice(request: AgentRequest, policy: UrlPolicy, signal: AbortSignal): Promise<CancelHearing> {
  if (brokenUrlRule(request.url, policy) !== null) return "refused";
  try {
    const { url, headers, body } = request;
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMITS.courtesyCallMs)]),
    });
    await response.body?.cancel();
    return response.ok ? "heard" : isTransient(response.status) ? "unheard" : "refused";
  } catch (error) {
    log("info", "agent not told", { url: request.url, error: messageOf(error) });
    return "unheard";
  }
}

/** Asks a health URL: what is wrong, or `null`. Never throws. */
export async function probeHealth(url: string, policy: UrlPolicy): Promise<string | null> {
  const rule = brokenUrlRule(url, policy);
  if (rule !== null) return rule;
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(LIMITS.probeMs) });
    await response.body?.cancel();
    return response.ok ? null : `status ${response.status}`;
  } catch (error) {
    return excerpt(messageOf(error), 200);
  }
}

function completed(text: string, contentType: string | null, ms: number): Outcome {
  const checked = checkedText(text, BOUNDS);
  const mayBeJson = checked.ok || checked.error.type !== "number_not_exact" || parseJson(text) !== undefined;
  if (!checked.ok && mayBeJson) return { type: "failed", error: failureFor(checked.error), ms };
  const body = checked.ok ? parseJson(checked.value) : undefined;
  if (body === undefined) return { type: "failed", error: notJson(text, contentType), ms };
  const reply = parseCompletion(body);
  return "code" in reply ? { type: "failed", error: reply, ms } : { type: "completed", ...reply, bytes: text.length, ms };
}

const BOUNDS = { depth: LIMITS.jsonDepth, parts: LIMITS.jsonParts };

/** What an error says, if it is worth looking at. */
function problemIn(text: string): unknown {
  const checked = checkedText(text, BOUNDS);
  return checked.ok || checked.error.type === "number_not_exact" ? parseJson(text) : undefined;
}

/** A second call would bring the same again. */
function failureFor(problem: TextProblem): Failure {
  switch (problem.type) {
    case "too_deep":
      return replyInvalid(`its JSON nests deeper than ${LIMITS.jsonDepth} levels`);
    case "too_many_parts": {
      const message = `The agent's reply has more than ${LIMITS.jsonParts} objects, lists and members`;
      return { code: "reply_too_large", message, retryable: false };
    }
    case "number_not_exact":
      return { ...replyInvalid(`${problem.pointer}: ${notExact(problem.number)}`), retryable: false };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function timeoutMessage(timeoutMs: number): string {
  if (timeoutMs <= LIMITS.awaitMs) return `The agent did not answer within ${timeoutMs} ms`;
  return `The agent did not answer within ${LIMITS.awaitMs} ms, the longest a request is awaited; for longer work it should answer 202 and call back`;
}
