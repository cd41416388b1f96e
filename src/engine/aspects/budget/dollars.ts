/** Amounts in the words of readers: money in dollars. */
import type { JsonObject } from "../../../shared/json.ts";
import type { Amounts } from "../../../shared/money.ts";
import type { Budget } from "./shape.ts";

export interface AmountsView {
  readonly cost_usd?: number;
  readonly tokens?: number;
  readonly calls?: number;
}

export const inDollars = ({ cost_micros, tokens, calls }: Amounts): Required<AmountsView> & JsonObject => ({
  cost_usd: cost_micros / 1e6,
  tokens,
  calls,
});

export const limitsInDollars = ({ limits }: Budget): AmountsView & JsonObject => dollarsOf(limits);

/** Without what has no limit. */
export function dollarsOf(amounts: { readonly [resource: string]: number | null }): AmountsView & JsonObject {
  const limited = Object.entries(amounts).filter(([, amount]) => amount !== null && Number.isFinite(amount));
  return Object.fromEntries(
    limited.map(([resource, amount]) => (resource === "cost_micros" ? ["cost_usd", (amount ?? 0) / 1e6] : [resource, amount])),
  );
}
