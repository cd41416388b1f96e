/** The drawings in the README: each is of the definition that the text before it links to last. */
import { readYaml } from "../../src/shared/yaml.ts";
import type { JsonObject } from "../../src/shared/json.ts";
import { LIMITS } from "../../src/workflows/limits.ts";
import { mermaidOf } from "../../src/workflows/mermaid.ts";
import { definitionOf } from "./definitions.ts";

/** The text with its drawings as they should be. */
export function redrawn(text: string): string {
  return text.replaceAll(/^```mermaid\n[^]*?^```$/gm, (_, at: number) => {
    const [, workflow] = [...text.slice(0, at).matchAll(/\]\(workflows\/([\w-]+)\.yaml\)/g)].at(-1) ?? [];
    if (workflow === undefined) throw new Error("A drawing comes after the link to its definition");
    return `\`\`\`mermaid\n${drawingOf(workflow)}\`\`\``;
  });
}

/** As `GET /workflows/{name}?format=mermaid` answers. */
function drawingOf(workflow: string): string {
  const definition = readYaml(definitionOf(workflow), LIMITS.definitionBytes);
  if (!definition.ok) throw new Error(`${workflow}.yaml, line ${definition.error.line}: ${definition.error.message}`);
  const drawing = mermaidOf(definition.value as JsonObject);
  if (!drawing.ok) throw new Error(drawing.error.detail);
  return drawing.value;
}
