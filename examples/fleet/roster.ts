/** The fleet: twelve agents over two tenants, as unlike each other as agents are. Two of them have the same id. */

export const TENANTS = ["default", "acme"] as const;
export type TenantName = (typeof TENANTS)[number];

/** How an agent works, once it is asked. */
export interface Conduct {
  readonly medianMs: number;
  /** One reply in so many is a 500. */
  readonly failsOneIn?: number;
  /** One reply in so many, the first of each capability among them, takes twenty times as long. */
  readonly slowOneIn?: number;
  /** What it says that a call has cost. */
  readonly costUsd?: number;
}

export interface Member {
  readonly tenant: TenantName;
  readonly id: string;
  readonly character: string;
  /** How it runs: called over HTTP, a worker that pulls, the same in Python, or not at all. */
  readonly body: "called" | "pulls" | "python" | "absent";
  readonly workers: number;
  readonly conduct: Conduct;
  readonly capabilities: readonly string[];
  /** What else it registers, but for where it is. */
  readonly declares: Readonly<Record<string, unknown>>;
}

/** What one agent of the fleet allows, and counts itself. */
export const NARROW = { max_concurrency: 3, rate: { count: 20, per: "1s" } } as const;

/** How long a pulling agent that says that it is there may be silent, three times over. */
const HEARTBEAT = { heartbeat_interval: "1s" };
/** Left alone after three failures, but not for long: an outage here lasts seconds. */
const TOUCHY = { breaker: { consecutive: 3, cooldown: "2s" } };

export const ROSTER: readonly Member[] = [
  called("default", "swift", "fast", ["draft", "classify", "vote"], { medianMs: 15 }, { weight: 3, ...TOUCHY }),
  called("default", "steady", "ordinary", ["draft", "classify", "search", "vote"], { medianMs: 60 }, { weight: 2 }),
  called("default", "flaky", "a third of its replies are 500", ["draft", "classify", "vote"], { medianMs: 30, failsOneIn: 3 }),
  {
    ...called("default", "ghost", "promises to be fastest, is not there", ["draft", "classify"], { medianMs: 10 }),
    body: "absent",
    declares: { expected_latency: "10ms", breaker: { consecutive: 3, cooldown: "5s" } },
  },
  called("default", "tail", "one reply in twenty is 20× slower", ["search", "vote"], { medianMs: 30, slowOneIn: 20 }, { weight: 18 }),
  { ...pulling("default", "digger", "pulls, two workers", ["dig"], { medianMs: 120 }), workers: 2 },

  called("acme", "steady", "ordinary, of the same name", ["draft", "translate", "skim"], { medianMs: 60, costUsd: 0.004 }, priced(0.004)),
  called("acme", "premium", "fast and expensive", ["draft", "translate"], { medianMs: 30, costUsd: 0.02 }, priced(0.02)),
  called("acme", "slow", "slow and cheap", ["translate"], { medianMs: 1_000, costUsd: 0.001 }, { ...priced(0.001), dispatch: "inline" }),
  called("acme", "narrow", "three at once, 20 a second", ["index"], { medianMs: 60 }, { limits: NARROW }),
  { ...called("acme", "reader", "in Python", ["extract"], { medianMs: 20 }, TOUCHY), body: "python" },
  { ...pulling("acme", "picker", "pulls, one worker", ["pick"], { medianMs: 80 }), declares: { expected_latency: "80ms", ...HEARTBEAT } },
];

/** Those that are killed midway. The others re-register when they are back; this one has to be found again by a trial. */
export const VICTIMS: readonly string[] = ["default/swift", "acme/reader", "acme/picker"];
export const UNANNOUNCED = "default/swift";

export function nameOf({ tenant, id }: Pick<Member, "tenant" | "id">): string {
  return `${tenant}/${id}`;
}

export function memberNamed(name: string | undefined): Member {
  const member = ROSTER.find((one) => nameOf(one) === name);
  if (member === undefined) throw new Error(`There is no "${name}" in the fleet`);
  return member;
}

function called(
  tenant: TenantName,
  id: string,
  character: string,
  capabilities: readonly string[],
  conduct: Conduct,
  declares: Member["declares"] = {},
): Member {
  const expected = { expected_latency: `${conduct.medianMs}ms` };
  return { tenant, id, character, body: "called", workers: 1, conduct, capabilities, declares: { ...expected, ...declares } };
}

function pulling(tenant: TenantName, id: string, character: string, capabilities: readonly string[], conduct: Conduct): Member {
  return { ...called(tenant, id, character, capabilities, conduct), body: "pulls" };
}

function priced(usd: number): Member["declares"] {
  return { price: { per_call_usd: usd } };
}
