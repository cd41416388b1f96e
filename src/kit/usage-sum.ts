/** What one execution used, added up from what it tells. */
import type { Usage } from "./definition.ts";

export interface UsageSum {
  /** Throws a `RangeError` for what is negative, or tokens that are not whole. */
  readonly add: (used: Usage) => void;
  /** `null` when nothing was told. */
  readonly total: () => Usage | null;
}

export function createUsageSum(): UsageSum {
  const sum: { input_tokens?: number; output_tokens?: number; cost_usd?: number } = {};
  return {
    add: ({ input_tokens, output_tokens, cost_usd }) => {
      for (const [name, count] of Object.entries({ input_tokens, output_tokens }))
        if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0))
          throw new RangeError(`${name} is a whole number of tokens from 0, not ${count}`);
      if (cost_usd !== undefined && !(cost_usd >= 0 && cost_usd < Number.POSITIVE_INFINITY))
        throw new RangeError(`cost_usd is a number from 0, not ${cost_usd}`);
      if (input_tokens !== undefined) sum.input_tokens = (sum.input_tokens ?? 0) + input_tokens;
      if (output_tokens !== undefined) sum.output_tokens = (sum.output_tokens ?? 0) + output_tokens;
      if (cost_usd !== undefined) sum.cost_usd = (sum.cost_usd ?? 0) + cost_usd;
    },
    total: () => (Object.keys(sum).length === 0 ? null : { ...sum }),
  };
}
