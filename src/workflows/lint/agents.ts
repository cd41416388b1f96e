/** Steps for which there is nobody, among the agents that are registered now. */
import type { AgentDefinition } from "../../language/agent-definition.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { Selection, Target } from "../../language/staffing.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { nearest } from "../../shared/text.ts";
import { isVersion } from "../../shared/version.ts";
import type { Warning } from "./codes.ts";
import { missingFrom, requiredBy } from "./missing-input.ts";
import { stepsUnder, type SourceStep, type SourceBlock } from "./source-tree.ts";
import type { ShapeInference } from "./shape-inference.ts";
import { keyOf, Offers, type KnownAgents, type Offer } from "./lint-context.ts";

/** A step that asks agents, or what undoes one. */
interface Asking {
  readonly node: NodeOf<"agent">;
  readonly written: AgentDefinition;
  readonly at: string;
  readonly step: SourceStep;
}

export function agentWarnings(root: SourceBlock, agents: KnownAgents | null, shapes: ShapeInference): readonly Warning[] {
  if (agents === null) return [];
  const offered = new Offers(agents);
  const unknown = new Map<string, Warning & { readonly others: number }>();
  const warnings = [...stepsUnder(root)].flatMap(askingIn).flatMap((asking) =>
    asking.node.targets.flatMap((target, index) => {
      const offers = offered.for(target);
      if (offers.length > 0) return index === 0 ? fitWarnings(asking, offers, shapes) : [];
      // Everybody who asks for what nobody offers has the same fault: it is told once.
      const key = keyOf(target);
      const known = unknown.get(key);
      if (known === undefined && unknown.size >= LIMITS.faults) return [];
      const warning = known ?? { ...nobody(target, agents), pointer: placeOfTarget(asking, index), others: -1 };
      unknown.set(key, { ...warning, others: warning.others + 1 });
      return [];
    }),
  );
  const told = [...unknown.values()].map(({ others, message, ...rest }) => ({ ...rest, message: message + alsoAsked(others) }));
  return [...told, ...warnings];
}

function askingIn(step: SourceStep): readonly Asking[] {
  const { node, written, at } = step;
  const [undo] = node.undo?.steps ?? [];
  const own = node.kind === "agent" ? [{ node, written: written as AgentDefinition, at, step }] : [];
  if (undo?.kind !== "agent" || written.compensate === undefined) return own;
  return [...own, { node: undo, written: written.compensate, at: `${at}/compensate`, step }];
}

const nameOf = (target: Target): string => (target.type === "agent" ? target.agent : target.capability);
const alsoAsked = (others: number): string =>
  others === 0 ? "" : ` (${others} more ${others === 1 ? "place asks" : "places ask"} for it)`;
const placeOfTarget = ({ node, at }: Asking, index: number): string => {
  const field = node.targets[index]?.type ?? "capability";
  return index === 0 ? `${at}/${field}` : `${at}/fallback/${index - 1}/${field}`;
};

function nobody(target: Target, { byId, byCapability }: KnownAgents): Pick<Warning, "code" | "message" | "suggestion"> {
  const name = nameOf(target);
  const close = nearest(name, target.type === "agent" ? byId.keys() : byCapability.keys());
  const what = target.type === "agent" ? `no agent "${name}" is registered` : `nobody offers "${name}"`;
  const so = "steps wait for one until their queue_ttl has passed";
  return {
    code: target.type === "agent" ? "unknown_agent" : "unknown_capability",
    message: close === null ? `${what}; ${so}` : `${what}; did you mean "${close}"?`,
    ...(close !== null && { suggestion: close }),
  };
}

function fitWarnings(asking: Asking, offers: readonly Offer[], shapes: ShapeInference): readonly Warning[] {
  const { node, at } = asking;
  const fitting = isOpen(node.selection) ? offers : offers.filter((offer) => fits(offer, node.selection));
  if (fitting.length === 0) return [nobodyFits(asking, offers)];
  const wanted = node.ensemble?.agents ?? 1;
  if (wanted > fitting.length) {
    const message = `the ensemble asks ${wanted} agents at once, and ${fitting.length === 1 ? "only one offers" : `only ${fitting.length} offer`} "${nameOf(node.targets[0])}"`;
    return [{ code: "too_few_agents", pointer: `${at}/ensemble/agents`, message }];
  }
  return node.targets.length > 1 ? [] : missingInput(asking, fitting, shapes);
}

const isOpen = ({ exclude, version, region, labels }: Selection): boolean =>
  exclude.length === 0 && version === null && region === null && Object.keys(labels).length === 0;

function fits({ agent, capability }: Offer, { exclude, version, region, labels }: Selection): boolean {
  return (
    !exclude.includes(agent.id) &&
    (version === null || isVersion(capability?.version, version)) &&
    (region === null || agent.region === region) &&
    Object.entries(labels).every(([name, value]) => labelOf(agent, name) === value)
  );
}

const labelOf = ({ labels = {} }: Offer["agent"], name: string): string | undefined =>
  Object.hasOwn(labels, name) ? labels[name] : undefined;

/** The first criterion that nobody meets by itself, or all of them together. */
function nobodyFits({ node, at }: Asking, offers: readonly Offer[]): Warning {
  const { selection } = node;
  const all = { ...selection, exclude: [], version: null, region: null, labels: {} };
  const criteria: readonly (readonly [string, Selection, string, readonly (string | undefined)[]])[] = [
    ["/region", { ...all, region: selection.region }, `is in region "${selection.region}"`, offers.map(({ agent }) => agent.region)],
    [
      "/version",
      { ...all, version: selection.version },
      `has version ${selection.version}`,
      offers.map(({ capability }) => capability?.version),
    ],
    ...Object.entries(selection.labels).map(
      ([name, value]) =>
        [
          `/labels/${name}`,
          { ...all, labels: { [name]: value } },
          `has ${name} "${value}"`,
          offers.map(({ agent }) => labelOf(agent, name)),
        ] as const,
    ),
    ["/exclude", { ...all, exclude: selection.exclude }, "is left when those are excluded", []],
  ];
  const [place, , what, there] = criteria.find(([, one]) => !offers.some((offer) => fits(offer, one))) ?? [
    "",
    all,
    "meets all of this",
    [],
  ];
  const known = [...new Set(there.filter((value) => value !== undefined))].slice(0, 10);
  const who = `of the ${offers.length === 1 ? "one agent that offers" : `${offers.length} agents that offer`} "${nameOf(node.targets[0])}" nobody ${what}`;
  return {
    code: "no_fitting_agent",
    pointer: `${at}/select${place}`,
    message: known.length === 0 ? who : `${who}; there is ${known.join(", ")}`,
  };
}

function missingInput({ written, at, step }: Asking, offers: readonly Offer[], shapes: ShapeInference): readonly Warning[] {
  const [first, ...others] = offers;
  const required = requiredBy(first?.capability?.inputSchema).filter((field) =>
    others.every(({ capability }) => requiredBy(capability?.inputSchema).includes(field)),
  );
  const input = (written.input ?? {}) as Json;
  return missingFrom(
    input,
    required,
    step,
    shapes,
    at,
    offers.length === 1 ? "the agent that would be asked" : "every agent that could be asked",
  );
}
