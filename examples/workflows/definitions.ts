/** The definitions of this folder, each in a file of its name. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const EXTENSION = ".yaml";

export const WORKFLOWS: readonly string[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(EXTENSION))
  .map((file) => basename(file, EXTENSION));

/** A definition in YAML. */
export function definitionOf(workflow: string): string {
  return readFileSync(join(import.meta.dirname, workflow + EXTENSION), "utf8");
}
