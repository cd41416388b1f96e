/** What a definition is held against beside itself. `null`: it could not be looked up, or nobody asked. */
import type { WorkflowDefinition } from "../../language/definition.ts";
import type { Target } from "../../language/staffing.ts";
import type { Fault } from "../../shared/errors.ts";
import type { JsonSchema } from "../../shared/json-schema.ts";
import type { Library, LibraryEntry } from "../../language/library.ts";
import type { Result } from "../../shared/result.ts";

export interface LintContext {
  /** As which it is registered, or will be. */
  readonly name: string | null;
  readonly agents: KnownAgents | null;
  /** What its references mean, or why one of them means nothing. */
  readonly library: Result<Library, readonly Fault[]> | null;
}

/** Who is registered; a snapshot of the directory is one. */
export interface KnownAgents {
  readonly byId: ReadonlyMap<string, KnownAgent>;
  readonly byCapability: ReadonlyMap<string, readonly { readonly agent: KnownAgent }[]>;
}

export interface KnownAgent {
  readonly id: string;
  readonly capabilities: readonly OfferedCapability[];
  readonly price?: { readonly perCallUsd?: number };
  readonly region?: string;
  readonly labels?: { readonly [name: string]: string };
}

export interface OfferedCapability {
  readonly name: string;
  readonly version?: string;
  readonly price?: { readonly perCallUsd?: number };
  readonly inputSchema?: JsonSchema;
  readonly outputSchema?: JsonSchema;
}

export interface Offer {
  readonly agent: KnownAgent;
  readonly capability: OfferedCapability | undefined;
}

/** Whoever a step may be given to, each with the terms of what it would be asked for. Many steps ask for the same. */
export class Offers {
  readonly #agents: KnownAgents;
  readonly #byTarget = new Map<string, readonly Offer[]>();

  constructor(agents: KnownAgents) {
    this.#agents = agents;
  }

  for(target: Target): readonly Offer[] {
    const key = keyOf(target);
    let offers = this.#byTarget.get(key);
    if (offers === undefined) this.#byTarget.set(key, (offers = offersFor(target, this.#agents)));
    return offers;
  }
}

/** What is asked for, as a word. */
export const keyOf = (target: Target): string => (target.type === "agent" ? `agent ${target.agent}` : `capability ${target.capability}`);

function offersFor(target: Target, { byId, byCapability }: KnownAgents): readonly Offer[] {
  if (target.type === "agent") {
    const agent = byId.get(target.agent);
    return agent === undefined ? [] : [{ agent, capability: agent.capabilities[0] }];
  }
  const offering = byCapability.get(target.capability) ?? [];
  return offering.map(({ agent }) => ({ agent, capability: agent.capabilities.find(({ name }) => name === target.capability) }));
}

const parsedByEntry = new WeakMap<LibraryEntry, WorkflowDefinition>();

/** The definition that a reference means, as it was registered: once checked, but maybe by older rules. */
export function referredTo(reference: string, library: Library): WorkflowDefinition | null {
  const entry = Object.hasOwn(library, reference) ? library[reference] : undefined;
  if (entry === undefined) return null;
  let definition = parsedByEntry.get(entry);
  if (definition === undefined) parsedByEntry.set(entry, (definition = JSON.parse(entry.definition) as WorkflowDefinition));
  return definition;
}
