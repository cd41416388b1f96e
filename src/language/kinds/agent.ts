/** A step that asks agents: who, how, and what for. */
import { z } from "zod";
import { isJsonObject } from "../../shared/json.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { durationMs, durationText } from "../../shared/time.ts";
import { agentFields } from "../agent-definition.ts";
import type { Expression } from "../expressions/expression.ts";
import { NOTHING, type Template } from "../expressions/template.ts";
import { retryDelayMs, retryPolicy, type RetryPolicy } from "../retry.ts";
import { hedgeOf, selectionOf, targetOf, type Ensemble, type Hedge, type Selection, type Target } from "../staffing.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, type KindDefinition, type Lateness, type ShapeAnalysis, type StepCompiler } from "./kind.ts";

const schema = z.strictObject({ ...stepFields, type: z.literal("agent").optional(), ...agentFields });
type AgentStep = z.infer<typeof schema>;

interface AgentWork {
  /** Whom to ask, and after that who comes to the rescue, in order. */
  readonly targets: readonly [Target, ...Target[]];
  readonly selection: Selection;
  /** The key under which it gets the same agent again. */
  readonly sticky: Expression | null;
  readonly hedge: Hedge | null;
  readonly ensemble: Ensemble | null;
  /** Whether a result may be one that was made before. */
  readonly cache: Caching | null;
  /** Tags of kept results that it makes out of date. */
  readonly invalidates: Template | null;
  readonly input: Template;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

interface Caching {
  readonly key: Expression | null;
  /** Other workflows share what is kept under the key. */
  readonly isShared: boolean;
  readonly ttlMs: number;
  readonly tags: Template | null;
}

export const agent: KindDefinition<AgentStep, AgentWork> = {
  synonyms: [{ words: "llm tool call action function http request ai prompt invoke execute run work job activity service" }],
  schema,
  compile: (step, written) => {
    refuseTarget(step, written);
    return {
      targets: [targetOf(written), ...(written.fallback ?? []).map(targetOf)],
      selection: written.select === undefined ? DEFAULT_SELECTION : selectionOf(written.select),
      sticky: written.select?.sticky === undefined ? null : step.expression(written.select.sticky, "select/sticky"),
      hedge: hedgeOf(written.hedge),
      ensemble: compileEnsemble(step, written),
      cache: compileCache(step, written),
      invalidates: written.invalidates === undefined ? null : step.template(written.invalidates, "invalidates"),
      input: written.input === undefined ? NOTHING : step.template(written.input, "input"),
      timeoutMs: written.timeout === undefined ? DEFAULTS.timeoutMs : durationMs(written.timeout),
      retry: compileRetry(step, written),
    };
  },
  expressions: ({ input, sticky, cache, invalidates, ensemble, targets }) => {
    const reply = { name: "output", shape: (shapes: ShapeAnalysis) => shapes.answer(targets) };
    return [
      { field: "input", value: input },
      { field: "select/sticky", value: sticky },
      { field: "cache/key", value: cache?.key ?? null },
      { field: "cache/tags", value: cache?.tags ?? null },
      { field: "invalidates", value: invalidates },
      { field: "ensemble/by", value: ensemble?.by ?? null, name: reply },
      { field: "ensemble/score", value: ensemble?.score ?? null, name: reply },
    ];
  },
  takes: "work",
  output: (_written, { targets, ensemble }, shapes) => {
    const one = shapes.answer(targets);
    return ensemble?.mode === "all" ? { type: "list", items: one, most: ensemble.agents } : one;
  },
  lateness: (node, written, deadlineMs) => {
    // Whoever says nothing of it has the defaults, and no plans.
    if (written.retry === undefined && written.timeout === undefined) return null;
    return lateAttempts(node, written.retry === undefined ? "/timeout" : "/retry", deadlineMs);
  },
  label: ({ id, capability, agent: named, ensemble }) => {
    const who = labelText(capability ?? named);
    const together = isJsonObject(ensemble) ? [`${labelText(ensemble["agents"])} agents, ${labelText(ensemble["mode"])}`] : [];
    return [who === id ? "" : who, ...together];
  },
};

// What most steps have in common exists once: a graph of ten thousand steps should fit a processor's cache.
const DEFAULT_RETRY = retryPolicy();
const DEFAULT_SELECTION = selectionOf();

function refuseTarget(step: StepCompiler, { capability, agent: named }: AgentStep): void {
  if (capability !== undefined && named !== undefined) step.refuse("", 'a step names a "capability" or an "agent", not both');
  if (capability === undefined && named === undefined) {
    step.refuse("", 'a step that asks an agent names a "capability" or an "agent"; another kind of step has a "type"');
  }
}

function compileEnsemble(step: StepCompiler, { agent: named, hedge, fallback, ensemble }: AgentStep): Ensemble | null {
  if (hedge !== undefined && named !== undefined)
    step.refuse("hedge", "a hedge asks another agent: name a capability instead of the agent");
  if (ensemble === undefined) return null;
  fallback?.forEach((other, index) => {
    if ("agent" in other) step.refuse(`fallback/${index}`, "an ensemble asks several agents: name a capability");
  });
  const { agents, mode, quorum, by, score } = ensemble;
  if (named !== undefined) step.refuse("ensemble", "an ensemble asks several agents: name a capability");
  if (hedge !== undefined) step.refuse("hedge", "an ensemble asks several agents already");
  if (quorum !== undefined && (mode !== "quorum" || quorum > agents)) {
    step.refuse("ensemble/quorum", `only the mode "quorum" has one, of at most the ${agents} agents`);
  }
  if (by !== undefined && mode !== "quorum") step.refuse("ensemble/by", 'only the mode "quorum" compares replies');
  if ((mode === "best") !== (score !== undefined)) {
    step.refuse("ensemble/score", 'the mode "best", and no other, needs a score: a number from "output"');
  }
  return {
    agents,
    mode,
    quorum: quorum ?? Math.floor(agents / 2) + 1,
    by: by === undefined ? null : step.expression(by, "ensemble/by", REPLY),
    score: score === undefined ? null : step.expression(score, "ensemble/score", REPLY),
  };
}

/** What a reply is called. */
const REPLY = ["output"];

function compileCache(step: StepCompiler, { cache }: AgentStep): Caching | null {
  if (cache === undefined) return null;
  return {
    key: cache.key === undefined ? null : step.expression(cache.key, "cache/key"),
    isShared: cache.scope === "tenant",
    ttlMs: durationMs(cache.ttl),
    tags: cache.tags === undefined ? null : step.template(cache.tags, "cache/tags"),
  };
}

function compileRetry(step: StepCompiler, { retry }: AgentStep): RetryPolicy {
  if (retry === undefined) return DEFAULT_RETRY;
  const policy = retryPolicy(retry, step.rules);
  if (retry.max_delay !== undefined && policy.maxDelayMs < policy.delayMs) {
    const message = `no pause is longer than "max_delay", so the delay of ${retry.delay ?? "1s"} is cut to ${retry.max_delay}`;
    step.warn("retry/max_delay", message, "retry_delay_cut");
  }
  return policy;
}

/** The worst case: every attempt takes as long as it may, and every pause too. */
function lateAttempts({ retry, timeoutMs, targets }: AgentWork, field: string, deadlineMs: number): Lateness | null {
  const unjittered = { ...retry, jitter: "none" } as const;
  let pausesMs = 0;
  for (let failures = 1; failures < retry.maxAttempts; failures++) pausesMs += retryDelayMs(unjittered, failures, "");
  const totalMs = (retry.maxAttempts * timeoutMs + pausesMs) * targets.length;
  if (totalMs <= deadlineMs) return null;
  const asked = targets.length > 1 ? ` at each of ${targets.length}` : "";
  const pauses = pausesMs > 0 ? `, and ${durationText(pausesMs)} of pauses` : "";
  const what = `may take ${durationText(totalMs)} (${retry.maxAttempts} × ${durationText(timeoutMs)}${asked}${pauses})`;
  const so =
    timeoutMs >= deadlineMs ? "its first attempt may use up all of it" : "its last attempts may never be made; shorten timeout or retry";
  return { field, what, so };
}
