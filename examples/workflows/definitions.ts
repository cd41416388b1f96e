/** The definitions of this folder, each in a file of its name. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const EXTENSION = ".yaml";

export const WORKFLOWS: readonly string[] = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(EXTENSION))
  .map((file) => basename(file, EXTENSION));

/** When a workflow runs by itself, in YAML. */
export function scheduleOf(workflow: string): string {
  return readFileSync(join(import.meta.dirname, "schedules", workflow + EXTENSION), "utf8");
}

/** A definition in YAML. */
export function definitionOf(workflow: string): string {
  return readFileSync(join(import.meta.dirname, workflow + EXTENSION), "utf8");
}
