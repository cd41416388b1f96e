/** Steps that need each other in a circle can never run. */
import { pointer } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { excerpt } from "../shared/text.ts";
import type { Findings } from "./compile-findings.ts";

interface Draft {
  readonly index: number;
  readonly id: string;
  readonly needs: ReadonlySet<number>;
}

export function refuseCycle(drafts: readonly Draft[], dependents: readonly (readonly number[])[], at: string, findings: Findings): void {
  const unmet = drafts.map((draft) => draft.needs.size);
  const free = drafts.filter((draft) => draft.needs.size === 0);
  let sorted = 0;
  for (let draft = free.pop(); draft !== undefined; draft = free.pop()) {
    sorted++;
    for (const dependent of dependents[draft.index] ?? []) {
      unmet[dependent] = (unmet[dependent] as number) - 1;
      if (unmet[dependent] === 0) free.push(drafts[dependent] as Draft);
    }
  }
  if (sorted === drafts.length) return;
  const circle = findCircle(drafts, unmet);
  const path = [...circle, circle[0] as Draft].map((draft) => `"${draft.id}"`).join(" needs ");
  const message = `${excerpt(path, LIMITS.textLength)}; none of them can ever start: take one of these needs away`;
  findings.fault("workflow_cycle", at + pointer((circle[0] as Draft).index), message);
}

/** A circle among the steps that could not be sorted: follow unmet needs until one comes again. */
function findCircle(drafts: readonly Draft[], unmet: readonly number[]): readonly Draft[] {
  const isStuck = (index: number): boolean => (unmet[index] as number) > 0;
  const path: Draft[] = [];
  const positions = new Map<number, number>();
  for (let current = drafts.find((draft) => isStuck(draft.index)) as Draft; ;) {
    const seen = positions.get(current.index);
    if (seen !== undefined) return path.slice(seen);
    positions.set(current.index, path.length);
    path.push(current);
    current = drafts[[...current.needs].find(isStuck) as number] as Draft;
  }
}
