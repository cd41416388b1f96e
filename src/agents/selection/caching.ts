/** What those who offer something say of keeping results: these are kept only where all of them allow it. */
import type { Target } from "../../language/staffing.ts";
import type { DeclaredCaching } from "../../engine/world.ts";
import type { Capability } from "../agent.ts";
import type { DirectorySnapshot } from "./selection.ts";

/** Found once for a snapshot: every step that begins asks. */
const known = new WeakMap<DirectorySnapshot, Map<string, DeclaredCaching>>();

export function cachingOf(target: Target, snapshot: DirectorySnapshot): DeclaredCaching {
  let byTarget = known.get(snapshot);
  if (byTarget === undefined) known.set(snapshot, (byTarget = new Map()));
  const key = target.type === "agent" ? `agent/${target.agent}` : target.capability;
  let found = byTarget.get(key);
  if (found === undefined) byTarget.set(key, (found = find(target, snapshot)));
  return found;
}

function find(target: Target, snapshot: DirectorySnapshot): DeclaredCaching {
  const offers = target.type === "agent" ? offersOf(target.agent, snapshot) : offersFor(target.capability, snapshot);
  // How many have a version does not matter, which versions there are does.
  const versions = [...new Set(offers.map(({ version }) => version ?? ""))].filter((version) => version !== "").toSorted();
  const caches = offers.map(({ cache }) => cache).filter((cache) => cache !== undefined);
  // A step that names an agent has the capability of its choosing in its input, if at all.
  const isAllowed = target.type === "capability" && offers.length > 0 && caches.length === offers.length;
  const terms = isAllowed
    ? { ttlMs: Math.min(...caches.map(({ ttlMs }) => ttlMs)), tags: [...new Set(caches.flatMap(({ tags }) => tags ?? []))].toSorted() }
    : null;
  return { versions: versions.join(" "), terms };
}

function offersFor(capability: string, { byCapability }: DirectorySnapshot): readonly Capability[] {
  return (byCapability.get(capability) ?? []).flatMap(({ agent }) => agent.capabilities.filter(({ name }) => name === capability));
}

/** A step that names the agent gets the terms of its first capability. */
function offersOf(id: string, { byId }: DirectorySnapshot): readonly Capability[] {
  return (byId.get(id)?.capabilities ?? []).slice(0, 1);
}
