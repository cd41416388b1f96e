/** A definition's own budget that does not suffice for what its tasks do in any case: the steps that nothing holds back. */
import type { WorkflowDefinition } from "../../language/definition.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { Warning } from "./codes.ts";
import { inOrder, type SourceBlock } from "./source-tree.ts";
import { Offers, type KnownAgents, type Offer } from "./lint-context.ts";

export function budgetWarnings(root: SourceBlock, { budget }: WorkflowDefinition, agents: KnownAgents | null): readonly Warning[] {
  if (budget === undefined) return [];
  const certain = certainCalls(root);
  const calls = certain.reduce((sum, node) => sum + callsOf(node), 0);
  const offers = agents === null ? null : new Offers(agents);
  const cost = offers === null ? 0 : certain.reduce((sum, node) => sum + leastCost(node, offers), 0);
  const short = [
    budget.calls !== undefined && calls > budget.calls ? (["calls", `at least ${calls} calls`, `${budget.calls}`] as const) : null,
    budget.cost_usd !== undefined && cost > budget.cost_usd * (1 + 1e-9)
      ? ([
          "cost_usd",
          `at least ${Number(cost.toPrecision(6))} USD by what the cheapest agents ask for a call`,
          `${budget.cost_usd} USD`,
        ] as const)
      : null,
  ];
  return short.flatMap((one) => {
    if (one === null) return [];
    const [field, needs, limit] = one;
    const message = `Even the cheapest way through takes ${needs}, and the budget is ${limit}: no task completes`;
    return [{ code: "budget_too_small", pointer: `/budget/${field}`, message }];
  });
}

/** Steps of the workflow itself that ask agents as long as nothing fails. */
function certainCalls(root: SourceBlock): readonly NodeOf<"agent">[] {
  const certain = new Set<number>();
  const nodes: NodeOf<"agent">[] = [];
  // Whatever ends the task early may end it before the others begin.
  if (root.steps.some(({ kind }) => kind.endsTask === true)) return [];
  for (const { node } of inOrder(root)) {
    const isFreed = node.runIf === "all_settled" || (node.runIf === "all_completed" && node.needs.every((need) => certain.has(need)));
    if (node.when !== null || !isFreed) continue;
    certain.add(node.index);
    if (node.kind === "agent") nodes.push(node);
  }
  return nodes;
}

const callsOf = ({ ensemble }: NodeOf<"agent">): number => ensemble?.agents ?? 1;

/** Of the first target and its fallbacks whoever asks least; nothing where nobody is there yet. */
function leastCost(node: NodeOf<"agent">, offers: Offers): number {
  const prices = node.targets.flatMap((target) => offers.for(target).map(priceOf));
  return prices.length === 0 ? 0 : Math.min(...prices) * callsOf(node);
}

const priceOf = ({ agent, capability }: Offer): number => (capability?.price ?? agent.price)?.perCallUsd ?? 0;
