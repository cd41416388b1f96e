/** The agents of the trials: what each of them takes and asks for. What an estimate says of them it has to find out. */

export interface Member {
  readonly id: string;
  readonly capability: string;
  /** From a number between 0 and 1 to milliseconds. */
  readonly ms: (unit: number) => number;
  /** How often it fails. */
  readonly fails?: number;
  /** What it declares. */
  readonly price?: {
    readonly per_call_usd?: number;
    readonly per_1k_input_tokens_usd?: number;
    readonly per_1k_output_tokens_usd?: number;
  };
  /** What it says that a call used. */
  readonly usage?: (unit: number) => { readonly cost_usd?: number; readonly input_tokens?: number; readonly output_tokens?: number };
  readonly limits?: { readonly max_concurrency?: number; readonly rate?: { readonly count: number; readonly per: string } };
}

const between =
  (low: number, high: number) =>
  (unit: number): number =>
    low + unit * (high - low);

/** Mostly near the middle, sometimes much more: as queues and caches make it. */
const skewed =
  (median: number, factor: number) =>
  (unit: number): number =>
    median * factor ** (4 * (unit - 0.5) ** 3 + (unit - 0.5));

export const ROSTER: readonly Member[] = [
  { id: "scout", capability: "search", ms: between(40, 120), price: { per_call_usd: 0.002 } },
  {
    id: "reader",
    capability: "read",
    ms: skewed(60, 3),
    price: { per_1k_input_tokens_usd: 0.003, per_1k_output_tokens_usd: 0.015 },
    usage: (unit) => ({ input_tokens: Math.round(300 + 600 * unit), output_tokens: Math.round(50 + 150 * unit) }),
  },
  { id: "writer", capability: "write", ms: between(150, 300), usage: (unit) => ({ cost_usd: 0.004 + 0.008 * unit }) },
  { id: "critic", capability: "review", ms: () => 80, price: { per_call_usd: 0.001 } },
  { id: "thinker", capability: "think", ms: between(1_100, 1_600), usage: (unit) => ({ cost_usd: 0.02 + 0.03 * unit }) },
  { id: "wobbly", capability: "translate", ms: between(50, 100), fails: 0.25, price: { per_call_usd: 0.001 } },
  { id: "sprinter", capability: "classify", ms: between(20, 40), price: { per_call_usd: 0.003 } },
  { id: "plodder", capability: "classify", ms: between(120, 200), price: { per_call_usd: 0.0005 } },
  { id: "clerk", capability: "file", ms: between(60, 90), price: { per_call_usd: 0.0008 }, limits: { max_concurrency: 2 } },
  // One answer in ten is slow, and never both of theirs.
  { id: "moody", capability: "look", ms: (unit) => (unit < 0.9 ? 40 : 500), price: { per_call_usd: 0.001 } },
  { id: "sunny", capability: "look", ms: (unit) => (unit < 0.9 ? 45 : 450), price: { per_call_usd: 0.001 } },
];

export function memberNamed(id: string | undefined): Member {
  const member = ROSTER.find((one) => one.id === id);
  if (member === undefined) throw new Error(`There is no agent "${id}"`);
  return member;
}
