/** A step that asks agents: who, how, and what for. */
import type { Json } from "../shared/json.ts";
import { DEFAULTS } from "../shared/limits.ts";
import { durationMs } from "../shared/time.ts";
import type { BlockCompiler } from "./compile-block.ts";
import type { AgentStepDefinition } from "./definition.ts";
import type { AgentNode, Caching, Read } from "./graph.ts";
import { retryPolicy } from "./retry.ts";
import { hedgeOf, selectionOf, targetOf, type Ensemble, type Target } from "./staffing.ts";
import { NOTHING } from "./expressions/template.ts";

type Reads = Map<string, Read>;

export function compileAgent(block: BlockCompiler, step: AgentStepDefinition, at: string, reads: Reads) {
  const target = compileTarget(block, step, at);
  return {
    kind: "agent",
    targets: [target, ...(step.fallback ?? []).map(targetOf)],
    selection: step.select === undefined ? DEFAULT_SELECTION : selectionOf(step.select),
    sticky: step.select?.sticky === undefined ? null : block.expression(step.select.sticky, "any", `${at}/select/sticky`, reads),
    hedge: hedgeOf(step.hedge),
    ensemble: compileEnsemble(block, step, at, reads),
    cache: compileCache(block, step, at, reads),
    invalidates: step.invalidates === undefined ? null : block.template(step.invalidates, `${at}/invalidates`, reads),
    input: step.input === undefined ? NOTHING : block.template(step.input as Json, `${at}/input`, reads),
    timeoutMs: step.timeout === undefined ? DEFAULTS.timeoutMs : durationMs(step.timeout),
    retry: step.retry === undefined ? DEFAULT_RETRY : retryPolicy(step.retry),
  } satisfies Partial<AgentNode>;
}

// What most steps have in common exists once: a graph of ten thousand steps should fit a processor's cache.
const DEFAULT_RETRY = retryPolicy();
const DEFAULT_SELECTION = selectionOf();

function compileTarget({ findings }: BlockCompiler, step: AgentStepDefinition, at: string): Target {
  if (step.capability !== undefined && step.agent !== undefined) {
    findings.fault("invalid_definition", at, 'a step names a "capability" or an "agent", not both');
  }
  if (step.agent === undefined && step.capability === undefined) {
    findings.fault(
      "invalid_definition",
      at,
      'a step that asks an agent names a "capability" or an "agent"; another kind of step has a "type"',
    );
  }
  return targetOf(step);
}

function compileEnsemble(block: BlockCompiler, step: AgentStepDefinition, at: string, reads: Reads): Ensemble | null {
  const refuse = (place: string, message: string): void => block.findings.fault("invalid_definition", place, message);
  if (step.hedge !== undefined && step.agent !== undefined) {
    refuse(`${at}/hedge`, "a hedge asks another agent: name a capability instead of the agent");
  }
  if (step.ensemble === undefined) return null;
  const place = `${at}/ensemble`;
  step.fallback?.forEach((fallback, index) => {
    if ("agent" in fallback) refuse(`${at}/fallback/${index}`, "an ensemble asks several agents: name a capability");
  });
  const { agents, mode, quorum, by, score } = step.ensemble;
  if (step.agent !== undefined) refuse(place, "an ensemble asks several agents: name a capability");
  if (step.hedge !== undefined) refuse(`${at}/hedge`, "an ensemble asks several agents already");
  if (quorum !== undefined && (mode !== "quorum" || quorum > agents)) {
    refuse(`${place}/quorum`, `only the mode "quorum" has one, of at most the ${agents} agents`);
  }
  if (by !== undefined && mode !== "quorum") refuse(`${place}/by`, 'only the mode "quorum" compares replies');
  if ((mode === "best") !== (score !== undefined)) {
    refuse(`${place}/score`, 'the mode "best", and no other, needs a score: a number from "output"');
  }
  return {
    agents,
    mode,
    quorum: quorum ?? Math.floor(agents / 2) + 1,
    by: by === undefined ? null : block.expression(by, "any", `${place}/by`, reads, REPLY),
    score: score === undefined ? null : block.expression(score, "any", `${place}/score`, reads, REPLY),
  };
}

function compileCache(block: BlockCompiler, { cache }: AgentStepDefinition, at: string, reads: Reads): Caching | null {
  if (cache === undefined) return null;
  return {
    key: cache.key === undefined ? null : block.expression(cache.key, "any", `${at}/cache/key`, reads),
    ttlMs: durationMs(cache.ttl),
    tags: cache.tags === undefined ? null : block.template(cache.tags, `${at}/cache/tags`, reads),
  };
}

/** What a reply is called. */
const REPLY = ["output"];
