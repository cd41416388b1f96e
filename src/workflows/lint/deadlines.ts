/** What takes longer than the definition's own deadline allows, each taken alone. A task may be given another one. */
import type { WorkflowDefinition } from "../../language/definition.ts";
import { durationMs } from "../../shared/time.ts";
import type { Warning } from "./codes.ts";
import { stepsUnder, type SourceBlock } from "./source-tree.ts";

export function deadlineWarnings(root: SourceBlock, { deadline }: WorkflowDefinition): readonly Warning[] {
  if (deadline === undefined) return [];
  const deadlineMs = durationMs(deadline);
  return [...stepsUnder(root)].flatMap(({ node, kind, written, at }) => {
    const late = kind.lateness?.(node, written, deadlineMs) ?? null;
    if (late === null) return [];
    const message = `"${node.id}" ${late.what}, and the deadline is ${deadline}: ${late.so}`;
    return [{ code: "outlasts_deadline", pointer: at + late.field, message }];
  });
}
