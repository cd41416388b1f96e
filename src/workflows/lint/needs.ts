/** Needs that are named more than once: one of them was probably to be another. */
import { pointer } from "../../shared/json.ts";
import type { Warning } from "./codes.ts";
import { stepsUnder, type SourceBlock } from "./source-tree.ts";

export function needWarnings(root: SourceBlock): readonly Warning[] {
  return [...stepsUnder(root)].flatMap(({ node, written, at }) => {
    const before = new Set<string>();
    return (written.needs ?? []).flatMap((id, position): readonly Warning[] => {
      if (!before.has(id)) {
        before.add(id);
        return [];
      }
      const message = `"${node.id}" needs "${id}" already: leave it out, or name the step that is meant`;
      return [{ code: "repeated_need", pointer: at + pointer("needs", position), message }];
    });
  });
}
