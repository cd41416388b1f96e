/** Refusals of references to what is not there, each with what was probably meant. */
import { rejection, type Rejection } from "../shared/errors.ts";
import { nearest } from "../shared/text.ts";

export function malformedReference(text: string): Rejection {
  return rejection("unknown_type", `"${text}" is no reference to a workflow; expected "name", "name@3" or "name@stable"`);
}

export function unknownName(name: string, known: readonly string[]): Rejection {
  const detail = `There is no task type "${name}"${hint("", name, known)} Known types: ${known.join(", ")}`;
  return rejection("unknown_type", detail, { facts: { known_types: known } });
}

/** `known` are the newest versions that are left, newest first. */
export function unknownVersion(name: string, version: number, known: readonly number[]): Rejection {
  const distance = (other: number): number => Math.abs(other - version);
  const [closest] = known.toSorted((a, b) => distance(a) - distance(b) || b - a);
  const meant = closest === undefined ? "." : `; did you mean "${name}@${closest}"?`;
  const detail = `Workflow "${name}" has no version ${version}${meant} Versions: ${known.join(", ")}`;
  return rejection("unknown_type", detail, { facts: { known_versions: known } });
}

export function unknownChannel(name: string, channel: string, known: readonly string[]): Rejection {
  const choices = [...known, "latest"];
  const detail = `Workflow "${name}" has no channel "${channel}"${hint(`${name}@`, channel, choices)} Channels: ${choices.join(", ")}`;
  return rejection("unknown_type", detail, { facts: { known_channels: choices } });
}

function hint(prefix: string, word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === null ? "." : `; did you mean "${prefix}${close}"?`;
}
