/** A whole definition, ready to run. */
import type { Fault } from "../shared/errors.ts";
import { pointer, type Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { BlockCompiler } from "./compile-block.ts";
import { Findings } from "./compile-findings.ts";
import { compileConcurrency } from "./concurrency.ts";
import type { ChainDefinition, WorkflowDefinition } from "./definition.ts";
import type { Chain, Graph } from "./graph.ts";
import { readsOf, type Reads } from "./reads.ts";
import type { Rules } from "./rules.ts";

export function compileGraph(definition: WorkflowDefinition, rules: Rules): Result<Graph, readonly Fault[]> {
  const findings = new Findings(definition.steps, rules);
  const compiler = new BlockCompiler(findings, null, []);
  const block = compiler.compile(definition.steps, "/steps", definition.output);
  if (findings.edges > LIMITS.needs) {
    findings.fault("invalid_definition", "/steps", `a workflow has at most ${LIMITS.needs} dependencies, this one has ${findings.edges}`);
  }
  const onCompleted = chainsOf(compiler, definition.on_completed, "/on_completed", ["output"]);
  const onFailed = chainsOf(compiler, definition.on_failed, "/on_failed", ["error"]);
  const concurrency = definition.concurrency === undefined ? null : compileConcurrency(definition.concurrency, rules);
  if (concurrency?.ok === false) for (const { code, message } of concurrency.error) findings.fault(code, "/concurrency/key", message);
  if (findings.faults.length > 0) return err(findings.faults);
  return ok({
    ...block,
    rules,
    warnings: findings.warnings,
    onCompleted,
    onFailed,
    outputSchema: definition.output_schema ?? null,
    concurrency: concurrency?.ok === true ? concurrency.value : null,
  });
}

/** Their input is made when the task has ended: from what it came to as well. */
function chainsOf(
  compiler: BlockCompiler,
  chains: WorkflowDefinition["on_completed"],
  at: string,
  names: readonly string[],
): readonly Chain[] {
  if (chains === undefined) return [];
  const list: readonly ChainDefinition[] = Array.isArray(chains) ? chains : [chains];
  return list.map(({ workflow, input }, index) => {
    const reads: Reads = new Map();
    const place = Array.isArray(chains) ? at + pointer(index, "input") : `${at}/input`;
    return { workflow, input: input === undefined ? null : compiler.template(input as Json, place, reads, names), reads: readsOf(reads) };
  });
}
