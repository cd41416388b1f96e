/** How a step finds its agents: whom it asks for, whom it prefers, how many at once, and who comes to the rescue. */
import { DEFAULTS } from "../shared/limits.ts";
import { durationMs } from "../shared/time.ts";
import type { AgentDefinition, POLICIES, SelectDefinition } from "./agent-definition.ts";
import type { Expression } from "./expressions/expression.ts";

/** Who may carry out a step: any agent with a capability, or one by its id. */
export type Target = { readonly type: "capability"; readonly capability: string } | { readonly type: "agent"; readonly agent: string };

export type Policy = (typeof POLICIES)[number];

export interface Selection {
  readonly policy: Policy;
  readonly version: string | null;
  readonly region: string | null;
  readonly labels: { readonly [name: string]: string };
  readonly exclude: readonly string[];
  readonly maxCostUsd: number | null;
  /** Choose for a deadline: this long, or with `null` until the task's own. */
  readonly meet: { readonly withinMs: number | null; readonly probability: number } | null;
}

export interface Hedge {
  /** Milliseconds, or what 95 in 100 replies of the chosen agent stay under. */
  readonly after: number | "p95";
  readonly maxShare: number;
}

export interface Ensemble {
  readonly agents: number;
  readonly mode: "first" | "all" | "quorum" | "best";
  readonly quorum: number;
  readonly by: Expression | null;
  readonly score: Expression | null;
}

export function targetOf({ agent, capability }: { readonly agent?: string | undefined; readonly capability?: string | undefined }): Target {
  return agent === undefined ? { type: "capability", capability: capability ?? "" } : { type: "agent", agent };
}

export function selectionOf(definition: SelectDefinition = {}): Selection {
  const { policy, version, region, labels, exclude, max_cost_usd, meet } = definition;
  return {
    policy: policy ?? (definition.sticky === undefined ? "balanced" : "sticky"),
    version: version ?? null,
    region: region ?? null,
    labels: labels ?? {},
    exclude: exclude ?? [],
    maxCostUsd: max_cost_usd ?? null,
    meet:
      meet === undefined
        ? null
        : {
            withinMs: meet.within === undefined ? null : durationMs(meet.within),
            probability: meet.probability ?? DEFAULTS.meetProbability,
          },
  };
}

export function hedgeOf(definition: AgentDefinition["hedge"]): Hedge | null {
  if (definition === undefined) return null;
  const { after, max_share } = definition;
  return { after: after === "p95" ? after : durationMs(after), maxShare: max_share ?? DEFAULTS.hedgeShare };
}
