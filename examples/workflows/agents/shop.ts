/** Knows what was sold, and writes it down. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

interface Sale {
  readonly product: string;
  readonly amount: number;
}
const SALES: readonly Sale[] = [
  { product: "honey", amount: 12 },
  { product: "wax", amount: -4 },
  { product: "honey", amount: 9 },
  { product: "candles", amount: 20 },
];

interface Day {
  readonly day: string;
  readonly sales: readonly Sale[];
}

serve(
  defineAgent({
    id: "shop",
    capabilities: ["sales.read", "sales.report"],
    secret: signingSecret(),
    execute: {
      "sales.read": () => SALES,
      "sales.report": ({ day, sales }: Day) =>
        `${day}: ${sales.length} sales, ${sales.reduce((sum, { amount }) => sum + amount, 0)} in all`,
    },
  }),
);
