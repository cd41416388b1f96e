/** Knows what was ordered and what came back, and keeps the books of every night: once, however often it is asked to. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

interface Order {
  readonly number: number;
  readonly amount: number;
}
interface Night {
  readonly night: string;
  readonly orders: readonly Order[];
}

const ORDERS: readonly Order[] = [
  { number: 1, amount: 12 },
  { number: 2, amount: 40 },
  { number: 3, amount: 9 },
];
const books = new Map<string, number>();

function load({ night, orders }: Night): string {
  books.set(
    night,
    orders.reduce((sum, { amount }) => sum + amount, 0),
  );
  return `${night}: ${orders.length} orders, ${books.get(night)} in all; ${books.size} nights in the books`;
}

serve(
  defineAgent({
    id: "warehouse",
    capabilities: ["orders.export", "returns.export", "warehouse.load"],
    secret: signingSecret(),
    execute: {
      "orders.export": () => ORDERS,
      "returns.export": () => [2],
      "warehouse.load": load,
    },
  }),
);
