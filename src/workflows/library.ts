/**
 * The library of a definition: every registered workflow that it refers to, directly or through others, each pinned to
 * one version. A task that has its library reads the registry no more. References may go in circles.
 */
import type { Fault, Rejection } from "../shared/errors.ts";
import type { Library, LibraryEntry } from "../language/library.ts";
import { isJsonObject, pointer, type Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { blocksIn, stepsIn, type BlockHolder } from "../language/blocks.ts";
import { kindOf } from "../language/kinds/table.ts";

export type Lookup = (reference: string) => Promise<Result<LibraryEntry, Rejection>>;

export interface PlacedReference {
  readonly reference: string;
  readonly at: string;
}

/** All references of one definition, in its order. */
export function referencesIn(definition: Json): readonly PlacedReference[] {
  if (!isJsonObject(definition)) return [];
  return [
    ...inBlock({ holder: definition, at: "" }),
    ...["on_completed", "on_failed"].flatMap((field) => inHook(definition[field], pointer(field))),
  ];
}

function inBlock(block: BlockHolder): readonly PlacedReference[] {
  return stepsIn(block).flatMap((placed) => [
    ...(kindOf(placed.step["type"]).startsWorkflow === true ? named(placed.step, placed.at) : []),
    ...blocksIn(placed).flatMap(inBlock),
  ]);
}

function inHook(hook: Json | undefined, at: string): readonly PlacedReference[] {
  if (Array.isArray(hook)) return (hook as readonly Json[]).flatMap((item, index) => named(item, at + pointer(index)));
  return named(hook, at);
}

function named(holder: Json | undefined, at: string): readonly PlacedReference[] {
  const reference = isJsonObject(holder) ? holder["workflow"] : undefined;
  return typeof reference === "string" ? [{ reference, at: at + pointer("workflow") }] : [];
}

/** A reference on the way, with the place in the first definition that it comes from. */
interface Wanted extends PlacedReference {
  /** Says which definition has it, when it is not the first. */
  readonly through: string;
}

/** Looks up level by level, the references of one level at once. */
export async function loadLibrary(definition: Json, lookUp: Lookup): Promise<Result<Library, readonly Fault[]>> {
  const entries = new Map<string, LibraryEntry>();
  let bytes = 0;
  let level: readonly Wanted[] = referencesIn(definition).map((placed) => ({ ...placed, through: "" }));
  while (level.length > 0) {
    const groups = [...Map.groupBy(level, ({ reference }) => reference).values()].map((wanted) => ({ wanted, first: wanted[0] as Wanted }));
    const beyond = groups[LIMITS.libraryWorkflows - entries.size];
    if (beyond !== undefined) return err([tooMuch(beyond.first, `a workflow refers to at most ${LIMITS.libraryWorkflows} others`)]);
    const answers = await Promise.all(groups.map(async (group) => ({ ...group, found: await lookUp(group.first.reference) })));
    const faults: Fault[] = [];
    const next: Wanted[] = [];
    for (const { wanted, first, found } of answers) {
      if (!found.ok) {
        faults.push(...wanted.map((place) => unknown(place, found.error)));
        continue;
      }
      const { name, version, definition: text } = found.value;
      bytes += Buffer.byteLength(text);
      if (bytes > LIMITS.libraryBytes) return err([tooMuch(first, `what it refers to is at most ${LIMITS.libraryBytes} bytes together`)]);
      entries.set(first.reference, { name, version, definition: text });
      const through = (at: string) => `in "${name}" version ${version} at ${at}: `;
      next.push(...referencesIn(JSON.parse(text) as Json).map((placed) => ({ ...placed, at: first.at, through: through(placed.at) })));
    }
    if (faults.length > 0) return err(faults.slice(0, LIMITS.faults));
    level = next.filter(({ reference }) => !entries.has(reference));
  }
  return ok(Object.fromEntries(entries));
}

function unknown({ at, through }: Wanted, { detail }: Rejection): Fault {
  return { pointer: at, message: through + detail, code: "unknown_reference" };
}

function tooMuch({ at, through }: Wanted, message: string): Fault {
  return { pointer: at, message: through + message, code: "limit_reached" };
}
