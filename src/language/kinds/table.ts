/** Every kind of step there is. */
import type { Json } from "../../shared/json.ts";
import type { AnyStepDefinition } from "../step-definition.ts";
import { agent } from "./agent.ts";
import { approval } from "./approval.ts";
import { end } from "./end.ts";
import type { KindDefinition } from "./kind.ts";
import { map } from "./map.ts";
import { repeat } from "./repeat.ts";
import { signal } from "./signal.ts";
import { switchKind } from "./switch.ts";
import { transform } from "./transform.ts";
import { wait } from "./wait.ts";
import { workflow } from "./workflow.ts";

/** In the order in which messages name them. */
const KINDS = { agent, map, switch: switchKind, repeat, workflow, wait, signal, approval, transform, end };

export type StepKind = keyof typeof KINDS;
export const STEP_KINDS = Object.keys(KINDS) as [StepKind, ...StepKind[]];

type DefinitionOf<Kind> = Kind extends KindDefinition<infer Written, infer Compiled> ? { written: Written; compiled: Compiled } : never;
/** A step of the kind as it is written. */
export type WrittenOf<K extends StepKind> = DefinitionOf<(typeof KINDS)[K]>["written"];
/** What a node of the kind has beside what every node has. */
export type CompiledOf<K extends StepKind> = DefinitionOf<(typeof KINDS)[K]>["compiled"];

/** Of whatever kind; it is given what is of its own. */
export type AnyKind = KindDefinition<AnyStepDefinition, object>;

/** What says no kind asks an agent; what is said to be none that there is, is treated alike. */
export function kindOf(type: Json | undefined): AnyKind {
  const kind = typeof type === "string" && Object.hasOwn(KINDS, type) ? KINDS[type as StepKind] : agent;
  return kind as unknown as AnyKind;
}
