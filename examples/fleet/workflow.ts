/**
 * The work of each tenant: waves of steps, each wave a fan-out under different policies that is brought together by one step,
 * on which the next wave depends.
 */
import type { TenantName } from "./roster.ts";

/** Some of it, for who counts. */
export interface Workflow {
  readonly steps: readonly { readonly id: string }[];
  readonly output: string;
}

interface Step {
  readonly id: string;
  readonly input: unknown;
  readonly [field: string]: unknown;
}

const KEEP_TRYING = { retry: { max_attempts: 6, delay: "50ms", max_delay: "1s", on: "another" }, timeout: "10s" };
const POLICIES = ["most_reliable", "least_loaded", "weighted", "balanced"] as const;
/** More at once than the narrow agent takes in a second. */
const RUSH = 20;

export function workflowOf(tenant: TenantName, waves: number): Workflow {
  const wave = tenant === "default" ? waveOfDefault : waveOfAcme;
  const steps = Array.from({ length: waves }, (_, index) => wave(index + 1)).flat();
  return { steps, output: `\${ steps["w${waves}.all"].output.answer }` };
}

/** As many waves as make `steps` steps in both tenants together, and enough for something to come after the outage. */
export function wavesFor(steps: number): number {
  const perWave = waveOfDefault(2).length + waveOfAcme(2).length;
  return Math.max(3, Math.ceil((steps - RUSH) / perWave));
}

/** Short work that shows who is back. */
export function encoreOf(tenant: TenantName, round: number): Workflow {
  const named = (kind: string, count: number, fields: object): readonly Step[] =>
    Array.from({ length: count }, (_, index) => ({ id: `${kind}-${index + 1}`, input: { round, kind, index }, ...fields }));
  const steps =
    tenant === "default"
      ? named("draft", 30, { capability: "draft", ...KEEP_TRYING })
      : [
          ...named("extract", 3, { capability: "extract", ...KEEP_TRYING, fallback: [{ capability: "skim" }] }),
          ...named("pick", 3, { capability: "pick", ...PULLED, fallback: [{ capability: "skim" }] }),
          ...named("draft", 2, { capability: "draft", ...KEEP_TRYING }),
        ];
  return { steps, output: "${ true }" };
}

const PULLED = { retry: { max_attempts: 3, delay: "50ms", on: "another" }, timeout: "3s" };

function waveOfDefault(wave: number): readonly Step[] {
  const step = stepsOf(wave);
  return joined(wave, "sticky", [
    ...[1, 2, 3].map((n) => step(`draft-${n}`, { capability: "draft", ...KEEP_TRYING, select: { policy: "round_robin" } })),
    step("draft-4", { capability: "draft", ...KEEP_TRYING, select: { policy: "fastest" } }),
    step("draft-5", { capability: "draft", ...KEEP_TRYING, select: { policy: POLICIES[wave % POLICIES.length] } }),
    ...[1, 2].map((n) => step(`classify-${n}`, { capability: "classify", ...KEEP_TRYING })),
    ...[1, 2].map((n) =>
      step(`search-${n}`, {
        capability: "search",
        ...KEEP_TRYING,
        select: { policy: "weighted" },
        hedge: { after: "150ms", max_share: 0.5 },
      }),
    ),
    step("vote", { capability: "vote", ...KEEP_TRYING, ensemble: { agents: 3, mode: "quorum", by: "output.answer" } }),
    ...[1, 2].map((n) => step(`dig-${n}`, { capability: "dig", retry: { max_attempts: 6, delay: "50ms" }, timeout: "10s" })),
  ]);
}

function waveOfAcme(wave: number): readonly Step[] {
  const step = stepsOf(wave);
  const rush = wave === 1 ? RUSH : 0;
  const late = step("glance", {
    capability: "extract",
    retry: { max_attempts: 1 },
    timeout: "10s",
    on_error: { output: { answer: null, by: null } },
  });
  return [
    ...joined(wave, "balanced", [
      ...Array.from({ length: 4 + rush }, (_, n) => step(`index-${n + 1}`, { capability: "index", ...KEEP_TRYING, timeout: "20s" })),
      step("translate-1", { capability: "translate", ...KEEP_TRYING, select: { policy: "cheapest" } }),
      step("translate-2", { capability: "translate", ...KEEP_TRYING, select: { policy: "fastest" } }),
      step("translate-3", {
        capability: "translate",
        ...KEEP_TRYING,
        select: wave % 2 === 0 ? { max_cost_usd: 0.01 } : { meet: { within: "500ms", probability: 0.9 } },
      }),
      step("extract", {
        capability: "extract",
        ...KEEP_TRYING,
        retry: { max_attempts: 2, delay: "50ms" },
        fallback: [{ capability: "skim" }],
      }),
      ...[1, 2].map((n) => step(`pick-${n}`, { capability: "pick", ...PULLED, fallback: [{ capability: "skim" }] })),
    ]),
    // Nothing waits for it: what it may lack is no reason to stop.
    late,
  ];
}

/** Steps of a wave, which begin when the wave before has been brought together. */
function stepsOf(wave: number): (name: string, fields: object) => Step {
  return (name, fields) => ({
    id: `w${wave}.${name}`,
    input: { topic: "${ input.topic }", part: name, after: wave === 1 ? null : `\${ steps["w${wave - 1}.all"].output.answer }` },
    ...fields,
  });
}

function joined(wave: number, policy: "sticky" | "balanced", steps: readonly Step[]): readonly Step[] {
  const answers = steps.map(({ id }) => `\${ steps["${id}"].output.answer }`);
  const select = policy === "sticky" ? { policy, sticky: "input.topic" } : { policy };
  return [...steps, { id: `w${wave}.all`, capability: "draft", ...KEEP_TRYING, select, input: { wave, answers } }];
}
